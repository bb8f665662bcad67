//! What the fake remembers: users' tokens, conversations, messages, budgets, planned faults and seen requests.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use chatter::wire::{self, Member, Raw};
use serde_json::Value;

use super::faults::{Fault, PlannedFault};
use super::{FakeChatter, SeenRequest};

/// One conversation row with its messages.
pub(crate) struct StoredConversation {
    /// As the server answers it, without messages.
    pub(crate) row: wire::ConversationResponse,
    /// In the order of their numbers.
    pub(crate) messages: Vec<wire::MessageResponse>,
    /// Whether a stream left a database transaction open: every later write hangs.
    pub(crate) locked: bool,
}

/// Everything the fake remembers.
pub(crate) struct Data {
    seed: u64,
    ids: u64,
    clock: i64,
    queries: u64,
    budgets: BTreeMap<(String, String), VecDeque<Instant>>,
    faults: Vec<PlannedFault>,
    /// Texts in answers, and what is sent in their place.
    pub(crate) rewrites: Vec<(String, String)>,
    pub(crate) tokens: BTreeMap<String, (String, Instant)>,
    pub(crate) conversations: BTreeMap<String, StoredConversation>,
    pub(crate) seen: Vec<SeenRequest>,
}

impl Data {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            ids: 0,
            clock: 0,
            queries: 0,
            budgets: BTreeMap::new(),
            faults: Vec::new(),
            rewrites: Vec::new(),
            tokens: BTreeMap::new(),
            conversations: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    pub(crate) fn plan(&mut self, method: &'static str, path_part: &str, fault: Fault) {
        self.faults.push(PlannedFault {
            method,
            path_part: path_part.to_owned(),
            fault,
        });
    }

    pub(crate) fn take_fault(&mut self, method: &str, path: &str) -> Option<Fault> {
        let position = self
            .faults
            .iter()
            .position(|planned| planned.method == method && path.contains(&planned.path_part))?;
        Some(self.faults.remove(position).fault)
    }

    /// The user behind a token. The two fixed tokens never expire.
    pub(crate) fn user_of(&self, token: &str) -> Option<&str> {
        match token {
            FakeChatter::TOKEN => Some("01M7YWAJTA0BG29CCBH37AM180"),
            FakeChatter::OTHER_TOKEN => Some("01M7YWAKCMWG6JARSHD7WDCT13"),
            _ => {
                let (user, expires) = self.tokens.get(token)?;
                (*expires > Instant::now()).then_some(user.as_str())
            }
        }
    }

    /// Uses one request of a budget; `None` where it is spent, else how many are left. Refused calls do not count.
    pub(crate) fn spend(
        &mut self,
        name: &str,
        who: &str,
        limit: usize,
        window: Duration,
    ) -> Option<usize> {
        let now = Instant::now();
        let used = self
            .budgets
            .entry((name.to_owned(), who.to_owned()))
            .or_default();
        while used
            .front()
            .is_some_and(|at| now.duration_since(*at) >= window)
        {
            used.pop_front();
        }
        if used.len() >= limit {
            return None;
        }
        used.push_back(now);
        Some(limit - used.len())
    }

    /// The database's clock: microseconds since 1970, never the same twice.
    pub(crate) fn now(&mut self) -> i64 {
        self.clock = self.clock.max(jiff::Timestamp::now().as_microsecond() - 1) + 1;
        self.clock
    }

    pub(crate) fn new_id(&mut self) -> String {
        self.ids += 1;
        // Ids made by one server grow with time.
        let milliseconds = u64::try_from(self.now() / 1000).unwrap_or_default();
        ulid::Ulid::from_parts(milliseconds, u128::from(self.ids) << 32).to_string()
    }

    /// Creates a row; nothing but the kept fields of the request is looked at.
    pub(crate) fn new_row(
        &mut self,
        user_id: &str,
        now: i64,
        request: &wire::ConversationCreate,
    ) -> wire::ConversationResponse {
        let time = timestamp(now);
        wire::ConversationResponse {
            title: request.title.clone(),
            description: Member::Null,
            id: self.new_id(),
            user_id: user_id.to_owned(),
            profile_id: Member::or_null(request.profile_id.clone().into_value()),
            status: wire::ConversationStatus::Active,
            llm_provider: Member::Null,
            llm_model: Member::Null,
            temperature: Member::or_null(request.temperature.into_value()),
            max_tokens: Member::or_null(request.max_tokens.into_value()),
            enable_retrieval: Member::Value(false),
            message_count: Member::Value(0),
            total_tokens: Member::Value(0),
            total_cost: Member::Value(0.0),
            system_prompt: Member::Null,
            context_window: Member::Value(4096),
            memory_enabled: Member::Value(true),
            memory_strategy: Member::Null,
            retrieval_limit: Member::Value(5),
            retrieval_score_threshold: Member::Value(0.7),
            tags: Member::Null,
            extra_metadata: Member::Value(merged_metadata(
                &request.extra_metadata,
                &request.workflow_config,
            )),
            workflow_config: Member::Null,
            created_at: time.clone(),
            updated_at: time,
            last_message_at: Member::Null,
            messages: Member::Absent,
            extra: wire::Extra::new(),
        }
    }

    /// Creates a message with the next free number. V0 knows no ratings.
    pub(crate) fn new_message(
        &mut self,
        conversation_id: &str,
        role: wire::MessageRole,
        content: &str,
        sequence_number: i64,
        created: i64,
        rated: bool,
    ) -> wire::MessageResponse {
        wire::MessageResponse {
            role,
            content: content.to_owned(),
            id: self.new_id(),
            conversation_id: conversation_id.to_owned(),
            sequence_number,
            prompt_tokens: Member::Null,
            completion_tokens: Member::Null,
            total_tokens: Member::Null,
            model_used: Member::Null,
            provider_used: Member::Null,
            response_time_ms: Member::Null,
            cost: Member::Null,
            finish_reason: Member::Null,
            rating: if rated { Member::Null } else { Member::Absent },
            rating_count: if rated {
                Member::Value(0)
            } else {
                Member::Absent
            },
            created_at: timestamp(created),
            extra: wire::Extra::new(),
        }
    }

    /// A conversation of this user, deleted or not.
    pub(crate) fn owned(&mut self, user_id: &str, id: &str) -> Option<&mut StoredConversation> {
        self.conversations
            .get_mut(id)
            .filter(|stored| stored.row.user_id == user_id)
    }

    /// Messages by number.
    pub(crate) fn messages(&self, conversation_id: &str) -> Vec<wire::MessageResponse> {
        self.conversations
            .get(conversation_id)
            .map(|stored| stored.messages.clone())
            .unwrap_or_default()
    }

    /// Messages as the server orders them: by `created_at` alone, so equal times come in any order, and in another
    /// one at each query.
    pub(crate) fn messages_by_time(&mut self, conversation_id: &str) -> Vec<wire::MessageResponse> {
        let shuffle = self.shuffle();
        let mut messages = self.messages(conversation_id);
        messages.sort_by_key(|message| (time_key(&message.created_at), shuffle(&message.id)));
        messages
    }

    /// Rows of this user as the server orders them: by one column, equal values in any order.
    pub(crate) fn rows_by(
        &mut self,
        user_id: &str,
        column: &str,
        descending: bool,
    ) -> Vec<wire::ConversationResponse> {
        let shuffle = self.shuffle();
        let mut rows: Vec<(Value, u64, wire::ConversationResponse)> = self
            .conversations
            .values()
            .filter(|stored| stored.row.user_id == user_id)
            .map(|stored| {
                let value = serde_json::to_value(&stored.row).expect("a row is JSON");
                let key = match &value[column] {
                    Value::String(text) if column.ends_with("_at") => Value::String(time_key(text)),
                    other => other.clone(),
                };
                (key, shuffle(&stored.row.id), stored.row.clone())
            })
            .collect();
        rows.sort_by(|left, right| {
            let order = compare(&left.0, &right.0);
            (if descending { order.reverse() } else { order }).then(left.1.cmp(&right.1))
        });
        rows.into_iter().map(|(_, _, row)| row).collect()
    }

    fn shuffle(&mut self) -> impl Fn(&str) -> u64 + use<> {
        self.queries += 1;
        let (seed, query) = (self.seed, self.queries);
        move |id| {
            let mut hasher = DefaultHasher::new();
            (seed, query, id).hash(&mut hasher);
            hasher.finish()
        }
    }
}

impl StoredConversation {
    /// The number of the next message: a deleted last message frees its number.
    pub(crate) fn next_number(&self) -> i64 {
        self.messages
            .last()
            .map_or(0, |message| message.sequence_number + 1)
    }
}

/// The metadata that the server stores: what was given, with the workflow's settings inside.
pub(crate) fn merged_metadata(extra_metadata: &Member<Raw>, workflow_config: &Member<Raw>) -> Raw {
    let mut metadata: BTreeMap<String, Raw> = extra_metadata
        .value()
        .map(|raw| raw.decode().expect("a checked object"))
        .unwrap_or_default();
    let Some(config) = workflow_config.value() else {
        return extra_metadata
            .value()
            .cloned()
            .unwrap_or_else(|| Raw::encode(&metadata).expect("an object"));
    };
    metadata.insert("workflow_config".to_owned(), config.clone());
    Raw::encode(&metadata).expect("an object")
}

/// RFC 3339 with microseconds; the fraction is left out where it is zero.
pub(crate) fn timestamp(microseconds: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(microseconds).expect("a time of this age");
    if microseconds % 1_000_000 == 0 {
        format!("{time:.0}")
    } else {
        format!("{time:.6}")
    }
}

/// A time that sorts as text: the fraction may be missing.
fn time_key(time: &str) -> String {
    if time.contains('.') {
        time.to_owned()
    } else {
        time.replace('Z', ".000000Z")
    }
}

fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => left
            .as_f64()
            .partial_cmp(&right.as_f64())
            .unwrap_or(Ordering::Equal),
        _ => Ordering::Equal,
    }
}

//! Which conversations a list is to have. The directory filters by what it has a column for; the rest is judged on what it
//! finds.

use backend::{
    Backend, BackendExt as _, Context, ConversationFilter, Kind, Location, Order, PageRequest,
};
use conversation::{Conversation, Direction, Status, Time};
use futures_util::StreamExt as _;

use super::answer::Problem;
use super::body::unknown_word;
use super::call::Call;
use super::query::{PAGE_MAX, Parameters};
use super::{App, naming, people, show};
use crate::mapping::participant_from_canonical;
use crate::wire::{self, ContactHandle, ConversationStatus, MessageParticipantRole};

/// Which conversations are wanted.
pub(super) struct Wanted {
    channel: Option<String>,
    statuses: Vec<ConversationStatus>,
    /// Names; absent where no label is asked for.
    labels: Option<Vec<Box<str>>>,
    has_no_label: Option<bool>,
    has_drafts: Option<bool>,
    has_messages: Option<bool>,
    has_outbound: Option<bool>,
    handles: Vec<ContactHandle>,
    created: (Option<Time>, Option<Time>),
    last: (Option<Time>, Option<Time>),
}

impl Wanted {
    pub(super) async fn read(app: &App, call: &Call, asked: &Parameters) -> Result<Self, Problem> {
        let mut statuses = Vec::new();
        for name in ["status", "statuses"] {
            for word in asked.words(name) {
                match ConversationStatus::from(&*word) {
                    ConversationStatus::Other(_) => return Err(unknown_word(name)),
                    known => statuses.push(known),
                }
            }
        }
        let mut handles = Vec::new();
        for name in ["contact_handle_tokens", "contact_handle_token"] {
            for text in asked.all(name) {
                let needed = || Problem::bad(format!("{name}: TYPE:value is needed"));
                handles.push(people::token(text).ok_or_else(needed)?);
            }
        }
        let ids: Vec<&str> = asked.all("label_ids").collect();
        let labels = match ids.is_empty() {
            true => None,
            false => Some(naming::known_names(app, call.tenant(), &ids).await?),
        };
        Ok(Self {
            channel: asked.one("channel_id").map(str::to_owned),
            statuses,
            labels,
            has_no_label: asked.flag("has_no_label")?,
            has_drafts: asked.flag("has_drafts")?,
            has_messages: asked.flag("has_messages")?,
            has_outbound: asked.flag("has_outbound_messages")?,
            handles,
            created: (
                asked.time("created_at_after")?,
                asked.time("created_at_before")?,
            ),
            last: (
                asked.time("last_message_date_after")?,
                asked.time("last_message_date_before")?,
            ),
        })
    }

    /// Nothing can fit: there are no drafts here, and nobody has a label that is not known.
    pub(super) fn is_nothing(&self) -> bool {
        self.has_drafts == Some(true) || self.labels.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether messages have to be looked at.
    pub(super) fn is_of_messages(&self) -> bool {
        self.has_messages.is_some() || self.has_outbound.is_some()
    }

    /// Older ones are not wanted.
    pub(super) fn since(&self) -> Option<Time> {
        self.created.0
    }

    /// What the directory filters by.
    pub(super) fn filter(&self) -> ConversationFilter {
        let one = |handle: &ContactHandle| match handle.kind {
            wire::ContactHandleType::ConvoreChat => crate::mapping::chat_id(&handle.value),
            _ => handle.value.clone(),
        };
        ConversationFilter {
            status: self.canonical_statuses().unwrap_or_default(),
            label: match self.labels.as_deref() {
                Some([name]) => vec![name.clone()],
                _ => Vec::new(),
            },
            participant: match self.handles.as_slice() {
                [handle] => Some(one(handle).into()),
                _ => None,
            },
            // What was said at this very time counts too.
            updated_after: self.last.0.map(|time| time.saturating_add_micros(-1)),
            ..ConversationFilter::default()
        }
    }

    /// The states that are shown as the wanted ones. Absent where open ones are wanted: every other backend's word is
    /// shown as open, and the directory cannot name them all.
    fn canonical_statuses(&self) -> Option<Vec<Status>> {
        let mut all = Vec::new();
        for status in &self.statuses {
            match status {
                ConversationStatus::Done => all.extend([Status::Closed, Status::Archived]),
                ConversationStatus::Spam => all.push(Status::Spam),
                ConversationStatus::Trash => all.push(Status::Trashed),
                ConversationStatus::Open | ConversationStatus::Other(_) => return None,
            }
        }
        Some(all)
    }

    /// True where the directory's filter says everything, so that its count is the list's.
    pub(super) fn is_of_directory(&self) -> bool {
        self.channel.is_none()
            && self.canonical_statuses().is_some()
            && self.labels.is_none()
            && self.handles.is_empty()
            && self.has_no_label.is_none()
            && self.has_messages.is_none()
            && self.has_outbound.is_none()
            && self.created == (None, None)
            && self.last == (None, None)
    }

    /// Whether a conversation fits, as far as that stands in it.
    pub(super) fn fits(&self, conversation: &Conversation, tenant: &str) -> bool {
        let within = |time: Option<Time>, (after, before): (Option<Time>, Option<Time>)| match time
        {
            Some(time) => {
                after.is_none_or(|after| time >= after)
                    && before.is_none_or(|before| time <= before)
            }
            None => after.is_none() && before.is_none(),
        };
        let has_label =
            |names: &Vec<Box<str>>| names.iter().any(|name| conversation.labels.contains(name));
        let channel = self.channel.as_deref();
        (self.statuses.is_empty() || self.statuses.contains(&show::status_of(conversation)))
            && channel.is_none_or(|channel| show::channel_of(conversation, tenant) == channel)
            && self.labels.as_ref().is_none_or(has_label)
            && self
                .has_no_label
                .is_none_or(|wanted| conversation.labels.is_empty() == wanted)
            && (self.handles.is_empty() || self.has_handle(conversation))
            && within(Some(conversation.created_at), self.created)
            && within(conversation.last_message_at, self.last)
    }

    fn has_handle(&self, conversation: &Conversation) -> bool {
        conversation.participants.iter().any(|participant| {
            let role = MessageParticipantRole::From;
            participant_from_canonical(participant, role).is_some_and(|shown| {
                self.handles.iter().any(|handle| {
                    handle.kind == shown.handle.kind && handle.value == shown.handle.value
                })
            })
        })
    }

    /// Whether it has messages as wanted. The one filter that looks at messages; so it comes last. Counts the `pages` that
    /// it reads of them.
    pub(super) async fn has_messages(
        &self,
        app: &App,
        cx: &Context,
        conversation: &Conversation,
        pages: &mut usize,
    ) -> Result<bool, Problem> {
        if let Some(wanted) = self.has_messages {
            let counts = conversation.counts.as_ref();
            let count = counts.and_then(|counts| counts.messages);
            let has = match (conversation.last_message_at, count) {
                (Some(_), _) => true,
                (None, Some(count)) => count > 0,
                (None, None) => any(app, cx, conversation, pages, |_| true).await?,
            };
            if has != wanted {
                return Ok(false);
            }
        }
        match self.has_outbound {
            None => Ok(true),
            Some(wanted) => {
                let has = any(app, cx, conversation, pages, |way| {
                    *way == Direction::Outbound
                });
                Ok(has.await? == wanted)
            }
        }
    }
}

/// Whether a conversation has any message that goes this way.
async fn any(
    app: &App,
    cx: &Context,
    conversation: &Conversation,
    pages: &mut usize,
    fits: impl Fn(&Direction) -> bool,
) -> Result<bool, Problem> {
    let at = Location::unresolved(conversation.id);
    let newest_first = PageRequest {
        limit: PAGE_MAX,
        order: Order::Desc,
        position: None,
    };
    let backend: &dyn Backend = &*app.parts.backend;
    let mut all = backend.all_messages(cx, &at, newest_first);
    let mut read = 0_usize;
    while let Some(message) = all.next().await {
        if read.is_multiple_of(PAGE_MAX) {
            *pages += 1;
        }
        read += 1;
        match message {
            Ok(message) if show::is_visible(&message) && fits(&message.direction) => {
                return Ok(true);
            }
            Ok(_) => {}
            Err(error) if error.kind == Kind::NotFound => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

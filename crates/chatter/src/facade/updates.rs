//! `PUT C/{id}`: what is absent or null stays.

use backend::{Kind as ErrorKind, Precondition};
use conversation::{
    Conversation, ConversationPatch, JsonMap, NewConversation, Patch, RawJson, Status, etag,
    validate_conversation,
};
use http::StatusCode;

use super::answers::{Answered, Refusal, json};
use super::call::{Call, Named};
use super::conversations::{STORED_MAX_TOKENS, shown_after, title_of, tokens};
use super::errors;
use super::metadata::{Sent, WORKFLOW_CONFIG};
use crate::mapping::TITLE_MAX_CHARS;

/// How often an update of metadata begins anew because somebody else was faster.
const ATTEMPTS: usize = 5;

/// What a caller wants changed.
struct Wanted {
    patch: ConversationPatch,
    settings: JsonMap,
    workflow_config: Option<RawJson>,
    extra_metadata: Option<RawJson>,
}

/// Reads the body.
fn read(call: &Call) -> Result<Wanted, Refusal> {
    let mut check = call.check_body()?;
    let title = check.text("title").into_value();
    if let Some(title) = &title {
        check.limit_text("title", title, 1, TITLE_MAX_CHARS);
    }
    let description = check.text("description").into_value();
    let status = check.choice("status", true, &["active", "archived", "deleted"]);
    let temperature = check.number("temperature", 0.0, 2.0).into_value();
    let max_tokens = tokens(check.integer("max_tokens", 1, STORED_MAX_TOKENS));
    let workflow_config = check.object("workflow_config").into_value();
    let extra_metadata = check.object("extra_metadata").into_value();
    check.finish(&call.problems)?;
    let mut settings = JsonMap::new();
    put(&mut settings, "temperature", temperature.as_ref());
    put(&mut settings, "max_tokens", max_tokens.as_ref());
    Ok(Wanted {
        patch: ConversationPatch {
            title: match title.as_deref().map(title_of) {
                None => Patch::Keep,
                Some(None) => Patch::Clear,
                Some(Some(title)) => Patch::Set(title),
            },
            description: set(description.map(Into::into)),
            status: set(status.map(status_of)),
            ..ConversationPatch::default()
        },
        settings,
        workflow_config,
        extra_metadata,
    })
}

/// `PUT C/{id}`
pub(super) async fn update(call: &Call, id: &str) -> Answered {
    let wanted = read(call)?;
    let named = call.conversation(id).await?;
    let mut attempt = 1;
    let changed = loop {
        match wanted.carry_out(call, &named).await {
            Err(Failed::Outrun) if attempt < ATTEMPTS => attempt += 1,
            outcome => break outcome,
        }
    };
    let changed = changed.map_err(|failed| match failed {
        Failed::Refused(refusal) => refusal,
        Failed::Outrun => {
            let words = "others change the conversation all the time: try again";
            call.problems.plain(StatusCode::CONFLICT, words)
        }
    })?;
    Ok(json(StatusCode::OK, &shown_after(call, &changed).await?))
}

/// Why nothing was changed.
enum Failed {
    Refused(Refusal),
    /// Somebody else was faster.
    Outrun,
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Wanted {
    async fn carry_out(&self, call: &Call, named: &Named) -> Result<Conversation, Failed> {
        let cx = call.cx();
        let backend = &call.api.parts.backend;
        let (mut patch, mut settings) = (self.patch.clone(), self.settings.clone());
        let mut precondition = None;
        if self.workflow_config.is_some() || self.extra_metadata.is_some() {
            let current = backend.get_conversation(&cx.fresh(), &named.at).await;
            let current = current.map_err(|error| call.failed(&error))?;
            let sent = Sent {
                metadata: self.extra_metadata.as_ref(),
                workflow_config: self.workflow_config.as_ref(),
            };
            let change = sent.change(&current);
            patch.metadata = set(change.metadata);
            let config = change.workflow_config;
            settings.extend(config.map(|config| (WORKFLOW_CONFIG.into(), config)));
            // The change was computed from what there was: it fits nothing else.
            let read = serde_json::to_vec(&current).map_err(|_| call.problems.internal())?;
            precondition = Some(Precondition::Matches(vec![etag(&read)]));
        }
        patch.assistant = set(Some(settings).filter(|settings| !settings.is_empty()));
        check_rules(call, &patch)?;
        let changed = if patch.is_empty() {
            // Changes nothing, and still tells whether there is one.
            backend.get_conversation(&cx, &named.at).await
        } else {
            let precondition = precondition.as_ref();
            backend
                .update_conversation(&cx, &named.at, patch, precondition)
                .await
        };
        changed.map_err(|error| match error.kind {
            ErrorKind::PreconditionFailed => Failed::Outrun,
            _ => Failed::Refused(call.failed(&error)),
        })
    }
}

/// The rules that hold on every backend, for what a change sets.
fn check_rules(call: &Call, patch: &ConversationPatch) -> Result<(), Refusal> {
    let mut metadata = patch.metadata.set().cloned().unwrap_or_default();
    metadata.retain(|_, value| !value.is_null());
    let broken = validate_conversation(&NewConversation {
        title: patch.title.set().cloned(),
        description: patch.description.set().cloned(),
        metadata,
        ..NewConversation::default()
    });
    if broken.is_empty() {
        return Ok(());
    }
    let errors = broken.iter().map(errors::violation).collect();
    Err(call.problems.invalid(errors))
}

fn status_of(status: &str) -> Status {
    match status {
        "archived" => Status::Archived,
        "deleted" => Status::Trashed,
        _ => Status::Open,
    }
}

fn set<T>(value: Option<T>) -> Patch<T> {
    value.map_or(Patch::Keep, Patch::Set)
}

fn put<T: serde::Serialize>(settings: &mut JsonMap, name: &str, value: Option<&T>) {
    if let Some(value) = value.and_then(|value| RawJson::from_serialize(value).ok()) {
        settings.insert(name.into(), value);
    }
}

//! What would really be sent for a write, and the fate of each of its fields.

use adapterkit::{Fates, member_pointer};
use backend::{Projection, RespondRequest, Write};
use conversation::{
    Assistant, ConversationPatch, Kind, NewConversation, NewMessage, Part, Patch, RawJson, Status,
    text_of,
};

use super::conversation::WORKFLOW_CONFIG;
use crate::config::Generation;
use crate::wire::{ChatRequest, Member, Workflow};

/// The longest title, in characters; a longer one answers 500 (measured on commit 56cfcd49).
pub(crate) const TITLE_MAX_CHARS: usize = 255;
/// The largest `max_tokens` of a conversation: the column has 32 bits.
const STORED_MAX_TOKENS: u64 = i32::MAX as u64;
/// The largest `max_tokens` of a chat call.
const CHAT_MAX_TOKENS: u64 = 8_192;
/// What V1's chat and every conversation can do.
const WORKFLOWS: [&str; 4] = ["plain", "rag", "tools", "full"];

/// Why nothing can be stored without an answer.
pub const POST_IS_IMPOSSIBLE: &str = "chatter stores a message only together with an answer of its ai: use `responses` for the user's next message";

/// Why nobody can join or leave.
const NO_PARTICIPANTS: &str = "chatter has no participants";
/// What a delete leaves behind.
const DELETED_IS_KEPT: &str = "hidden, still held by chatter: it marks a conversation as deleted and keeps it with its messages";

/// The fate of a write on a server of this generation; where the generation is not known yet, on the newest.
#[must_use]
pub fn preview(write: &Write, generation: Option<Generation>) -> Projection {
    let mut fates = Fates::new("chatter");
    let write = match write {
        Write::CreateConversation(new) => Write::CreateConversation(create(new, &mut fates)),
        Write::UpdateConversation(patch) => Write::UpdateConversation(update(patch, &mut fates)),
        Write::Respond(request) => Write::Respond(respond(request, generation, &mut fates)),
        Write::PostMessage(_) | Write::ImportMessage(_) => {
            fates.refuse("/parts", POST_IS_IMPOSSIBLE);
            write.clone()
        }
        Write::UpdateMessage { patch, .. } => {
            fates.refuse_edit(patch);
            write.clone()
        }
        Write::RateMessage { .. } => {
            if generation == Some(Generation::V0) {
                fates.refuse("/value", "this generation of chatter has no ratings");
            }
            write.clone()
        }
        Write::AddParticipants(_) => {
            fates.refuse("/participants", NO_PARTICIPANTS);
            write.clone()
        }
        Write::RemoveParticipant { .. } => {
            fates.refuse("/id", NO_PARTICIPANTS);
            write.clone()
        }
        Write::PutAttachment { .. } => {
            fates.refuse("/attachment", "chatter stores no files");
            write.clone()
        }
        Write::DeleteConversation => {
            fates.convert("", DELETED_IS_KEPT);
            write.clone()
        }
        // Nothing of a delete can be left out.
        Write::ImportMessages(_) | Write::DeleteMessage { .. } => write.clone(),
    };
    fates.into_projection(write)
}

/// The body of a chat call. Takes what [`preview`] left over.
#[must_use]
pub fn chat_request(request: &RespondRequest, text: &str, native: &str) -> ChatRequest {
    let assistant = request.assistant.clone().unwrap_or_default();
    let mut chat = ChatRequest::new(text);
    chat.conversation_id = Member::Value(native.to_owned());
    chat.workflow = Member::from(assistant.workflow.as_deref().map(Workflow::from));
    chat.provider = Member::from(assistant.provider.map(String::from));
    chat.temperature = Member::from(assistant.temperature);
    chat.max_tokens = Member::from(
        assistant
            .max_tokens
            .and_then(|tokens| u32::try_from(tokens).ok()),
    );
    chat.enable_retrieval = Member::from(assistant.retrieval);
    chat.system_prompt_override = Member::from(assistant.system_prompt.map(String::from));
    chat
}

/// A title that the vendor holds.
fn held_title(title: &str, fates: &mut Fates) -> Option<()> {
    if title.chars().count() > TITLE_MAX_CHARS {
        fates.reject_beyond(
            "/title",
            "chatter's titles have at most 255 characters",
            TITLE_MAX_CHARS as u64,
            Some(title.chars().count() as u64),
        );
    } else if title.contains('\0') {
        fates.reject("/title", "chatter refuses the character NUL");
    } else if title.trim().is_empty() {
        fates.convert("/title", "a title of blanks counts as none");
    } else {
        return Some(());
    }
    None
}

fn check_temperature(pointer: &str, temperature: &mut Option<f64>, fates: &mut Fates) {
    if temperature.is_some_and(|value| !(0.0..=2.0).contains(&value)) {
        fates.take_because(pointer, temperature, "chatter's temperature is 0 to 2");
    }
}

fn check_max_tokens(pointer: &str, tokens: &mut Option<u64>, most: u64, fates: &mut Fates) {
    if let Some(value) = *tokens
        && !(1..=most).contains(&value)
    {
        *tokens = None;
        reject_tokens(pointer, value, most, fates);
    }
}

fn reject_tokens(pointer: &str, value: u64, most: u64, fates: &mut Fates) {
    let detail = format!("chatter's limit for an answer is 1 to {most} tokens");
    if value > most {
        fates.reject_beyond(pointer, &detail, most, Some(value));
    } else {
        fates.reject(pointer, &detail);
    }
}

fn create(new: &NewConversation, fates: &mut Fates) -> NewConversation {
    let mut new = new.clone();
    if new
        .kind
        .as_ref()
        .is_some_and(|kind| *kind != Kind::Assistant)
    {
        new.kind = None;
        fates.convert(
            "/kind",
            "chatter knows conversations with its ai only: this one reads as `assistant`",
        );
    }
    if let Some(title) = new.title.take()
        && held_title(&title, fates).is_some()
    {
        new.title = Some(title);
    }
    if new
        .status
        .as_ref()
        .is_some_and(|status| *status != Status::Open)
    {
        new.status = None;
        fates.reject(
            "/status",
            "chatter makes open conversations only; archive it afterwards",
        );
    }
    fates.take("/description", &mut new.description);
    fates.take("/priority", &mut new.priority);
    fates.take("/labels", &mut new.labels);
    fates.take("/participants", &mut new.participants);
    fates.take("/owner", &mut new.owner);
    fates.take("/icon_url", &mut new.icon_url);
    fates.take_because(
        "/created_at",
        &mut new.created_at,
        "chatter says itself when a conversation was made",
    );
    fates.take_extensions("/extensions", &mut new.extensions);
    if new.metadata.remove(WORKFLOW_CONFIG).is_some() {
        fates.reject(
            "/metadata/workflow_config",
            "chatter keeps its own settings under this name",
        );
    }
    if let Some(assistant) = &mut new.assistant {
        let dropped = "chatter accepts this and drops it";
        check_temperature("/assistant/temperature", &mut assistant.temperature, fates);
        check_max_tokens(
            "/assistant/max_tokens",
            &mut assistant.max_tokens,
            STORED_MAX_TOKENS,
            fates,
        );
        fates.take_because(
            "/assistant/system_prompt",
            &mut assistant.system_prompt,
            dropped,
        );
        if assistant.retrieval == Some(true) {
            fates.take_because("/assistant/retrieval", &mut assistant.retrieval, dropped);
        }
        if assistant.retrieval.take().is_some() {
            fates.convert(
                "/assistant/retrieval",
                "false is what chatter always has, and reads as not set",
            );
        }
        no_place_in_assistant(assistant, fates);
        fates.take_because(
            "/assistant/provider",
            &mut assistant.provider,
            "chatter chooses per answer, not per conversation",
        );
        fates.take_because(
            "/assistant/workflow",
            &mut assistant.workflow,
            "chatter chooses per answer, not per conversation",
        );
        if assistant
            .workflow_config
            .as_ref()
            .is_some_and(|config| !config.get().starts_with('{'))
        {
            fates.take_because(
                "/assistant/workflow_config",
                &mut assistant.workflow_config,
                "chatter takes an object only",
            );
        }
    }
    new.assistant = new.assistant.filter(|assistant| !assistant.is_empty());
    new
}

fn no_place_in_assistant(assistant: &mut Assistant, fates: &mut Fates) {
    fates.take_because(
        "/assistant/model",
        &mut assistant.model,
        "chatter has no place for this",
    );
    fates.take_because(
        "/assistant/top_p",
        &mut assistant.top_p,
        "chatter has no place for this",
    );
}

fn update(patch: &ConversationPatch, fates: &mut Fates) -> ConversationPatch {
    let mut patch = patch.clone();
    if patch
        .kind
        .set()
        .is_some_and(|kind| *kind != Kind::Assistant)
    {
        patch.kind = Patch::Keep;
        fates.reject("/kind", "chatter knows conversations with its ai only");
    }
    if let Patch::Set(title) = &patch.title
        && held_title(title, fates).is_none()
    {
        patch.title = if title.trim().is_empty() {
            Patch::Clear
        } else {
            Patch::Keep
        };
    }
    if patch
        .status
        .set()
        .is_some_and(|status| !matches!(status, Status::Open | Status::Archived))
    {
        patch.status = Patch::Keep;
        fates.reject("/status", "chatter knows open and archived only");
    }
    fates.patch("/description", &mut patch.description);
    fates.patch("/priority", &mut patch.priority);
    fates.patch("/labels", &mut patch.labels);
    fates.patch("/participants", &mut patch.participants);
    fates.patch("/owner", &mut patch.owner);
    fates.patch("/icon_url", &mut patch.icon_url);
    fates.patch_extensions("/extensions", &mut patch.extensions);
    match &mut patch.assistant {
        Patch::Keep => {}
        Patch::Clear => {
            patch.assistant = Patch::Keep;
            fates.reject("/assistant", "chatter cannot clear a setting");
        }
        Patch::Set(settings) => {
            settings.retain(|name, value| setting(name, value, fates));
        }
    }
    if let Patch::Set(metadata) = &mut patch.metadata
        && metadata.remove(WORKFLOW_CONFIG).is_some()
    {
        fates.reject(
            "/metadata/workflow_config",
            "chatter keeps its own settings under this name",
        );
    }
    patch
}

fn setting(name: &str, value: &RawJson, fates: &mut Fates) -> bool {
    let pointer = member_pointer("/assistant", name);
    let detail = match name {
        _ if value.is_null() => "chatter cannot clear a setting",
        "temperature" => match value.to::<f64>() {
            Ok(value) if (0.0..=2.0).contains(&value) => return true,
            _ => "chatter's temperature is 0 to 2",
        },
        "max_tokens" => match value.to::<u64>() {
            Ok(value) if (1..=STORED_MAX_TOKENS).contains(&value) => return true,
            Ok(value) => {
                reject_tokens(&pointer, value, STORED_MAX_TOKENS, fates);
                return false;
            }
            Err(_) => "chatter's limit for an answer is a number of tokens",
        },
        _ => "chatter cannot change this setting",
    };
    fates.reject(pointer, detail);
    false
}

fn respond(
    request: &RespondRequest,
    generation: Option<Generation>,
    fates: &mut Fates,
) -> RespondRequest {
    let mut request = request.clone();
    fates.take_members("/metadata", &mut request.metadata);
    request.input = request.input.map(|input| self::input(&input, fates));
    if let Some(assistant) = &mut request.assistant {
        answer_settings(assistant, generation, fates);
    }
    request.assistant = request.assistant.filter(|assistant| !assistant.is_empty());
    request
}

/// The vendor takes one text of the user, without NUL.
fn input(sent: &NewMessage, fates: &mut Fates) -> NewMessage {
    let mut input = fates.question(sent);
    let text = text_of(&input.parts);
    if text.contains('\0') {
        let text = text.replace('\0', "");
        let detail = "chatter refuses the character NUL";
        if text.is_empty() {
            fates.refuse("/input/parts", detail);
        } else {
            fates.reject("/input/parts", detail);
        }
        input.parts = vec![Part::text(text)];
    }
    input
}

fn answer_settings(assistant: &mut Assistant, generation: Option<Generation>, fates: &mut Fates) {
    check_temperature("/assistant/temperature", &mut assistant.temperature, fates);
    check_max_tokens(
        "/assistant/max_tokens",
        &mut assistant.max_tokens,
        CHAT_MAX_TOKENS,
        fates,
    );
    no_place_in_assistant(assistant, fates);
    let new_only = "chatter takes this only where it makes a conversation";
    fates.take_because("/assistant/profile_id", &mut assistant.profile_id, new_only);
    fates.take_because(
        "/assistant/workflow_config",
        &mut assistant.workflow_config,
        new_only,
    );
    let old = matches!(generation, Some(Generation::V0 | Generation::V1));
    if assistant
        .workflow
        .as_deref()
        .is_some_and(|name| !WORKFLOWS.contains(&name))
    {
        fates.take_because(
            "/assistant/workflow",
            &mut assistant.workflow,
            "chatter knows plain, rag, tools and full",
        );
    } else if old
        && assistant
            .workflow
            .as_deref()
            .is_some_and(|name| name != "plain")
    {
        let detail = "every workflow but plain fails on this generation of chatter";
        fates.take_because("/assistant/workflow", &mut assistant.workflow, detail);
    }
    if old {
        let unused = "stored nowhere and not told to the model by this generation of chatter";
        for (pointer, given) in [
            ("/assistant/temperature", assistant.temperature.is_some()),
            ("/assistant/max_tokens", assistant.max_tokens.is_some()),
        ] {
            if given {
                fates.convert(pointer, unused);
            }
        }
    }
    if assistant.retrieval.is_some() {
        fates.convert(
            "/assistant/retrieval",
            "sent, but without effect: the workflow `rag` is what retrieves",
        );
    }
}

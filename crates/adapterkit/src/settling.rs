//! What became of writes that show in what they leave behind: changed, deleted, added, removed.

use std::collections::HashSet;

use backend::{
    Applied, Backend, Context, Error, Intent, Kind, Location, Result, SettleWindow, Settled, Write,
};
use conversation::{MessageId, MessagePatch, NewMessage, Participant, Time};

/// Settles by reading a write of a backend that keeps no reference to it. Creates, updates of conversations, posts and
/// answers are looked for by each adapter itself. What the backend's preview has no place for was never sent.
///
/// # Errors
/// Where the backend cannot be read, or the intent names no conversation.
pub async fn settle_by_reading(
    backend: &dyn Backend,
    cx: &Context,
    intent: &Intent,
    window: &SettleWindow,
) -> Result<Settled> {
    let Some(at) = &intent.location else {
        return Err(Error::new(
            Kind::Internal,
            "an intent names no conversation",
        ));
    };
    let cx = &cx.fresh();
    // Several messages are never previewed together: each is settled by itself.
    let is_whole = !matches!(intent.write, Write::ImportMessages(_));
    if is_whole && !backend.preview(&intent.write).is_held {
        return Ok(Settled::NotApplied);
    }
    match &intent.write {
        Write::DeleteConversation => {
            let read = backend.get_conversation(cx, at).await;
            gone(read.map(drop), intent, window)
        }
        Write::DeleteMessage { id } => {
            let read = backend.get_message(cx, at, id).await;
            gone(read.map(drop), intent, window)
        }
        Write::UpdateMessage { id, patch } => {
            edit(backend, cx, at, id, patch, intent, window).await
        }
        Write::ImportMessages(messages) => import(backend, cx, intent, messages).await,
        Write::AddParticipants(wanted) => {
            let Some(present) = participants(backend, cx, at).await? else {
                return Ok(Settled::NotApplied);
            };
            if wanted.iter().any(|wanted| !can_be_found(wanted)) {
                return Ok(Settled::Unknown);
            }
            let is_there = |wanted: &&Participant| present.iter().any(|one| is_same(wanted, one));
            let there = wanted.iter().filter(is_there).count();
            Ok(if there == wanted.len() {
                Settled::Applied(Applied::Participants(present))
            } else if there > 0 {
                // One by one: it was begun and not ended.
                Settled::Unknown
            } else {
                window.nothing_found(intent)
            })
        }
        Write::RemoveParticipant { id } => {
            let Some(present) = participants(backend, cx, at).await? else {
                return Ok(Settled::NotApplied);
            };
            let is_present = present
                .iter()
                .any(|participant| participant.id.as_ref() == Some(id));
            Ok(if is_present {
                window.nothing_found(intent)
            } else {
                Settled::Applied(Applied::Nothing)
            })
        }
        // A vote and a file leave nothing that tells whose they are.
        _ => Ok(Settled::Unknown),
    }
}

/// The participants; absent where the conversation or its participants do not exist, so that no write can have
/// changed them.
async fn participants(
    backend: &dyn Backend,
    cx: &Context,
    at: &Location,
) -> Result<Option<Vec<Participant>>> {
    match backend.list_participants(cx, at).await {
        Ok(present) => Ok(Some(present)),
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::Unsupported) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What was to be deleted: done where it is no longer found.
fn gone(read: Result<()>, intent: &Intent, window: &SettleWindow) -> Result<Settled> {
    match read {
        Ok(()) => Ok(window.nothing_found(intent)),
        Err(error) if error.kind == Kind::NotFound => Ok(Settled::Applied(Applied::Nothing)),
        Err(error) => Err(error),
    }
}

/// An edit is done where doing it again would change nothing.
async fn edit(
    backend: &dyn Backend,
    cx: &Context,
    at: &Location,
    id: &MessageId,
    patch: &MessagePatch,
    intent: &Intent,
    window: &SettleWindow,
) -> Result<Settled> {
    let message = match backend.get_message(cx, at, id).await {
        Ok(message) => message,
        Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
        Err(error) => return Err(error),
    };
    let projection = backend.preview(&Write::UpdateMessage {
        id: id.clone(),
        patch: patch.clone(),
    });
    let Write::UpdateMessage { patch, .. } = projection.write else {
        return Ok(Settled::Unknown);
    };
    let mut wanted = message.clone();
    let applied = patch.apply(&mut wanted, Time::now());
    applied.map_err(|error| {
        Error::new(Kind::Internal, "a patch could not be applied").source(error)
    })?;
    wanted.edited_at = message.edited_at;
    Ok(if wanted == message {
        Settled::Applied(Applied::Message(Box::new(message)))
    } else {
        window.nothing_found(intent)
    })
}

/// Each message of an import by itself: done where all are found, not done where none is. Unknown where only some are,
/// and where one was found for two equal ones.
async fn import(
    backend: &dyn Backend,
    cx: &Context,
    intent: &Intent,
    messages: &[NewMessage],
) -> Result<Settled> {
    let mut found = Vec::with_capacity(messages.len());
    let mut missing = 0_usize;
    for message in messages {
        let one = Intent {
            write: Write::ImportMessage(message.clone()),
            ..intent.clone()
        };
        match backend.settle(cx, &one).await? {
            Settled::Applied(Applied::Message(message)) => found.push(*message),
            Settled::NotApplied => missing += 1,
            Settled::Applied(_) | Settled::Unknown => return Ok(Settled::Unknown),
        }
    }
    let ids: HashSet<&MessageId> = found.iter().map(|message| &message.id).collect();
    let is_each_one = ids.len() == found.len();
    Ok(match (found.len(), missing) {
        (0, _) => Settled::NotApplied,
        (_, 0) if is_each_one => Settled::Applied(Applied::Messages(found)),
        _ => Settled::Unknown,
    })
}

/// One of `found` for each that is `wanted`, in their order and each taken once, so that equal ones do not stand for
/// each other. `None` where one is missing.
pub fn paired<W, F>(wanted: &[W], found: Vec<F>, fits: impl Fn(&W, &F) -> bool) -> Option<Vec<F>> {
    let mut left: Vec<F> = found;
    let mut taken = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let place = left.iter().position(|found| fits(wanted, found))?;
        taken.push(left.remove(place));
    }
    Some(taken)
}

fn can_be_found(participant: &Participant) -> bool {
    participant.id.is_some() || !participant.handles.is_empty()
}

fn is_same(wanted: &Participant, present: &Participant) -> bool {
    match &wanted.id {
        Some(id) if present.id.as_ref() == Some(id) => true,
        _ => wanted
            .handles
            .iter()
            .any(|handle| present.handles.contains(handle)),
    }
}

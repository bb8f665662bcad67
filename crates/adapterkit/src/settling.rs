//! What became of writes that show in what they leave behind: changed, deleted, added, removed.

use backend::{
    Applied, Backend, Context, Error, Intent, Kind, Location, Result, SettleWindow, Settled, Write,
};
use conversation::{MessageId, MessagePatch, NewMessage, Participant, Time};

/// Settles by reading a write of a backend that keeps no reference to it. Creates, updates of conversations, posts and
/// answers are looked for by each adapter itself.
///
/// # Errors
/// Where the backend cannot be read, or the intent is none of these.
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
            let present = match backend.list_participants(cx, at).await {
                Ok(present) => present,
                Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
                Err(error) => return Err(error),
            };
            if wanted.iter().any(|wanted| !can_be_found(wanted)) {
                return Ok(Settled::Unknown);
            }
            let all = wanted
                .iter()
                .all(|wanted| present.iter().any(|present| is_same(wanted, present)));
            Ok(if all {
                Settled::Applied(Applied::Participants(present))
            } else {
                window.nothing_found(intent)
            })
        }
        Write::RemoveParticipant { id } => {
            let present = match backend.list_participants(cx, at).await {
                Ok(present) => present,
                Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
                Err(error) => return Err(error),
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

/// Each message of an import by itself: done where all are found, not done where none is.
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
    Ok(match (found.len(), missing) {
        (0, _) => Settled::NotApplied,
        (_, 0) => Settled::Applied(Applied::Messages(found)),
        _ => Settled::Unknown,
    })
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

//! What is deleted piece by piece: users with their conversations, and all messages of a conversation.

use backend::{
    ConversationFilter, ConversationQuery, Kind, Located, Location, PageRequest, SortKey,
};
use conversation::{AttachmentId, Kind as Sort, Message, MessageId, Part};

use super::answer::{Answer, Refused};
use super::call::Call;
use super::history::is_before_all;
use super::ids::MESSAGES;
use super::membership::takes_part;

/// How many are read at once.
const PAGE: usize = 100;

/// `DELETE …/users/{userIdOrExternalId}`: the personal conversations go too, groups lose a participant.
///
/// The user goes last: a deletion that broke off is finished by asking again.
pub(super) async fn user(call: &Call, name: &str) -> Result<Answer, Refused> {
    let known = call.user_named(name).await?;
    for located in conversations_of(call, known.person()).await? {
        if !takes_part(call, &located, known.person()).await? {
            continue;
        }
        let cx = call.cx();
        let done = if located.conversation.kind == Sort::Group {
            call.backend()
                .remove_participant(&cx, &located.location, known.person())
                .await
        } else {
            call.backend()
                .delete_conversation(&cx, &located.location, None)
                .await
        };
        match done {
            Err(error) if error.kind != Kind::NotFound => return Err(error.into()),
            _ => {}
        }
        if located.conversation.kind != Sort::Group {
            call.forget_marks(located.location.id).await?;
        }
    }
    call.bury_user(&known).await?;
    Answer::empty_object()
}

async fn conversations_of(call: &Call, person: &str) -> Result<Vec<Located>, Refused> {
    let mut query = ConversationQuery {
        filter: ConversationFilter {
            participant: Some(person.into()),
            ..ConversationFilter::default()
        },
        sort: SortKey::Id,
        page: PageRequest::first(PAGE),
    };
    let mut found = Vec::new();
    loop {
        let page = call
            .backend()
            .list_conversations(&call.cx(), &query)
            .await?;
        found.extend(page.page.items);
        match page.page.next {
            Some(next) => query.page = query.page.after(next),
            None => return Ok(found),
        }
    }
}

/// `DELETE …/messages`: those that are there now, hidden ones too. What is said meanwhile stays.
pub(super) async fn all_messages(call: &Call, spelled: &str) -> Result<Answer, Refused> {
    let at = Location::unresolved(call.conversation_id(spelled).await?);
    let mut gone: Vec<(MessageId, Vec<AttachmentId>)> = Vec::new();
    let mut request = PageRequest::first(PAGE);
    loop {
        let page = call
            .backend()
            .list_messages(&call.cx(), &at, &request)
            .await?;
        let files = |message: Message| (message.id, files_of(&message.parts));
        gone.extend(page.items.into_iter().map(files));
        match page.next {
            Some(next) => request = request.after(next),
            None => break,
        }
    }
    // The newest first: whoever reads meanwhile finds no gap.
    for (id, files) in gone.iter().rev() {
        let done = call
            .backend()
            .delete_message(&call.cx(), &at, id, None)
            .await;
        match done {
            Err(error) if error.kind != Kind::NotFound => return Err(error.into()),
            _ => call.end_files(&at, files).await?,
        }
    }
    Answer::empty_object()
}

/// `DELETE …/messages/{messageId}`. The documented code for an unknown message is that of an unknown conversation.
pub(super) async fn message(call: &Call, spelled: &str, message: &str) -> Result<Answer, Refused> {
    let at = Location::unresolved(call.conversation_id(spelled).await?);
    let conversation = call.backend().get_conversation(&call.cx(), &at).await?;
    if is_before_all(call, &at, conversation.created_at, message).await? {
        return Err(Refused::no_conversation());
    }
    let found = call
        .shared
        .messages
        .find(&call.cx(), &at, &MESSAGES, message)
        .await?;
    call.backend()
        .delete_message(&call.cx(), &at, &found.id, None)
        .await?;
    call.end_files(&at, &files_of(&found.parts)).await?;
    Answer::empty_object()
}

/// The stored files of a message.
fn files_of(parts: &[Part]) -> Vec<AttachmentId> {
    let id = |part: &Part| match part {
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
            media.attachment_id.clone()
        }
        _ => None,
    };
    parts.iter().filter_map(id).collect()
}

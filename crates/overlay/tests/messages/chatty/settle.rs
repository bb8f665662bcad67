//! What became of a write, as far as reading tells.

use backend::{Applied, Backend as _, Context, Intent, Located, Location, Result, Settled, Write};
use conversation::{Role, text_of};

use super::{Chatty, NAME, TITLE_MAX};

impl Chatty {
    pub(super) async fn find_out(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        if let Write::CreateConversation(new) = &intent.write {
            let inside = self.inside();
            let title = new
                .title
                .clone()
                .filter(|title| title.chars().count() <= TITLE_MAX);
            let mut like = inside.conversations.iter().filter(|(_, kept)| {
                kept.messages.is_empty()
                    && kept.conversation.title == title
                    && kept.conversation.created_at >= intent.started_at
                    && kept.conversation.created_at <= intent.deadline_at
            });
            let found = like.next().map(|(native, kept)| Located {
                location: Location {
                    id: kept.conversation.id,
                    backend: NAME.into(),
                    native: native.clone(),
                    credential: None,
                    renamed: false,
                },
                conversation: kept.conversation.clone(),
            });
            return Ok(match (found, like.next()) {
                (Some(located), None) => Settled::Applied(Applied::Conversation(Box::new(located))),
                (None, _) => Settled::NotApplied,
                (Some(_), Some(_)) => Settled::Unknown,
            });
        }
        let at = intent.location.as_ref().unwrap();
        match &intent.write {
            Write::Respond(request) => {
                let Some(input) = &request.input else {
                    return Ok(Settled::NotApplied);
                };
                let (messages, text) = (self.shown(at)?, text_of(&input.parts));
                let asked = messages.iter().rposition(|message| {
                    message.role == Role::User && text_of(&message.parts) == text
                });
                Ok(match asked.map(|place| messages.get(place + 1)) {
                    Some(Some(answer)) if answer.role == Role::Assistant => {
                        Settled::Applied(Applied::Message(Box::new(answer.clone())))
                    }
                    Some(_) => Settled::Unknown,
                    None => Settled::NotApplied,
                })
            }
            Write::DeleteMessage { id } => Ok(match self.get_message(cx, at, id).await {
                Ok(_) => Settled::NotApplied,
                Err(_) => Settled::Applied(Applied::Nothing),
            }),
            Write::DeleteConversation => Ok(match self.get_conversation(cx, at).await {
                Ok(_) => Settled::NotApplied,
                Err(_) => Settled::Applied(Applied::Nothing),
            }),
            _ => Ok(Settled::Unknown),
        }
    }
}

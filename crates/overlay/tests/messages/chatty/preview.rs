//! What it would store of a write.

use backend::{FieldFate, Projection, RespondRequest, Write};
use conversation::{NewConversation, NewMessage, Role, text_of};

use super::{Chatty, TITLE_MAX};

/// What is left of a question: the words of the user.
fn question(input: &NewMessage, fates: &mut Vec<FieldFate>) -> NewMessage {
    let text = text_of(&input.parts).replace('\0', "");
    let is_wordless = text.is_empty();
    let plain = NewMessage::text(Role::User, text);
    if input.role != Role::User {
        fates.push(FieldFate::rejected("/input/role", "only users ask"));
    }
    if is_wordless {
        fates.push(FieldFate::rejected("/input/parts", "a question has words"));
    } else if input.parts != plain.parts {
        let detail = "plain text is stored";
        fates.push(FieldFate::converted("/input/parts", detail));
    }
    let others = NewMessage {
        role: Role::User,
        parts: plain.parts.clone(),
        direction: None,
        ..input.clone()
    };
    if others != plain {
        fates.push(FieldFate::rejected("/input/metadata", "words only"));
    }
    plain
}

impl Chatty {
    pub(super) fn foretell(&self, write: &Write) -> Projection {
        let mut fates = Vec::new();
        let mut is_held = true;
        let write = match write {
            Write::CreateConversation(new) => {
                let title = new
                    .title
                    .clone()
                    .filter(|title| title.chars().count() <= TITLE_MAX);
                let left = NewConversation {
                    title,
                    ..NewConversation::default()
                };
                if left != *new {
                    fates.push(FieldFate::rejected("/metadata", "a title and no more"));
                    fates.push(FieldFate::rejected("/title", "at most 20 characters"));
                }
                Write::CreateConversation(left)
            }
            Write::Respond(request) => {
                let input = request.input.as_ref();
                let mut left = RespondRequest {
                    input: input.map(|input| question(input, &mut fates)),
                    context: request.context,
                    ..RespondRequest::default()
                };
                let asked = left.input.as_ref().map(|input| text_of(&input.parts));
                let chars = asked.map_or(0, |text| text.chars().count() as u64);
                if self.manner().text_max.is_some_and(|max| chars > max) {
                    is_held = false;
                    fates.push(FieldFate::rejected("/input/parts", "too long"));
                }
                for name in request.metadata.keys() {
                    fates.push(FieldFate::rejected(format!("/metadata/{name}"), "no"));
                }
                if let Some(assistant) = &request.assistant {
                    let takes = self.manner().takes_prompt;
                    let prompt = assistant.system_prompt.clone().filter(|_| takes);
                    let held = conversation::Assistant {
                        system_prompt: prompt,
                        ..conversation::Assistant::default()
                    };
                    if held != *assistant {
                        fates.push(FieldFate::rejected("/assistant/system_prompt", "no"));
                    }
                    left.assistant = Some(held).filter(|held| !held.is_empty());
                }
                if request.template.is_some() {
                    fates.push(FieldFate::rejected("/template", "no"));
                }
                Write::Respond(left)
            }
            Write::PostMessage(_)
            | Write::ImportMessage(_)
            | Write::UpdateConversation(_)
            | Write::UpdateMessage { .. } => {
                is_held = false;
                fates.push(FieldFate::rejected("/parts", "stores only through its ai"));
                write.clone()
            }
            other => other.clone(),
        };
        Projection {
            write,
            fates,
            is_held,
        }
    }
}

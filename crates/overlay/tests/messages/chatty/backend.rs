//! It, behind the port.

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Error, EventStream, Health, Intent, Kind, Level, Located, Location,
    NewAttachment, Outcome, Page, PageRequest, Precondition, Projection, RespondRequest, Result,
    ServiceStatus, SettleSupport, Settled, Template, Tool, Write, each_conversation,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationId, ConversationPatch, Message, MessageId,
    MessagePatch, NewConversation, NewMessage, Participant, Role, Time, text_of,
};
use futures_util::stream::{self, BoxStream};

use super::{Answer, Chatty, Failure, Kept, NAME, TITLE_MAX};

#[async_trait]
impl Backend for Chatty {
    fn info(&self) -> &BackendInfo {
        &self.0.info
    }

    fn capabilities(&self) -> Capabilities {
        let manner = self.manner();
        let if_it = |does: bool| if does { Level::Full } else { Level::None };
        let mut can = Capabilities {
            conversation_create: Level::Full,
            conversation_get: Level::Full,
            conversation_list: Level::Full,
            conversation_delete: Level::Full,
            message_list: Level::Full,
            message_get: Level::Full,
            message_post: Level::Rejected,
            message_import: Level::Rejected,
            message_delete: if_it(manner.deletes),
            respond: Level::Full,
            respond_stream: Level::Full,
            conversation_title: Level::Partial,
            conversation_counts: if_it(manner.counts),
            message_role: Level::Partial,
            part_text: Level::Partial,
            settle: SettleSupport::Likely,
            change_mark: manner.has_mark,
            access_expires: manner.expires,
            ..Capabilities::default()
        };
        can.limits.title_max_chars = Some(TITLE_MAX as u64);
        can.limits.text_max_chars = manner.text_max;
        can
    }

    fn preview(&self, write: &Write) -> Projection {
        self.foretell(write)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let mut inside = self.inside();
        let user = cx.principal.user.as_deref().map(str::to_owned);
        inside.makers.push((cx.principal.tenant.to_string(), user));
        inside.made += 1;
        let native: Box<str> = format!("c{:06}", inside.made).into();
        let id = ConversationId::derive(NAME, &native);
        let conversation = new.into_conversation(id, NAME, Time::now());
        let kept = Kept {
            conversation: conversation.clone(),
            messages: Vec::new(),
            has_ended: false,
        };
        inside.conversations.insert(native.clone(), kept);
        let location = Location {
            id,
            backend: NAME.into(),
            native,
            credential: None,
            renamed: false,
        };
        Ok(Located {
            location,
            conversation,
        })
    }

    async fn get_conversation(&self, _cx: &Context, at: &Location) -> Result<Conversation> {
        let conversation = self.reach(at, |kept| kept.conversation.clone())?;
        Ok(Conversation {
            id: at.id,
            ..conversation
        })
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        each_conversation(self, cx, at)
    }

    async fn list_conversations(
        &self,
        _cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        let all: Vec<Located> = {
            let inside = self.inside();
            let located = inside.conversations.iter().map(|(native, kept)| Located {
                location: Location {
                    id: kept.conversation.id,
                    backend: NAME.into(),
                    native: native.clone(),
                    credential: None,
                    renamed: false,
                },
                conversation: kept.conversation.clone(),
            });
            located.collect()
        };
        let found = query.page.of_index(
            "chatty/conversations",
            &all,
            |located| located.location.native.clone(),
            |_, _| false,
        )?;
        Ok(ConversationPage {
            page: found.map(Located::clone),
            ..ConversationPage::default()
        })
    }

    async fn update_conversation(
        &self,
        _cx: &Context,
        _at: &Location,
        _patch: ConversationPatch,
        _precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        Err(Self::unsupported("update_conversation"))
    }

    async fn delete_conversation(
        &self,
        _cx: &Context,
        at: &Location,
        _precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.reach(at, |_| ())?;
        self.inside().conversations.remove(&at.native);
        Ok(())
    }

    async fn list_messages(
        &self,
        _cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.inside().reads += 1;
        let messages = self.shown(at)?;
        let places: Vec<(usize, &Message)> = messages.iter().enumerate().collect();
        let found = page.of_index(
            &format!("chatty/{}", at.native),
            &places,
            |(place, _)| *place,
            |(_, message), id| message.id == *id,
        )?;
        Ok(found.map(|(_, message)| (*message).clone()))
    }

    async fn get_message(&self, _cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        let messages = self.shown(at)?;
        let found = messages.into_iter().find(|message| message.id == *id);
        found.ok_or_else(Error::message_not_found)
    }

    async fn post_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: NewMessage,
    ) -> Result<Message> {
        Err(Self::unsupported("post_message"))
    }

    async fn import_messages(
        &self,
        _cx: &Context,
        _at: &Location,
        _messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        Err(Self::unsupported("import_messages"))
    }

    async fn update_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _patch: MessagePatch,
        _precondition: Option<&Precondition>,
    ) -> Result<Message> {
        Err(Self::unsupported("update_message"))
    }

    async fn delete_message(
        &self,
        _cx: &Context,
        at: &Location,
        id: &MessageId,
        _precondition: Option<&Precondition>,
    ) -> Result<()> {
        if !self.manner().deletes {
            return Err(Self::unsupported("delete_message"));
        }
        let found = self.reach(at, |kept| {
            let before = kept.messages.len();
            kept.messages.retain(|message| message.id != *id);
            kept.conversation.updated_at = Time::now();
            if let Some(counts) = &mut kept.conversation.counts {
                counts.messages = Some(kept.messages.len() as u64);
            }
            before != kept.messages.len()
        })?;
        found.then_some(()).ok_or_else(Error::message_not_found)
    }

    async fn rate_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _value: f64,
    ) -> Result<Message> {
        Err(Self::unsupported("rate_message"))
    }

    async fn respond(
        &self,
        _cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        self.reach(at, |_| ())?;
        let manner = self.manner();
        let Some(input) = &request.input else {
            return Err(Error::new(
                Kind::Unsupported,
                "only new messages are answered",
            ));
        };
        let projection = self.preview(&Write::Respond(request.clone()));
        if projection
            .fates
            .iter()
            .any(|fate| fate.fate == backend::Fate::Rejected)
        {
            return Err(Error::new(Kind::NotHeld, "it was sent what it cannot hold"));
        }
        if manner.fails == Some(Failure::Before) {
            return Err(Error::new(Kind::Unavailable, "not now"));
        }
        let text = text_of(&input.parts);
        let held = (manner.rewrites)(&text);
        {
            let mut inside = self.inside();
            inside.asked.push(request.clone());
            for _ in 0..=usize::from(manner.doubles) {
                inside.say(&at.native, Role::User, &held, &manner);
            }
            let answer = format!("answer to: {text}");
            if manner.fails == Some(Failure::Lost) {
                inside.say(&at.native, Role::Assistant, &answer, &manner);
            }
        }
        match manner.fails {
            Some(Failure::Half) => {
                return Err(Error::new(Kind::UpstreamFailed, "half done").outcome(Outcome::Applied));
            }
            Some(Failure::Lost) => {
                return Err(Error::new(Kind::Timeout, "the answer was lost"));
            }
            _ => {}
        }
        let answer = Answer {
            at: at.clone(),
            text: format!("answer to: {text}"),
            steps: 0,
            stored: None,
        };
        let this = self.clone();
        Ok(Box::pin(stream::unfold(answer, move |answer| {
            this.clone().step(answer)
        })))
    }

    async fn templates(&self, _cx: &Context) -> Result<Vec<Template>> {
        Err(Self::unsupported("templates"))
    }

    async fn tools(&self, _cx: &Context) -> Result<Vec<Tool>> {
        Err(Self::unsupported("tools"))
    }

    async fn status(&self, _cx: &Context) -> Result<ServiceStatus> {
        Err(Self::unsupported("status"))
    }

    async fn statistics(&self, _cx: &Context) -> Result<ServiceStatus> {
        Err(Self::unsupported("statistics"))
    }

    async fn list_participants(&self, _cx: &Context, _at: &Location) -> Result<Vec<Participant>> {
        Err(Self::unsupported("list_participants"))
    }

    async fn add_participants(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        Err(Self::unsupported("add_participants"))
    }

    async fn remove_participant(
        &self,
        _cx: &Context,
        _at: &Location,
        _participant: &str,
    ) -> Result<()> {
        Err(Self::unsupported("remove_participant"))
    }

    async fn send_activity(
        &self,
        _cx: &Context,
        _at: &Location,
        _activity: Activity,
    ) -> Result<()> {
        Err(Self::unsupported("send_activity"))
    }

    async fn put_attachment(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: NewAttachment,
    ) -> Result<Attachment> {
        Err(Self::unsupported("put_attachment"))
    }

    async fn open_attachment(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        Err(Self::unsupported("open_attachment"))
    }

    async fn health(&self, _cx: &Context) -> Health {
        Health {
            ok: true,
            detail: "chatty is well".to_owned(),
        }
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.find_out(cx, intent).await
    }
}

//! A backend with one defect, or an honest one that can do less.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Cursor, Error, Event, EventStream, Health, Intent, Kind, Level, Located,
    Location, NewAttachment, Order, Page, PageRequest, Position, Precondition, Projection,
    RespondRequest, Result, ServiceStatus, Settled, Template, Tool, Write, each_conversation,
};
use conversation::{
    Activity, ActivityKind, AttachmentId, Conversation, ConversationPatch, Direction, Message,
    MessageId, MessagePatch, NewConversation, NewMessage, Part, Participant, Patch, RawJson, Role,
    Status, Time, text_of,
};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::little;

/// What is wrong with a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    AlwaysMore,
    AnswersNothing,
    AnswersPosts,
    ClampsRatings,
    ClosesNewConversations,
    CollapsesEqualPosts,
    ConfusesNotFound,
    CutsAtNul,
    CutsAttachments,
    CutsLongTexts,
    DeletesNeighbours,
    DeniesLabels,
    DoublesDeltas,
    DoublesPosts,
    DropsLabels,
    DropsMessageMetadata,
    DropsParticipants,
    DropsUnknownParts,
    DropsUsage,
    EmptyForUnknown,
    EverythingIsInbound,
    EverythingIsUnknown,
    FailsPreconditions,
    FillsEmptyTexts,
    ForgetsEdits,
    ForgetsNames,
    ForgetsTitleUpdates,
    ForgivesCursors,
    ForgivesDeletes,
    GoesOnAfterTheEnd,
    IgnoresAnchors,
    IgnoresLimits,
    IgnoresOrder,
    IgnoresPreconditions,
    ImportsAsNow,
    IsIll,
    KeepsDeleted,
    LeavesMessagesAlone,
    LosesLabelsSilently,
    LosesResults,
    MakesOneConversation,
    NeedsInput,
    NothingIsApplied,
    PretendsStatistics,
    ReadsOnlyTheFirst,
    RepeatsCursors,
    RepeatsNames,
    ReplacesMetadata,
    ReplacesParticipants,
    ReversesPages,
    SharesAttachments,
    ShortensPages,
    SkipsPartStarts,
    StartsOver,
    StaysBusy,
    StopsTheClock,
    StoresActivity,
    TellsArrivals,
    TouchesOnRead,
    TrimsTexts,
    TurnsImports,
    /// None: a conversation only grows when somebody answers, and attachments are put to no message.
    OnlyAnswers,
    /// None: a conversation only grows by imports, and attachments are put to messages only.
    OnlyImports,
    /// None: some fields and parts are refused, long texts are cut, attachments are not given back.
    HoldsLittle,
}

/// A backend that is right but for one defect.
#[derive(Debug)]
pub(crate) struct Broken {
    inner: Arc<dyn Backend>,
    defect: Defect,
    /// True once an answer was begun.
    answered: AtomicBool,
    /// The first conversation that was made.
    first: std::sync::Mutex<Option<Located>>,
    /// Where the last attachment was put.
    put_at: std::sync::Mutex<Option<Location>>,
}

/// The longest text of a backend that cuts long ones, in characters.
const CUT_CHARS: usize = 65_535;

impl Broken {
    pub(crate) fn new(inner: Arc<dyn Backend>, defect: Defect) -> Self {
        Self {
            inner,
            defect,
            answered: AtomicBool::new(false),
            first: std::sync::Mutex::default(),
            put_at: std::sync::Mutex::default(),
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// The error that this backend gives instead of the right one.
    fn wrong<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            if self.has(Defect::ConfusesNotFound) && error.kind == Kind::NotFound {
                return Error::new(Kind::Internal, "something went wrong");
            }
            error
        })
    }

    fn forgiven(&self, result: Result<()>) -> Result<()> {
        match result {
            Err(error) if self.has(Defect::ForgivesDeletes) && error.kind == Kind::NotFound => {
                Ok(())
            }
            other => self.wrong(other),
        }
    }

    fn precondition<'a>(&self, given: Option<&'a Precondition>) -> Option<&'a Precondition> {
        given.filter(|_| !self.has(Defect::IgnoresPreconditions))
    }

    fn spoil_new(&self, mut new: NewMessage) -> NewMessage {
        match self.defect {
            Defect::DropsMessageMetadata => new.metadata.clear(),
            Defect::DropsUsage => new.usage = None,
            Defect::EverythingIsInbound => new.direction = Some(Direction::Inbound),
            Defect::DropsUnknownParts => new.parts.retain(|part| !matches!(part, Part::Unknown(_))),
            _ => {}
        }
        for part in &mut new.parts {
            let Part::Text(text) = part else { continue };
            match self.defect {
                Defect::TrimsTexts => text.text = text.text.trim().into(),
                Defect::CutsAtNul => {
                    text.text = text.text.split('\0').next().unwrap_or_default().into();
                }
                Defect::CutsLongTexts => {
                    text.text = text.text.chars().take(CUT_CHARS).collect::<String>().into();
                }
                Defect::FillsEmptyTexts if text.text.is_empty() => text.text = " ".into(),
                _ => {}
            }
        }
        new
    }

    /// What is really sent.
    fn sent(&self, cx: &Context, write: Write) -> Result<Write> {
        let projection = self.preview(&write);
        projection.check(cx, &self.info().name)?;
        Ok(projection.write)
    }

    /// Refuses what an honest backend has not.
    fn offered(&self, has: bool, operation: &'static str) -> Result<()> {
        if has {
            return Ok(());
        }
        Err(Error::unsupported(&self.info().name, operation))
    }

    fn spoil_seen(&self, mut message: Message) -> Message {
        if self.has(Defect::ForgetsEdits) {
            message.edited_at = None;
        }
        message
    }
}

#[async_trait]
impl Backend for Broken {
    fn info(&self) -> &BackendInfo {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        match self.defect {
            Defect::DeniesLabels => capabilities.conversation_labels = Level::Rejected,
            Defect::LosesLabelsSilently => capabilities.conversation_labels = Level::Partial,
            Defect::OnlyAnswers => {
                (capabilities.message_post, capabilities.message_import) =
                    (Level::Rejected, Level::None);
            }
            Defect::OnlyImports => {
                (capabilities.message_post, capabilities.respond) = (Level::None, Level::None);
            }
            Defect::HoldsLittle => capabilities = little::capabilities(capabilities),
            Defect::RepeatsNames => {
                (capabilities.templates, capabilities.tools) = (Level::Full, Level::Full);
            }
            _ => {}
        }
        capabilities
    }

    fn preview(&self, write: &Write) -> Projection {
        if self.has(Defect::HoldsLittle) {
            return little::preview(write);
        }
        self.inner.preview(write)
    }

    async fn create_conversation(&self, cx: &Context, mut new: NewConversation) -> Result<Located> {
        match self.defect {
            Defect::ClosesNewConversations => new.status = Some(Status::Closed),
            Defect::DropsLabels | Defect::LosesLabelsSilently => new.labels.clear(),
            Defect::DropsParticipants => new.participants.truncate(1),
            Defect::MakesOneConversation => {
                let first = self.first.lock().expect("no test panics with it").clone();
                if let Some(first) = first {
                    return Ok(first);
                }
            }
            _ => {}
        }
        let Write::CreateConversation(new) = self.sent(cx, Write::CreateConversation(new))? else {
            unreachable!()
        };
        let created = self.inner.create_conversation(cx, new).await?;
        *self.first.lock().expect("no test panics with it") = Some(created.clone());
        Ok(created)
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let mut conversation = self.wrong(self.inner.get_conversation(cx, at).await)?;
        match self.defect {
            Defect::TouchesOnRead => conversation.updated_at = Time::now().saturating_add_micros(1),
            Defect::StopsTheClock => {
                conversation.updated_at = conversation.created_at;
                conversation.last_message_at = None;
            }
            _ => {}
        }
        Ok(conversation)
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        let at = if self.has(Defect::ReadsOnlyTheFirst) {
            &at[..1]
        } else {
            at
        };
        each_conversation(self, cx, at)
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        let mut query = query.clone();
        if self.has(Defect::IgnoresLimits) {
            query.page.limit = 100;
        }
        let mut page = self.inner.list_conversations(cx, &query).await?;
        if self.has(Defect::ShortensPages) && page.page.next.is_some() {
            page.page.items.pop();
        }
        Ok(page)
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        mut patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        match self.defect {
            Defect::ForgetsTitleUpdates => patch.title = Patch::Keep,
            Defect::FailsPreconditions if precondition.is_some() => {
                return Err(Error::new(Kind::PreconditionFailed, "never"));
            }
            Defect::ReplacesMetadata => {
                let clear = ConversationPatch {
                    metadata: Patch::Clear,
                    ..ConversationPatch::default()
                };
                self.inner.update_conversation(cx, at, clear, None).await?;
            }
            _ => {}
        }
        let Write::UpdateConversation(patch) = self.sent(cx, Write::UpdateConversation(patch))?
        else {
            unreachable!()
        };
        self.wrong(
            self.inner
                .update_conversation(cx, at, patch, self.precondition(precondition))
                .await,
        )
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        if self.has(Defect::KeepsDeleted) {
            return Ok(());
        }
        self.forgiven(
            self.inner
                .delete_conversation(cx, at, self.precondition(precondition))
                .await,
        )
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let mut request = page.clone();
        match (self.defect, &request.position) {
            (Defect::IgnoresOrder, _) => request.order = Order::Asc,
            (Defect::StartsOver, Some(Position::Before(_))) => request.position = None,
            (
                Defect::IgnoresAnchors,
                Some(Position::AfterMessage(_) | Position::BeforeMessage(_)),
            ) => {
                request.position = None;
            }
            _ => {}
        }
        let listed = match self.inner.list_messages(cx, at, &request).await {
            Err(error) if self.has(Defect::EmptyForUnknown) && error.kind == Kind::NotFound => {
                Ok(Page::default())
            }
            Err(error)
                if self.has(Defect::ForgivesCursors) && error.kind == Kind::InvalidCursor =>
            {
                self.inner
                    .list_messages(
                        cx,
                        at,
                        &PageRequest {
                            position: None,
                            ..request
                        },
                    )
                    .await
            }
            other => self.wrong(other),
        };
        let mut listed = listed?;
        match self.defect {
            Defect::ReversesPages => listed.items.reverse(),
            Defect::ShortensPages if listed.next.is_some() => drop(listed.items.pop()),
            Defect::AlwaysMore => listed.next = Some(Cursor::from("more")),
            Defect::RepeatsCursors => {
                if let Some(Position::After(cursor)) = &page.position {
                    listed.next = Some(cursor.clone());
                }
            }
            _ => {}
        }
        Ok(listed.map(|message| self.spoil_seen(message)))
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        let mut message = self.wrong(self.inner.get_message(cx, at, id).await)?;
        if self.has(Defect::TouchesOnRead) {
            message
                .metadata
                .insert("read".into(), RawJson::string("again"));
        }
        Ok(self.spoil_seen(message))
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        if self.has(Defect::StaysBusy) && self.answered.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Conflict, "an answer was begun here"));
        }
        let posts = !self.has(Defect::OnlyAnswers) && !self.has(Defect::OnlyImports);
        self.offered(posts, "post_message")?;
        let Write::PostMessage(new) = self.sent(cx, Write::PostMessage(new))? else {
            unreachable!()
        };
        let new = self.spoil_new(new);
        let again = |cx: &Context| Context {
            intent: uuid::Uuid::now_v7(),
            ..cx.clone()
        };
        if self.has(Defect::CollapsesEqualPosts) {
            let last = PageRequest {
                order: Order::Desc,
                ..PageRequest::first(1)
            };
            let last = self.inner.list_messages(cx, at, &last).await?.items.pop();
            if let Some(last) = last.filter(|last| text_of(&last.parts) == text_of(&new.parts)) {
                return Ok(last);
            }
        }
        if self.has(Defect::DoublesPosts) {
            self.inner.post_message(&again(cx), at, new.clone()).await?;
        }
        let posted = self.wrong(self.inner.post_message(cx, at, new).await)?;
        if self.has(Defect::AnswersPosts) {
            self.inner
                .post_message(&again(cx), at, NewMessage::text(Role::Assistant, "Yes?"))
                .await?;
        }
        Ok(posted)
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        self.offered(!self.has(Defect::OnlyAnswers), "import_messages")?;
        if self.has(Defect::HoldsLittle) {
            self.wrong(self.inner.get_conversation(cx, at).await)?;
            // One call for all that are taken: the write is found again as a whole.
            let (mut taken, mut results) = (Vec::new(), Vec::new());
            for new in messages {
                results.push(match self.sent(cx, Write::ImportMessage(new)) {
                    Ok(Write::ImportMessage(new)) => {
                        taken.push(new);
                        None
                    }
                    Ok(_) => unreachable!(),
                    Err(error) => Some(Err(error)),
                });
            }
            let mut stored = self.inner.import_messages(cx, at, taken).await?.into_iter();
            let results = results
                .into_iter()
                .map(|refused| refused.unwrap_or_else(|| stored.next().expect("one for each")))
                .collect();
            return Ok(results);
        }
        let mut messages: Vec<NewMessage> = messages
            .into_iter()
            .map(|new| self.spoil_new(new))
            .collect();
        match self.defect {
            Defect::ImportsAsNow => messages.iter_mut().for_each(|new| new.sent_at = None),
            Defect::TurnsImports => messages.reverse(),
            _ => {}
        }
        let mut results = self.wrong(self.inner.import_messages(cx, at, messages).await)?;
        if self.has(Defect::LosesResults) {
            results.pop();
        }
        Ok(results)
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        if self.has(Defect::ReplacesMetadata) {
            let clear = MessagePatch {
                metadata: Patch::Clear,
                ..MessagePatch::default()
            };
            self.inner.update_message(cx, at, id, clear, None).await?;
        }
        let result = self
            .inner
            .update_message(cx, at, id, patch, self.precondition(precondition))
            .await;
        self.wrong(result).map(|message| self.spoil_seen(message))
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        match self.defect {
            Defect::KeepsDeleted => return Ok(()),
            Defect::DeletesNeighbours => {
                let after = PageRequest {
                    position: Some(Position::AfterMessage(id.clone())),
                    ..PageRequest::first(1)
                };
                for neighbour in self.inner.list_messages(cx, at, &after).await?.items {
                    self.inner
                        .delete_message(cx, at, &neighbour.id, None)
                        .await?;
                }
            }
            _ => {}
        }
        self.forgiven(self.inner.delete_message(cx, at, id, precondition).await)
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        let value = if self.has(Defect::ClampsRatings) {
            value.clamp(1.0, 4.5)
        } else {
            value
        };
        self.wrong(self.inner.rate_message(cx, at, id, value).await)
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        self.offered(!self.has(Defect::OnlyImports), "respond")?;
        self.answered.store(true, Ordering::Relaxed);
        let Write::Respond(mut request) = self.sent(cx, Write::Respond(request))? else {
            unreachable!()
        };
        match (self.defect, &request.input) {
            (Defect::AnswersNothing, None) => {
                request.input = Some(NewMessage::text(Role::User, "?"));
            }
            (Defect::NeedsInput, None) => {
                return Err(Error::new(Kind::NothingToAnswer, "there is no input"));
            }
            (Defect::DoublesPosts, Some(input)) => {
                let cx = Context {
                    intent: uuid::Uuid::now_v7(),
                    ..cx.clone()
                };
                self.inner.post_message(&cx, at, input.clone()).await?;
            }
            _ => {}
        }
        let events = self.wrong(self.inner.respond(cx, at, request).await)?;
        let defect = self.defect;
        let spoilt = events.flat_map(move |event| {
            let events = match (defect, &event) {
                (Defect::SkipsPartStarts, Event::PartStarted { .. }) => Vec::new(),
                (Defect::DoublesDeltas, Event::PartDelta { .. }) => vec![event.clone(), event],
                (Defect::GoesOnAfterTheEnd, Event::MessageCompleted(_)) => {
                    vec![
                        event.clone(),
                        Event::MessageUsage(conversation::Usage::default()),
                    ]
                }
                _ => vec![event],
            };
            stream::iter(events)
        });
        Ok(spoilt.boxed())
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        if self.has(Defect::RepeatsNames) {
            let template = Template {
                name: "order".into(),
                description: None,
                extensions: Default::default(),
            };
            return Ok(vec![template.clone(), template]);
        }
        self.inner.templates(cx).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        if self.has(Defect::RepeatsNames) {
            let parameters = RawJson::default();
            let tool = Tool {
                name: "sum".into(),
                description: None,
                parameters,
                extensions: Default::default(),
            };
            return Ok(vec![tool.clone(), tool]);
        }
        self.inner.tools(cx).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.inner.status(cx).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        if self.has(Defect::PretendsStatistics) {
            return Ok(ServiceStatus::new());
        }
        self.inner.statistics(cx).await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.inner.list_participants(cx, at).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        if self.has(Defect::DropsParticipants) {
            return self.inner.list_participants(cx, at).await;
        }
        if self.has(Defect::ReplacesParticipants) {
            for participant in &new {
                if let Some(id) = &participant.id {
                    // Where nobody has the id, there is nobody to replace.
                    drop(self.inner.remove_participant(cx, at, id).await);
                }
            }
        }
        self.inner.add_participants(cx, at, new).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        if self.has(Defect::KeepsDeleted) {
            return Ok(());
        }
        self.forgiven(self.inner.remove_participant(cx, at, participant).await)
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        if self.has(Defect::TellsArrivals)
            && matches!(activity.activity, ActivityKind::Joined | ActivityKind::Left)
        {
            return Ok(());
        }
        let told = self.inner.send_activity(cx, at, activity).await;
        if self.has(Defect::StoresActivity) {
            let new = NewMessage::text(Role::System, "somebody is here");
            self.inner.post_message(cx, at, new).await?;
        }
        self.wrong(told)
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        mut new: NewAttachment,
    ) -> Result<Attachment> {
        let is_taken = match self.defect {
            Defect::OnlyAnswers => new.message_id.is_none(),
            Defect::OnlyImports => new.message_id.is_some(),
            _ => true,
        };
        if !is_taken {
            return Err(Error::new(Kind::NotHeld, "only in the other way"));
        }
        match self.defect {
            Defect::LeavesMessagesAlone => new.message_id = None,
            Defect::ForgetsNames => new.name = None,
            _ => {}
        }
        let put = self.wrong(self.inner.put_attachment(cx, at, new).await)?;
        *self.put_at.lock().expect("no test panics with it") = Some(at.clone());
        Ok(put)
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        self.offered(!self.has(Defect::HoldsLittle), "open_attachment")?;
        let put_at = self.put_at.lock().expect("no test panics with it").clone();
        let at = match put_at {
            Some(put_at) if self.has(Defect::SharesAttachments) => put_at,
            _ => at.clone(),
        };
        let mut content = self.wrong(self.inner.open_attachment(cx, &at, id).await)?;
        if self.has(Defect::CutsAttachments) {
            content.bytes.truncate(1_000);
        }
        Ok(content)
    }

    async fn health(&self, cx: &Context) -> Health {
        let health = self.inner.health(cx).await;
        Health {
            ok: health.ok && !self.has(Defect::IsIll),
            ..health
        }
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        match self.defect {
            Defect::NothingIsApplied => Ok(Settled::NotApplied),
            Defect::EverythingIsUnknown => Ok(Settled::Unknown),
            _ => self.inner.settle(cx, intent).await,
        }
    }
}

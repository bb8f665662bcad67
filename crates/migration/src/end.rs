//! One side of a migration, asked for one conversation's people: with patience, at the backend's pace.

use std::sync::Arc;
use std::time::Duration;

use backend::{
    AttachmentContent, Backend, Context, Error, Freshness, Kind, Location, Origin, Outcome, Page,
    PageRequest, Principal, Result,
};
use backon::{ExponentialBuilder, Retryable as _};
use conversation::{AttachmentId, Conversation, Message, MessageId};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::pace::{Pace, Paces};
use crate::parts::{Endpoint, Settings};
use crate::progress::Counters;

/// How much longer a call is waited for than its deadline, where nobody in it watches the time.
const GRACE: Duration = Duration::from_secs(5);
/// How long is waited first, wherever something is tried again. Tests try again at once.
pub(crate) const MOMENT: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 250 });
/// How a read is tried again: after a quarter of a second, doubled up to 10 s, about 40 s in all.
const RETRY_MOST: Duration = Duration::from_secs(10);
const RETRIES: usize = 8;

/// One side of a migration, asked as one principal. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct End {
    stack: Arc<dyn Backend>,
    pace: Arc<Pace>,
    principal: Arc<Principal>,
    request_id: Arc<str>,
    settings: Arc<Settings>,
    stop: CancellationToken,
    progress: Option<Arc<Counters>>,
}

impl End {
    pub(crate) fn new(
        endpoint: &Endpoint,
        paces: &Paces,
        principal: Arc<Principal>,
        request_id: Arc<str>,
        settings: Arc<Settings>,
    ) -> Self {
        Self {
            stack: endpoint.stack.clone(),
            pace: paces.of(endpoint),
            principal,
            request_id,
            settings,
            stop: CancellationToken::new(),
            progress: None,
        }
    }

    /// The same side, for a job that can be stopped and that tells how far it is.
    pub(crate) fn of_job(self, stop: CancellationToken, progress: Option<Arc<Counters>>) -> Self {
        Self {
            stop,
            progress,
            ..self
        }
    }

    pub(crate) fn stack(&self) -> &dyn Backend {
        &*self.stack
    }

    pub(crate) fn name(&self) -> &str {
        &self.stack.info().name
    }

    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    pub(crate) fn request_id(&self) -> &Arc<str> {
        &self.request_id
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A context for a call that may take so long, past every cache.
    pub(crate) fn context(&self, timeout: Duration) -> Context {
        Context {
            freshness: Freshness::Fresh,
            ..Context::new(self.principal.clone(), self.request_id.clone(), timeout)
        }
    }

    /// The conversation.
    pub(crate) async fn conversation(&self, at: &Location) -> Result<Conversation> {
        self.read(|cx| Box::pin(async move { self.stack.get_conversation(&cx, at).await }))
            .await
    }

    /// A page of its messages.
    pub(crate) async fn page(&self, at: &Location, page: &PageRequest) -> Result<Page<Message>> {
        self.read(|cx| Box::pin(async move { self.stack.list_messages(&cx, at, page).await }))
            .await
    }

    /// One of its messages; `None` where it is not there.
    pub(crate) async fn message(&self, at: &Location, id: &MessageId) -> Result<Option<Message>> {
        let read = self
            .read(|cx| Box::pin(async move { self.stack.get_message(&cx, at, id).await }))
            .await;
        if_there(read)
    }

    /// One of its attachments; `None` where it is not there.
    pub(crate) async fn attachment(
        &self,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<Option<AttachmentContent>> {
        let read = self
            .read(|cx| Box::pin(async move { self.stack.open_attachment(&cx, at, id).await }))
            .await;
        if_there(read)
    }

    /// The largest page that both the backend and memory like.
    pub(crate) fn page_size(&self, most: usize) -> usize {
        let native = self.stack.capabilities().limits.page_max;
        native
            .and_then(|max| usize::try_from(max).ok())
            .map_or(most, |max| max.min(most))
            .max(1)
    }

    /// Reads, and tries again where that may help. One that is asked too often is asked again for as long as it takes.
    pub(crate) async fn read<'a, T: Send + 'a>(
        &'a self,
        call: impl Fn(Context) -> BoxFuture<'a, Result<T>> + Send + Sync,
    ) -> Result<T> {
        let call = &call;
        let timeout = self.settings.read_timeout;
        let attempt = move || async move {
            self.wait(1).await?;
            let answer = self.in_time(timeout, call(self.context(timeout))).await;
            self.heard(answer)
        };
        loop {
            let read = attempt
                .retry(
                    ExponentialBuilder::default()
                        .with_min_delay(MOMENT)
                        .with_max_delay(RETRY_MOST)
                        .with_max_times(RETRIES)
                        .with_jitter(),
                )
                .sleep(tokio::time::sleep)
                .when(|error| is_worth_trying(error) && !self.stop.is_cancelled())
                .adjust(|error, wait| {
                    wait.map(|wait| error.retry_after.map_or(wait, |asked| asked.max(wait)))
                });
            let read = tokio::select! {
                read = read => read,
                () = self.stop.cancelled() => return Err(stopped()),
            };
            match read {
                Err(error) if error.kind == Kind::RateLimited => {}
                read => return read,
            }
        }
    }

    /// Waits until so many requests may be made; fails where the job is to stop.
    pub(crate) async fn wait(&self, requests: u32) -> Result<()> {
        if let (Some(progress), Some(until)) = (&self.progress, self.pace.waits_until()) {
            progress.wait_until(until);
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(stopped()),
            () = self.pace.wait(requests) => Ok(()),
        }
    }

    /// Waits while the backend wants to be left alone; fails where the job is to stop.
    pub(crate) async fn rest(&self) -> Result<()> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(stopped()),
            () = self.pace.rest() => Ok(()),
        }
    }

    /// Waits; fails where the job is to stop.
    pub(crate) async fn sleep(&self, wait: Duration) -> Result<()> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(stopped()),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    /// Ends where the job is to stop.
    pub(crate) async fn stop_asked(&self) {
        self.stop.cancelled().await;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// A call whose answer is waited for a little longer than its deadline.
    pub(crate) async fn in_time<T>(
        &self,
        timeout: Duration,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::time::timeout(timeout + GRACE, call)
            .await
            .unwrap_or_else(|_| {
                let error = Error::new(Kind::Timeout, "the backend does not answer in time");
                Err(error.origin(Origin::Upstream))
            })
    }

    /// Learns from an answer how fast the backend may be asked.
    pub(crate) fn heard<T>(&self, answer: Result<T>) -> Result<T> {
        match &answer {
            Ok(_) => self.pace.answered(),
            Err(error) if error.kind == Kind::RateLimited => {
                self.pace.refused(error.retry_after);
                if let (Some(progress), Some(until)) = (&self.progress, self.pace.waits_until()) {
                    progress.wait_until(until);
                }
            }
            Err(_) => {}
        }
        answer
    }
}

/// True where the same again may work, and nothing but trying tells when.
fn is_worth_trying(error: &Error) -> bool {
    error.is_temporary() && error.kind != Kind::RateLimited
}

/// What a read tells of something that may not be there.
fn if_there<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The error of work that was stopped: it goes on at the next start.
pub(crate) fn stopped() -> Error {
    Error::new(
        Kind::Unavailable,
        "the migration was stopped: start it again",
    )
    .outcome(Outcome::NotApplied)
}

//! What is noted of one request, and the document that becomes of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use backend::ports::Explanation;
use backend::{Context, Principal, Scope, Trace};
use conversation::Time;
use facadekit::Detached;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use transport::{RecordLimits, RecordedBody, RecordedCall, Recorder};

use super::bodies::{Captured, observed_answer, observed_request};
use super::{EXPLANATION, Explaining, Texts};

/// What is kept of each body, in bytes.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// What is kept of the calls to vendors.
const CALLS: RecordLimits = RecordLimits {
    calls_max: 64,
    body_max_bytes: BODY_MAX_BYTES,
    total_max_bytes: 1024 * 1024,
};
/// The most canonical calls of one request that are noted: a facade may make several.
const CANONICAL_MAX: usize = 64;

/// What is noted of one request. Cheap to clone; the last clone ends it.
#[derive(Clone)]
pub(crate) struct Recording(Arc<Inner>);

/// See [`Recording`].
pub(super) struct Inner {
    explaining: Explaining,
    request_id: Arc<str>,
    texts: Texts,
    at: Time,
    began: Instant,
    method: Box<str>,
    path: Box<str>,
    query: Box<str>,
    via: Option<&'static str>,
    recorder: Recorder,
    inbound: Mutex<Captured>,
    outbound: Mutex<Captured>,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    /// Whose key it is, once that is known; `Err` where it may not have requests explained.
    owner: Option<Result<Arc<Principal>, ()>>,
    /// Of each context that the request had.
    traces: Vec<Arc<Trace>>,
    calls: Vec<Map<String, Value>>,
    calls_left_out: usize,
}

impl Recording {
    pub(super) fn new(
        explaining: Explaining,
        request_id: Arc<str>,
        texts: Texts,
        request: &Request,
        via: Option<&'static str>,
    ) -> Self {
        let uri = request.uri();
        Recording(Arc::new(Inner {
            explaining,
            request_id,
            texts,
            at: Time::now(),
            began: Instant::now(),
            method: request.method().as_str().into(),
            path: uri.path().into(),
            query: uri.query().unwrap_or_default().into(),
            via,
            recorder: Recorder::new(CALLS),
            inbound: Mutex::new(Captured::new(BODY_MAX_BYTES)),
            outbound: Mutex::new(Captured::new(BODY_MAX_BYTES)),
            noted: Mutex::default(),
        }))
    }

    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    /// The request, whose body is seen as it is read.
    pub(crate) fn observe(&self, request: Request) -> Request {
        let media_type = request.headers().get(CONTENT_TYPE);
        self.inbound().media_type =
            media_type.and_then(|value| value.to_str().ok().map(Into::into));
        let recording = self.clone();
        observed_request(request, move |piece| recording.inbound().push(piece))
    }

    /// Says whose request it is. Nothing is noted of one whose key may not have it explained.
    pub(crate) fn own(&self, principal: &Arc<Principal>, trace: &Arc<Trace>) {
        let mut noted = self.noted();
        noted
            .owner
            .get_or_insert_with(|| match principal.may(Scope::Admin) {
                true => Ok(Arc::clone(principal)),
                false => Err(()),
            });
        if !noted.traces.iter().any(|known| Arc::ptr_eq(known, trace))
            && noted.traces.len() < CANONICAL_MAX
        {
            noted.traces.push(Arc::clone(trace));
        }
    }

    /// The same, and whether it is noted.
    pub(super) fn admits(&self, cx: &Context) -> bool {
        self.own(&cx.principal, &cx.trace);
        self.owner().is_some()
    }

    fn owner(&self) -> Option<Arc<Principal>> {
        self.noted().owner.clone()?.ok()
    }

    pub(super) fn texts(&self) -> Texts {
        self.0.texts
    }

    /// Sees what is sent to vendors.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    pub(super) fn elapsed_ms(&self) -> f64 {
        milliseconds(self.0.began.elapsed())
    }

    /// Notes a canonical call; its place, unless there are too many.
    pub(super) fn note_call(&self, call: Map<String, Value>) -> Option<usize> {
        let mut noted = self.noted();
        if noted.calls.len() >= CANONICAL_MAX {
            noted.calls_left_out += 1;
            return None;
        }
        noted.calls.push(call);
        Some(noted.calls.len() - 1)
    }

    pub(super) fn end_call(&self, number: usize, result: Value, took_ms: f64) {
        if let Some(call) = self.noted().calls.get_mut(number) {
            call.insert("result".into(), result);
            call.insert("took_ms".into(), took_ms.into());
        }
    }

    /// The answer, which names its explanation. One of known length waits until the explanation is kept; one that streams
    /// is kept when its body has ended. Without an owner nothing is kept. `is_ours` says that it is a problem of our own,
    /// which has no word of a person in it.
    pub(crate) async fn answered(
        self,
        mut response: Response,
        is_ours: bool,
        detached: &Detached,
    ) -> Response {
        if self.owner().is_none() {
            return response;
        }
        let address = format!("/admin/v1/explain/{}", self.0.request_id);
        if let Ok(address) = HeaderValue::try_from(address) {
            response.headers_mut().insert(EXPLANATION, address);
        }
        let media_type = response.headers().get(CONTENT_TYPE);
        self.outbound().media_type =
            media_type.and_then(|value| value.to_str().ok().map(Into::into));
        let status = response.status().as_u16();
        let (seeing, ending, detached) = (self.clone(), self.clone(), detached.clone());
        let see = move |piece: &[u8]| seeing.outbound().push(piece);
        let end = move |is_whole: bool| {
            detached.start(async move { ending.keep(status, is_ours, is_whole).await });
        };
        match observed_answer(response, see, end).await {
            Ok(whole) => {
                self.keep(status, is_ours, true).await;
                whole
            }
            Err(streaming) => streaming,
        }
    }

    async fn keep(&self, status: u16, is_ours: bool, is_whole: bool) {
        let Some(owner) = self.owner() else {
            return;
        };
        let explanation = Explanation {
            request_id: (*self.0.request_id).into(),
            tenant: owner.tenant.clone(),
            at: self.0.at,
            document: self.document(&owner, status, is_ours, is_whole),
        };
        self.0.explaining.keep(explanation).await;
    }

    fn document(&self, owner: &Principal, status: u16, is_ours: bool, is_whole: bool) -> Value {
        let texts = self.0.texts;
        let mut request = json!({
            "method": self.0.method,
            "path": texts.path(&self.0.path),
            "query": texts.query(url::form_urlencoded::parse(self.0.query.as_bytes())),
            "via": self.0.via.unwrap_or("normalized"),
        });
        request["body"] = self.inbound().shown(texts);
        let mut answer = json!({"status": status});
        let outbound = self.outbound();
        answer["body"] = outbound.shown(if is_ours { Texts::Shown } else { texts });
        drop(outbound);
        if !is_whole {
            answer["is_whole"] = false.into();
        }
        let noted = self.noted();
        let first = |of: fn(&Trace) -> Option<&str>| {
            let mut found = noted.traces.iter().filter_map(|trace| of(trace));
            found.next().map(str::to_owned)
        };
        let attempts: u32 = noted.traces.iter().map(|trace| trace.attempts()).sum();
        let stale = noted.traces.iter().find_map(|trace| trace.stale());
        let fates: Vec<Value> = noted
            .traces
            .iter()
            .flat_map(|trace| trace.fates())
            .map(|(of, fate)| {
                let mut shown = json!({"of": of, "fate": fate});
                shown["fate"]["pointer"] = texts.pointer(&fate.pointer).into();
                shown
            })
            .collect();
        let mut document = json!({
            "request_id": self.0.request_id,
            "at": self.0.at,
            "tenant": owner.tenant,
            "key": owner.key,
            "user": owner.user,
            "texts": texts.as_str(),
            "request": request,
            "backend": first(Trace::backend),
            "route": first(Trace::route),
            "attempts": attempts,
            "stale_seconds": stale.map(|age| age.as_secs()),
            "canonical": noted.calls,
            "canonical_left_out": noted.calls_left_out,
            "calls": self.0.recorder.calls().iter().map(|call| shown(texts, call)).collect::<Vec<_>>(),
            "calls_left_out": self.0.recorder.calls_left_out(),
            "fates": fates,
            "answer": answer,
            "took_ms": self.elapsed_ms(),
        });
        if let Some(members) = document.as_object_mut() {
            // What is not known is absent.
            members.retain(|_, value| !value.is_null());
        }
        document
    }

    fn inbound(&self) -> MutexGuard<'_, Captured> {
        self.0
            .inbound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn outbound(&self) -> MutexGuard<'_, Captured> {
        self.0
            .outbound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        // Every step leaves it whole.
        self.0.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Arc<Inner>> for Recording {
    fn from(inner: Arc<Inner>) -> Self {
        Recording(inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.explaining.end(&self.request_id);
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Recording")
            .field("request_id", &self.0.request_id)
            .finish_non_exhaustive()
    }
}

/// One call to a vendor.
fn shown(texts: Texts, call: &RecordedCall) -> Value {
    let body =
        |body: &RecordedBody| texts.body(body.media_type.as_deref(), &body.bytes, body.size_bytes);
    let mut shown = json!({
        "operation": call.operation,
        "method": call.method.as_str(),
        "host": call.host,
        "path": texts.path(&call.path),
        "query": texts.query(call.query.iter().map(|(name, value)| (name, value))),
        "body": body(&call.request),
        "began_ms": milliseconds(call.began),
        "took_ms": call.took.map(milliseconds),
        "status": call.status,
        "failure": call.failure,
    });
    if call.status.is_some() {
        shown["answer"] = body(&call.answer);
    }
    if call.is_repeated {
        shown["is_repeated"] = true.into();
    }
    shown
}

fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

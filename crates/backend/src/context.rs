//! What travels with every call: who asks, until when, and under which rules.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use conversation::ConversationId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::FieldFate;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Read conversations, messages and backends.
    Read,
    /// Create and change conversations and messages, and have them answered.
    Write,
    /// Act for an end user (`Dragoman-User`).
    ActAs,
    /// Choose a backend for a new conversation (`Dragoman-Backend`).
    ChooseBackend,
    /// See conversations that belong to no tenant.
    Unowned,
    /// Everything under `/admin`.
    Admin,
    /// Call a vendor's own API with the gateway's credentials.
    Passthrough,
}

impl Scope {
    /// Every scope, in the order of declaration.
    pub const ALL: &'static [Self] = &[
        Self::Read,
        Self::Write,
        Self::ActAs,
        Self::ChooseBackend,
        Self::Unowned,
        Self::Admin,
        Self::Passthrough,
    ];

    /// The scope as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ActAs => "act-as",
            Self::ChooseBackend => "choose-backend",
            Self::Unowned => "unowned",
            Self::Admin => "admin",
            Self::Passthrough => "passthrough",
        }
    }
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The tenant; nobody sees another tenant's conversations.
    pub tenant: Box<str>,
    /// The id of the API key.
    pub key: Box<str>,
    /// The end user for whom the call is made. Such a caller sees only that user's conversations.
    pub user: Option<Box<str>>,
    /// What the key may do.
    pub scopes: Vec<Scope>,
}

impl Principal {
    /// True where the key may do this.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// True where the caller may know of a conversation of this tenant and owner.
    #[must_use]
    pub fn may_see(&self, tenant: Option<&str>, owner: Option<&str>) -> bool {
        let tenant_fits = match tenant {
            Some(tenant) => tenant == &*self.tenant,
            None => self.may(Scope::Unowned),
        };
        tenant_fits && self.user.as_deref().is_none_or(|user| owner == Some(user))
    }

    /// What vendors that need an end user are told: the user, or the key where there is none.
    #[must_use]
    pub fn user_or_key(&self) -> String {
        self.user
            .as_deref()
            .map_or_else(|| format!("key-{}", self.key), str::to_owned)
    }
}

/// What to do with fields that the backend does not hold exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FidelityPolicy {
    /// Convert what can be converted.
    #[default]
    Lenient,
    /// Refuse before anything is sent.
    Strict,
}

/// Whether a read may come from a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Freshness {
    /// It may.
    #[default]
    Cached,
    /// It must come from where the truth is.
    Fresh,
}

/// What rules look at when a new conversation is placed, beside the conversation and the principal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteHints {
    /// The API by which the caller came: the kind of a facade; absent: the normalized one.
    pub via: Option<Box<str>>,
    /// The backend that the caller asks for.
    pub backend: Option<Box<str>>,
    /// Request headers that rules may name, lower case.
    pub headers: BTreeMap<Box<str>, Box<str>>,
}

/// What is learned on the way down and told to the caller: who answered, by which rule, after how many attempts.
#[derive(Debug, Default)]
pub struct Trace {
    backend: OnceLock<Box<str>>,
    route: OnceLock<Box<str>>,
    attempts: AtomicU32,
    stale: OnceLock<Duration>,
    fates: Mutex<Vec<(Box<str>, FieldFate)>>,
}

impl Trace {
    /// Notes which backend answers; the first note stays.
    pub fn note_backend(&self, name: &str) {
        self.backend.get_or_init(|| name.into());
    }

    /// Notes which rule chose it; the first note stays.
    pub fn note_route(&self, route: &str) {
        self.route.get_or_init(|| route.into());
    }

    /// Notes one more attempt at the backend.
    pub fn note_attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the backend could not be asked, and what is told is so old; the first note stays, because it belongs to
    /// what the answer is made of first.
    pub fn note_stale(&self, age: Duration) {
        self.stale.get_or_init(|| age);
    }

    /// How old what is told is, where the backend could not be asked.
    #[must_use]
    pub fn stale(&self) -> Option<Duration> {
        self.stale.get().copied()
    }

    /// Notes what became of fields of the conversation or message with this id.
    pub fn note_fates(&self, of: &str, fates: Vec<FieldFate>) {
        if fates.is_empty() {
            return;
        }
        let fates = fates.into_iter().map(|fate| (of.into(), fate));
        self.lock().extend(fates);
    }

    /// What became of fields that are not held exactly by the backend alone: the id of the conversation or message,
    /// and the fate.
    #[must_use]
    pub fn fates(&self) -> Vec<(Box<str>, FieldFate)> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Box<str>, FieldFate)>> {
        // A list that is only added to is whole after every step.
        self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The backend that answered.
    #[must_use]
    pub fn backend(&self) -> Option<&str> {
        self.backend.get().map(|name| &**name)
    }

    /// The rule that chose it.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.route.get().map(|route| &**route)
    }

    /// How often the backend was tried.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }
}

/// What travels with one call. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who is calling.
    pub principal: Arc<Principal>,
    /// The request's id, for logs and vendors' correlation headers.
    pub request_id: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// The id of this write: the same when a write is settled or repeated under one idempotency key.
    pub intent: Uuid,
    /// The caller's idempotency key.
    pub idempotency_key: Option<Arc<str>>,
    /// What to do with fields that the backend does not hold exactly.
    pub fidelity: FidelityPolicy,
    /// Whether a read may come from a cache.
    pub freshness: Freshness,
    /// True where a write copies something whole: what it does not give reads as absent, also where the backend would
    /// add something by itself. Imported messages are always copies.
    pub copying: bool,
    /// The public id that a created conversation gets: it is a copy of one that has it already, elsewhere. Absent: the
    /// backend makes one.
    pub public_id: Option<ConversationId>,
    /// True where the gateway keeps all of a write beside the backend, which is told nothing. Of writes that can be kept
    /// so: imports and attachments. A backend without an overlay holds everything by itself and takes no notice.
    pub beside: bool,
    /// The number of the lease that the writer holds. Rows of the gateway's own refuse a writer with an older one.
    pub fence: Option<u64>,
    /// True where [`crate::Backend::settle`] only finds out what became of a write: nothing that was still to be done is
    /// done, and no row of the gateway's own is written.
    pub looks_only: bool,
    /// What rules look at.
    pub route: Arc<RouteHints>,
    /// What the caller is told about the way that the call took.
    pub trace: Arc<Trace>,
}

impl Context {
    /// A context with nothing special: lenient, cached, no hints, a new intent.
    #[must_use]
    pub fn new(
        principal: Arc<Principal>,
        request_id: impl Into<Arc<str>>,
        timeout: Duration,
    ) -> Self {
        Self {
            principal,
            request_id: request_id.into(),
            deadline: Instant::now() + timeout,
            intent: Uuid::now_v7(),
            idempotency_key: None,
            fidelity: FidelityPolicy::default(),
            freshness: Freshness::default(),
            copying: false,
            public_id: None,
            beside: false,
            fence: None,
            looks_only: false,
            route: Arc::default(),
            trace: Arc::default(),
        }
    }

    /// How long the caller still waits.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The same context, for reads that must not come from a cache.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self {
            freshness: Freshness::Fresh,
            ..self.clone()
        }
    }
}

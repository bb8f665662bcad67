//! The router: what it stands on, and how it finds the backend of a conversation, new or known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Binding, Directory, Intents, Leases};
use backend::{BackendInfo, Context, Error, Kind, Result};
use conversation::{ConversationId, NewConversation};

use crate::placing::{Rule, place};
use crate::settling::{MADE_MAX, Made};
use crate::slot::Slot;
use crate::writing::Found;

/// What a router is built with, beside its backends.
#[derive(Debug, Clone)]
pub struct RouterSettings {
    /// The rules, first match first.
    pub rules: Vec<Rule>,
    /// Where a new conversation goes that no rule places.
    pub default_backend: Box<str>,
    /// How long a list waits for what backends say now.
    pub hydrate_budget: Duration,
    /// How old a look through a backend may be before a list starts another one.
    pub discover_interval: Duration,
}

impl RouterSettings {
    /// No rules, 2 s to hydrate, a look every 60 s.
    #[must_use]
    pub fn new(default_backend: &str) -> Self {
        Self {
            rules: Vec::new(),
            default_backend: default_backend.into(),
            hydrate_budget: Duration::from_secs(2),
            discover_interval: Duration::from_secs(60),
        }
    }
}

/// The router.
pub struct Router {
    pub(crate) info: BackendInfo,
    pub(crate) slots: BTreeMap<Box<str>, Arc<Slot>>,
    pub(crate) settings: RouterSettings,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) intents: Arc<dyn Intents>,
    pub(crate) made: Made,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router")
            .field("slots", &self.slots.keys())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Router {
    /// A router over `slots`.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] where the default or a rule names a backend that is not among them, or two slots share a name.
    pub fn new(
        slots: Vec<Slot>,
        settings: RouterSettings,
        directory: Arc<dyn Directory>,
        leases: Arc<dyn Leases>,
        intents: Arc<dyn Intents>,
    ) -> Result<Self> {
        let mut named = BTreeMap::new();
        for slot in slots {
            let name: Box<str> = slot.name().into();
            if named.insert(name.clone(), Arc::new(slot)).is_some() {
                return Err(Error::new(
                    Kind::InvalidRequest,
                    format!("two backends are named `{name}`"),
                ));
            }
        }
        let wanted = settings
            .rules
            .iter()
            .map(|rule| &rule.to)
            .chain([&settings.default_backend]);
        if let Some(missing) = wanted.into_iter().find(|name| !named.contains_key(*name)) {
            return Err(Error::new(
                Kind::InvalidRequest,
                format!("a route leads to `{missing}`, but there is no such backend"),
            ));
        }
        let info = BackendInfo {
            name: "router".into(),
            kind: "router".into(),
        };
        Ok(Self {
            info,
            slots: named,
            settings,
            directory,
            leases,
            intents,
            made: Made::new(MADE_MAX),
        })
    }

    /// Finds a conversation that the caller may know of. What is unknown, deleted or somebody else's looks alike.
    pub(crate) async fn locate(&self, cx: &Context, id: ConversationId) -> Result<Found> {
        let binding = self
            .directory
            .locate(id)
            .await?
            .ok_or_else(Error::conversation_not_found)?;
        let Binding {
            location,
            tenant,
            owner,
            deleted,
        } = binding;
        if deleted || !cx.principal.may_see(tenant.as_deref(), owner.as_deref()) {
            return Err(Error::conversation_not_found());
        }
        let slot = self.slots.get(&location.backend).cloned().ok_or_else(|| {
            Error::new(
                Kind::Unavailable,
                format!(
                    "backend `{}` holds this conversation but is not configured any more",
                    location.backend
                ),
            )
        })?;
        cx.trace.note_backend(slot.name());
        cx.trace.note_attempt();
        Ok(Found { slot, location })
    }

    /// Where a new conversation goes, and the name of what chose it.
    pub(crate) fn place<'a>(
        &'a self,
        cx: &'a Context,
        new: &NewConversation,
    ) -> Result<(&'a Arc<Slot>, &'a str)> {
        let known = |name: &str| self.slots.contains_key(name);
        let default = &self.settings.default_backend;
        let (name, route) = place(cx, new, &self.settings.rules, default, known)?;
        let slot = self.slots.get(name).ok_or_else(no_backend)?;
        Ok((slot, route))
    }

    /// The backend that backend-wide questions go to: the one that the caller names, else the default.
    pub(crate) fn named(&self, cx: &Context) -> Result<&Arc<Slot>> {
        let default = &self.settings.default_backend;
        let name = cx.route.backend.as_ref().unwrap_or(default);
        self.slots.get(name).ok_or_else(no_backend)
    }
}

fn no_backend() -> Error {
    Error::new(Kind::NotFound, "backend not found")
}

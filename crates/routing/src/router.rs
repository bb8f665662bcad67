//! The router: what it stands on, and how it finds the backend of a conversation, new or known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Binding, Directory, Intents, Leases, Ledger, RouteOverrides};
use backend::{BackendInfo, Context, Error, Kind, Result};
use conversation::ConversationId;

use crate::creates::{MADE_MAX, Made};
use crate::overriding::Overriding;
use crate::placing::Rule;
use crate::slot::Slot;
use crate::traffic::Teller;
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
    pub(crate) teller: Teller,
    /// Absent where there are no migrations.
    pub(crate) overriding: Option<Overriding>,
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
            teller: Teller::default(),
            overriding: None,
        })
    }

    /// The same router where conversations are migrated: it follows route overrides, and knows earlier homes.
    #[must_use]
    pub fn following(
        mut self,
        overrides: Arc<dyn RouteOverrides>,
        ledger: Arc<dyn Ledger>,
    ) -> Self {
        self.overriding = Some(Overriding { overrides, ledger });
        self
    }

    /// Finds a conversation that the caller may know of, to read it.
    pub(crate) async fn locate(&self, cx: &Context, id: ConversationId) -> Result<Found> {
        let found = self.find(cx, id).await?;
        found.note(cx);
        Ok(found)
    }

    /// Finds a conversation that the caller may know of. What is unknown, deleted or somebody else's looks alike.
    pub(crate) async fn find(&self, cx: &Context, id: ConversationId) -> Result<Found> {
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
        Ok(Found { slot, location })
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

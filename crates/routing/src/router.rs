//! The router: what it stands on, and how it finds the backend of a conversation, new or known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{
    Binding, Directory, Intents, Leases, Ledger, RouteOverrides, ShadowLog, Touches,
};
use backend::{BackendInfo, Context, Error, Kind, Result};
use conversation::ConversationId;

use crate::creates::{MADE_MAX, Made};
use crate::overriding::Overriding;
use crate::rules::Rule;
use crate::shadowing::{Sampled, Shadows};
use crate::slot::{Slot, UnderWay};
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
    pub(crate) slots: Arc<Slots>,
    /// What goes on at each backend that this process has had, those that were left out since included.
    pub(crate) under_way: BTreeMap<Box<str>, Arc<UnderWay>>,
    pub(crate) settings: RouterSettings,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) intents: Arc<dyn Intents>,
    pub(crate) made: Made,
    pub(crate) teller: Teller,
    /// Absent where there are no migrations.
    pub(crate) overriding: Option<Overriding>,
    /// Absent where no reads are compared.
    pub(crate) shadows: Option<Shadows>,
}

/// The backends by name.
pub(crate) type Slots = BTreeMap<Box<str>, Arc<Slot>>;

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
    /// [`Kind::InvalidRequest`] where the default or a rule names a backend that is not among them, a rule leads nowhere,
    /// or two slots share a name.
    pub fn new(
        slots: Vec<Slot>,
        settings: RouterSettings,
        directory: Arc<dyn Directory>,
        leases: Arc<dyn Leases>,
        intents: Arc<dyn Intents>,
    ) -> Result<Self> {
        let slots = Arc::new(checked(slots, &settings)?);
        let info = BackendInfo {
            name: "router".into(),
            kind: "router".into(),
        };
        Ok(Self {
            info,
            under_way: under_way_of(&slots).collect(),
            slots,
            settings,
            directory,
            leases,
            intents,
            made: Made::new(MADE_MAX),
            teller: Teller::default(),
            overriding: None,
            shadows: None,
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

    /// The same router where other processes may serve from the same state: writes are told through `touches`.
    #[must_use]
    pub fn sharing(mut self, touches: Arc<dyn Touches>) -> Self {
        self.teller = self.teller.sharing(touches);
        self
    }

    /// The same router where reads are compared with those of a second backend, as its rules say. `ledger` knows where
    /// conversations have a place there; what differs goes to `log`.
    #[must_use]
    pub fn shadowing(mut self, ledger: Arc<dyn Ledger>, log: Arc<dyn ShadowLog>) -> Self {
        let directory = Arc::clone(&self.directory);
        let (slots, rules) = (&self.slots, &self.settings.rules);
        self.shadows = Some(Shadows::new(directory, ledger, log, slots, rules));
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

    /// A read that is to be compared with that of a second backend.
    pub(crate) fn sampled(&self, cx: &Context, found: &Found) -> Option<Sampled> {
        self.shadows.as_ref()?.sample(cx, found)
    }

    /// The backend that backend-wide questions go to: the one that the caller names, else the default.
    pub(crate) fn named(&self, cx: &Context) -> Result<&Arc<Slot>> {
        let default = &self.settings.default_backend;
        let name = cx.route.backend.as_ref().unwrap_or(default);
        self.slots.get(name).ok_or_else(no_backend)
    }
}

/// What goes on at each backend.
pub(crate) fn under_way_of(
    slots: &Slots,
) -> impl Iterator<Item = (Box<str>, Arc<UnderWay>)> + use<'_> {
    let slots = slots.iter();
    slots.map(|(name, slot)| (name.clone(), Arc::clone(&slot.under_way)))
}

/// The slots by name, where the settings can be followed with them.
pub(crate) fn checked(slots: Vec<Slot>, settings: &RouterSettings) -> Result<Slots> {
    let refused = |message| Err(Error::new(Kind::InvalidRequest, message));
    let mut named = Slots::new();
    for slot in slots {
        let name: Box<str> = slot.name().into();
        if named.insert(name.clone(), Arc::new(slot)).is_some() {
            return refused(format!("two backends are named `{name}`"));
        }
    }
    let by_rules = settings.rules.iter().flat_map(Rule::backends);
    let mut wanted = by_rules.chain([&*settings.default_backend]);
    if let Some(missing) = wanted.find(|name| !named.contains_key(*name)) {
        return refused(format!(
            "a route leads to `{missing}`, but there is no such backend"
        ));
    }
    match settings.rules.iter().find_map(Rule::flaw) {
        Some(flaw) => refused(flaw),
        None => Ok(named),
    }
}

fn no_backend() -> Error {
    Error::new(Kind::NotFound, "backend not found")
}

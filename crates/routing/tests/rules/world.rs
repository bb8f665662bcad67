//! A router over three vendors, `a`, `b` and `c`, of which `a` is the default.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{
    CopyAt, IntentQuery, Intents as _, Ledger as _, MigrationFilter, MigrationId, MigrationRecord,
    MigrationSpec, Oversize, Phase, RouteOverride, ShadowDifference, ShadowLog as _, ShadowQuery,
    Share, Step,
};
use backend::{Backend, Context, Error, Kind, Located, Location, Origin, Principal, Result};
use conversation::{ConversationId, NewConversation, Time};
use layers::Renamed;
use routing::{Discovery, Router, RouterSettings, Rule, Slot, When};
use store::{SealingKey, State, Store, StoreConfig};

use crate::vendor::Vendor;

/// No test waits longer than this for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) router: Arc<Router>,
    pub(crate) vendors: [Arc<Vendor>; 3],
    pub(crate) state: Arc<State>,
    pub(crate) migration: MigrationId,
    _files: tempfile::TempDir,
}

pub(crate) fn cx() -> Context {
    let principal = Principal {
        tenant: "acme".into(),
        key: "k".into(),
        user: None,
        scopes: Vec::new(),
    };
    Context::new(Arc::new(principal), "test", PATIENCE)
}

pub(crate) fn titled(title: &str) -> NewConversation {
    NewConversation {
        title: Some(title.into()),
        ..NewConversation::default()
    }
}

/// An outage before anything was done.
pub(crate) fn down() -> Option<Error> {
    Some(Error::new(Kind::Unavailable, "nobody answers").origin(Origin::Network))
}

/// A rule for everything.
pub(crate) fn rule(name: &str, to: &[(&str, u32)], fallback: &[&str]) -> Rule {
    let share = |(backend, weight): &(&str, u32)| Share {
        backend: (*backend).into(),
        weight: *weight,
    };
    Rule {
        to: to.iter().map(share).collect(),
        fallback: fallback.iter().map(|name| (*name).into()).collect(),
        ..Rule::to_one(name, When::default(), "a")
    }
}

fn slots(vendors: &[Arc<Vendor>], state: &Arc<State>) -> Vec<Slot> {
    let slots = vendors.iter().map(|vendor| {
        let stack = Renamed::new(vendor.clone(), state.clone());
        Slot::new(Arc::new(stack), Discovery::Off, None).over(vendor.clone())
    });
    slots.collect()
}

fn settings(rules: Vec<Rule>) -> RouterSettings {
    RouterSettings {
        rules,
        ..RouterSettings::new("a")
    }
}

impl World {
    pub(crate) async fn new(rules: Vec<Rule>) -> Self {
        let files = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            let path = files.path().join(name).join("dragoman.db");
            Store::open(StoreConfig::at(path)).unwrap()
        };
        let state = open("gateway").state(&SealingKey::from_bytes([7; 32]));
        let state = Arc::new(state.unwrap());
        let vendors = ["a", "b", "c"].map(|name| {
            let store = open(name).backend(name);
            Arc::new(Vendor::new(Arc::new(store), state.clone()))
        });
        let router = Router::new(
            slots(&vendors, &state),
            settings(rules),
            state.clone(),
            state.clone(),
            state.clone(),
        );
        let router = router
            .unwrap()
            .following(state.clone(), state.clone())
            .shadowing(state.clone(), state.clone());
        let now = Time::now();
        let migration = MigrationId::generate();
        let record = MigrationRecord {
            id: migration,
            spec: MigrationSpec {
                from: "a".into(),
                to: "b".into(),
                filter: MigrationFilter::default(),
                roster: Vec::new(),
                oversize: Oversize::default(),
                parallel: 1,
            },
            phase: Phase::Copied,
            mirror: false,
            holder: None,
            stopped: None,
            notes: serde_json::Map::new(),
            created_at: now,
            updated_at: now,
        };
        state.put_migration(&record).await.unwrap();
        Self {
            router: Arc::new(router),
            vendors,
            state,
            migration,
            _files: files,
        }
    }

    /// The same world with other rules, while everything goes on.
    pub(crate) fn with_rules(mut self, rules: Vec<Rule>) -> Self {
        self.router = Arc::new(self.succeeded(rules).unwrap());
        self
    }

    pub(crate) fn succeeded(&self, rules: Vec<Rule>) -> Result<Router> {
        let slots = slots(&self.vendors, &self.state);
        self.router.succeeded_by(slots, settings(rules))
    }

    /// Another process over the same state: it remembers nothing.
    pub(crate) fn restarted(&self, rules: Vec<Rule>) -> Router {
        let state = || self.state.clone();
        let slots = slots(&self.vendors, &self.state);
        let router = Router::new(slots, settings(rules), state(), state(), state());
        router.unwrap().following(state(), state())
    }

    pub(crate) async fn create(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.router.create_conversation(cx, new).await
    }

    /// How many creates came to each vendor.
    pub(crate) fn creates(&self) -> [usize; 3] {
        [0, 1, 2].map(|vendor: usize| self.vendors[vendor].creates())
    }

    /// The backends of the writes whose end is not known.
    pub(crate) async fn noted(&self) -> Vec<String> {
        let query = IntentQuery {
            limit: 100,
            ..IntentQuery::default()
        };
        let noted = self.state.list(&query).await.unwrap().items.into_iter();
        noted.map(|record| record.backend.to_string()).collect()
    }

    /// Leads new conversations from one backend to another.
    pub(crate) async fn lead(&self, from: &str, to: &str) {
        let route = RouteOverride {
            migration: self.migration,
            from: from.into(),
            to: to.into(),
            tenant: None,
            since: Time::now(),
        };
        self.state.begin_override(&route).await.unwrap();
    }

    /// Copies a conversation of `a` without its messages to `b`, under its public id.
    pub(crate) async fn copy_to_b(&self, id: ConversationId, title: &str) -> Location {
        let making = Context {
            copying: true,
            public_id: Some(id),
            ..cx()
        };
        let vendor: &dyn Backend = &*self.vendors[1];
        let made = vendor.create_conversation(&making, titled(title)).await;
        let mut place = made.unwrap().location;
        (place.id, place.renamed) = (id, true);
        let at = CopyAt {
            conversation: id,
            from: "a".into(),
            to: "b".into(),
        };
        let step = Step {
            place: Some(place.clone()),
            ..Step::default()
        };
        self.state.record(self.migration, &at, &step).await.unwrap();
        place
    }

    pub(crate) async fn differences(&self) -> Vec<ShadowDifference> {
        let query = ShadowQuery {
            limit: 100,
            ..ShadowQuery::default()
        };
        self.state.differences(&query).await.unwrap()
    }
}

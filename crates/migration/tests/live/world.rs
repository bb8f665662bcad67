//! A gateway over two backends, `old` and `new`, that can be killed and started again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::ports::{
    Directory as _, Leases, MigrationFilter, MigrationId, MigrationSpec, Oversize, Phase,
    RosterEntry, Touches, Traffic,
};
use backend::{Backend, Context, Principal, RouteHints, Scope};
use conversation::{ConversationId, Message, NewConversation, NewMessage, Role, text_of};
use layers::Renamed;
use migration::{CheckSummary, CopyOptions, Endpoint, Ends, Migrations, Parts, Settings, Status};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, State, Store, StoreConfig, Synchronous};

use crate::vendor::Vendor;

/// How long something that must come may take. Nothing is measured by it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Which of the two backends is a vendor: the other one is the embedded store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sides {
    Stores,
    FromVendor,
    ToVendor,
}

impl Sides {
    pub(crate) const ALL: [Self; 3] = [Self::Stores, Self::FromVendor, Self::ToVendor];
}

/// What survives a crash: the files, and the vendor.
pub(crate) struct World {
    sides: Sides,
    directory: tempfile::TempDir,
    vendor: Store,
}

impl World {
    pub(crate) fn new(sides: Sides) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let vendor = open(&directory.path().join("vendor"));
        Self {
            sides,
            directory,
            vendor,
        }
    }

    /// Starts a gateway.
    pub(crate) async fn start(&self) -> Gateway {
        let gateway = self.start_without_migrations();
        let traffic: Arc<dyn Traffic> = gateway.router.clone();
        gateway.migrations.start(traffic).await.unwrap();
        gateway
    }

    pub(crate) fn start_without_migrations(&self) -> Gateway {
        self.gateway(&self.open(), &Replica::default())
    }

    /// The gateway's database.
    pub(crate) fn open(&self) -> Store {
        open(&self.directory.path().join("gateway"))
    }

    /// A gateway over the database, which may be one of several.
    pub(crate) fn gateway(&self, store: &Store, replica: &Replica) -> Gateway {
        let key = SealingKey::from_bytes([7; 32]);
        let state = Arc::new(store.state(&key).unwrap());
        let own = |name: &str| -> Arc<dyn Backend> { Arc::new(store.backend(name)) };
        let vendors = |name: &str| -> Arc<dyn Backend> {
            Arc::new(Vendor(Arc::new(self.vendor.backend(name))))
        };
        let (old, new) = match self.sides {
            Sides::Stores => (own("old"), own("new")),
            Sides::FromVendor => (vendors("old"), own("new")),
            Sides::ToVendor => (own("old"), vendors("new")),
        };
        let stacks = [old.clone(), new.clone()]
            .map(|below| -> Arc<dyn Backend> { Arc::new(Renamed::new(below, state.clone())) });
        let discovery = |backend: &dyn Backend| match backend.capabilities().transactional {
            true => Discovery::Off,
            false => Discovery::OnList,
        };
        let slots = stacks
            .iter()
            .map(|stack| Slot::new(stack.clone(), discovery(&**stack), Some("acme".into())))
            .collect();
        let router = Router::new(
            slots,
            RouterSettings::new("old"),
            state.clone(),
            state.clone(),
            state.clone(),
        );
        let mut router = router.unwrap().following(state.clone(), state.clone());
        if let Some(touches) = &replica.touches {
            router = router.sharing(touches.clone());
        }
        let router = Arc::new(router);
        let ends: BTreeMap<Box<str>, Endpoint> = stacks
            .iter()
            .map(|stack| {
                let end = Endpoint {
                    stack: stack.clone(),
                    requests_per_minute: replica.requests_per_minute,
                    discovers: discovery(&**stack) == Discovery::OnList,
                };
                (stack.info().name.clone(), end)
            })
            .collect();
        let migrations = Migrations::new(Parts {
            ends: Ends::new(ends),
            ledger: state.clone(),
            intents: state.clone(),
            directory: state.clone(),
            leases: replica.leases.clone().unwrap_or(state.clone()),
            overlay_state: state.clone(),
            erasure: state.clone(),
            settings: Settings {
                holder: "a test".into(),
                is_shared: replica.touches.is_some(),
                drain_interval: Duration::from_millis(50),
                mirror_delay: Duration::from_millis(5),
                shadow_sample: 2,
                // What was cut off at a vendor that tells by absence only is told by absence after twice that.
                write_timeout: Duration::from_secs(15),
                ..Settings::default()
            },
        });
        Gateway {
            state,
            router,
            migrations,
            old,
            new,
        }
    }
}

/// What makes a gateway one of several.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replica {
    /// Where replicas tell each other what they write; absent where one serves alone.
    pub(crate) touches: Option<Arc<dyn Touches>>,
    /// How fast its migrations may ask a backend.
    pub(crate) requests_per_minute: Option<u64>,
    /// The leases of its migrations, where they are not the state's own.
    pub(crate) leases: Option<Arc<dyn Leases>>,
}

fn open(at: &Path) -> Store {
    let config = StoreConfig {
        synchronous: Synchronous::Normal,
        ..StoreConfig::at(at.join("dragoman.db"))
    };
    Store::open(config).unwrap()
}

/// A gateway that serves.
pub(crate) struct Gateway {
    pub(crate) state: Arc<State>,
    pub(crate) router: Arc<Router>,
    pub(crate) migrations: Migrations,
    /// The backends themselves, as whoever goes past the gateway sees them.
    pub(crate) old: Arc<dyn Backend>,
    pub(crate) new: Arc<dyn Backend>,
}

pub(crate) fn cx() -> Context {
    cx_of("acme")
}

pub(crate) fn cx_of(tenant: &str) -> Context {
    let principal = Principal {
        tenant: tenant.into(),
        key: "k".into(),
        user: None,
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "test", Duration::from_secs(30))
}

/// A caller who asks for a backend.
pub(crate) fn cx_to(backend: &str) -> Context {
    Context {
        route: Arc::new(RouteHints {
            via: None,
            backend: Some(backend.into()),
            headers: BTreeMap::default(),
        }),
        ..cx()
    }
}

pub(crate) fn spec() -> MigrationSpec {
    MigrationSpec {
        from: "old".into(),
        to: "new".into(),
        filter: MigrationFilter::default(),
        roster: Vec::<RosterEntry>::new(),
        oversize: Oversize::Refuse,
        parallel: 4,
    }
}

impl Gateway {
    /// A conversation with so many messages.
    pub(crate) async fn converse(&self, messages: usize) -> ConversationId {
        let new = NewConversation {
            title: Some("talk".into()),
            ..NewConversation::default()
        };
        let made = self.router.create_conversation(&cx(), new).await.unwrap();
        for number in 0..messages {
            self.say(made.location.id, &format!("before {number}"))
                .await;
        }
        made.location.id
    }

    pub(crate) async fn say(&self, id: ConversationId, text: &str) -> Message {
        let at = backend::Location::unresolved(id);
        let new = NewMessage::text(Role::User, text);
        self.router.post_message(&cx(), &at, new).await.unwrap()
    }

    /// What was said in a conversation, in order.
    pub(crate) async fn texts(&self, id: ConversationId) -> Vec<String> {
        let messages = crate::load::walk(&self.router, id, 50).await.unwrap();
        messages.iter().map(|one| text_of(&one.parts)).collect()
    }

    /// Where a conversation lives.
    pub(crate) async fn home(&self, id: ConversationId) -> Box<str> {
        let binding = self.state.locate(id).await.unwrap().unwrap();
        binding.location.backend
    }

    /// Waits until no job of a migration runs; how it stands then.
    pub(crate) async fn end_of_job(&self, id: MigrationId) -> Status {
        let began = Instant::now();
        loop {
            let status = self.migrations.status(id).await.unwrap();
            if status.job.is_none() && status.record.holder.is_none() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it never ends: {status:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn planned(&self, spec: MigrationSpec) -> MigrationId {
        let id = self.migrations.plan(spec).await.unwrap().record.id;
        let status = self.end_of_job(id).await;
        self.expect(&status, Phase::Planned).await;
        id
    }

    pub(crate) async fn copied(&self, id: MigrationId, mirror: bool) -> Status {
        let options = CopyOptions { mirror };
        self.migrations.copy(id, options).await.unwrap();
        let status = self.end_of_job(id).await;
        self.expect(&status, Phase::Copied).await;
        status
    }

    pub(crate) async fn switched(&self, id: MigrationId) -> Status {
        self.migrations
            .switch(id, Default::default())
            .await
            .unwrap();
        let status = self.end_of_job(id).await;
        self.expect(&status, Phase::Switched).await;
        status
    }

    pub(crate) async fn rolled_back(&self, id: MigrationId) -> Status {
        self.migrations.rollback(id).await.unwrap();
        let status = self.end_of_job(id).await;
        self.expect(&status, Phase::RolledBack).await;
        status
    }

    pub(crate) async fn checked(&self, id: MigrationId) -> CheckSummary {
        self.migrations.check(id).await.unwrap();
        let status = self.end_of_job(id).await;
        status.check.unwrap()
    }

    /// Fails with everything that is known where a migration is not so far, or stopped.
    pub(crate) async fn expect(&self, status: &Status, phase: Phase) {
        if status.record.phase == phase && status.record.stopped.is_none() {
            return;
        }
        let id = status.record.id;
        let findings = self.migrations.findings(id, None, 50).await.unwrap();
        panic!("not {phase:?}: {status:#?}\n{findings:#?}");
    }
}

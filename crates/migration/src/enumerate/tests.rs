//! Which conversations a migration holds, and what it says where it cannot know.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use backend::ports::{ItemQuery, Ledger as _, RosterEntry, Touch, Traffic};
use backend::{Enumerates, Error, Kind, Principal, Result};
use tokio::sync::broadcast;

use super::enumerate;
use crate::check::check_all;
use crate::progress::Counters;
use crate::run::Run;
use crate::testing::{Changed, World, spec};

/// A router that only looks.
#[derive(Debug)]
struct Looks {
    looked: Mutex<Vec<Option<Box<str>>>>,
    /// Looking for this user fails.
    broken: Option<&'static str>,
}

#[async_trait]
impl Traffic for Looks {
    fn follow(&self) -> broadcast::Receiver<Touch> {
        broadcast::channel(1).1
    }

    async fn look_through(&self, _backend: &str, principal: &Arc<Principal>) -> Result<()> {
        self.looked.lock().unwrap().push(principal.user.clone());
        if self.broken.is_some() && principal.user.as_deref() == self.broken {
            return Err(Error::new(Kind::UpstreamFailed, "no such user"));
        }
        Ok(())
    }
}

fn looking(
    run: &mut Run,
    world: &World,
    by_user: bool,
    broken: Option<&'static str>,
) -> Arc<Looks> {
    let looks = Arc::new(Looks {
        looked: Mutex::default(),
        broken,
    });
    run.traffic = Some(looks.clone());
    run.from.discovers = true;
    let able = Changed::new(world.end("old")).able(|can| {
        can.enumerates = if by_user {
            Enumerates::User
        } else {
            Enumerates::Account
        };
    });
    run.from.stack = able.shared();
    looks
}

fn entry(user: &str) -> RosterEntry {
    RosterEntry {
        tenant: "acme".into(),
        user: user.into(),
    }
}

async fn count(world: &World, run: &Run) -> usize {
    let query = ItemQuery {
        limit: 1_000,
        ..ItemQuery::default()
    };
    let items = world.state.items(run.migration, &query).await;
    items.unwrap().len()
}

#[tokio::test]
async fn everybody_is_looked_for_once_and_what_is_known_is_not_added_again() {
    let world = World::new();
    for _ in 0..3 {
        world.talk(1).await;
    }
    let mut run = world.migration().await;
    let looks = looking(&mut run, &world, false, None);
    let found = enumerate(&run).await.unwrap();
    assert_eq!((found.added, found.is_complete), (3, true));
    assert_eq!(*looks.looked.lock().unwrap(), [None]);
    assert_eq!(enumerate(&run).await.unwrap().added, 0);
    assert_eq!(count(&world, &run).await, 3);
}

#[tokio::test]
async fn each_user_of_the_roster_is_looked_for_and_only_theirs_are_held() {
    let world = World::new();
    world.talk(1).await;
    let mut spec = spec();
    spec.roster = vec![entry("ada"), entry("bob"), entry("eve")];
    let mut run = world.migration_of(spec.clone()).await;
    let looks = looking(&mut run, &world, true, Some("eve"));
    let found = enumerate(&run).await.unwrap();
    assert_eq!((found.added, found.is_complete), (1, false));
    assert_eq!(looks.looked.lock().unwrap().len(), 3);
    let [finding] = found.findings.as_slice() else {
        panic!("{:?}", found.findings);
    };
    assert_eq!(&*finding.reason, "listing-incomplete");
    for word in ["old", "eve", "acme", "no such user"] {
        assert!(finding.detail.contains(word), "{}", finding.detail);
    }

    spec.roster = vec![entry("bob")];
    let mut run = world.migration_of(spec).await;
    looking(&mut run, &world, true, None);
    assert_eq!(enumerate(&run).await.unwrap().added, 0);
}

#[tokio::test]
async fn without_a_roster_a_list_by_user_is_not_complete() {
    let world = World::new();
    let at = world.talk(1).await;
    let mut run = world.migration().await;
    let looks = looking(&mut run, &world, true, None);
    let found = enumerate(&run).await.unwrap();
    assert_eq!((found.added, found.is_complete), (1, false));
    assert_eq!(&*found.findings[0].reason, "roster-needed");
    assert_eq!(*looks.looked.lock().unwrap(), []);

    // Those that are named by their ids are known.
    let mut spec = spec();
    spec.filter.ids = vec![at.id];
    let mut run = world.migration_of(spec).await;
    looking(&mut run, &world, true, None);
    assert!(enumerate(&run).await.unwrap().is_complete);
}

#[tokio::test]
async fn who_was_erased_is_not_looked_for_and_nobody_else_is_either() {
    let world = World::new();
    world.talk(1).await;
    let mut spec = spec();
    spec.roster = vec![entry("(erased)")];
    let mut run = world.migration_of(spec).await;
    let looks = looking(&mut run, &world, true, None);
    let found = enumerate(&run).await.unwrap();
    assert_eq!((found.added, found.is_complete), (0, true));
    assert_eq!(*looks.looked.lock().unwrap(), []);
}

#[tokio::test]
async fn what_a_listing_lacks_is_named_once_however_often_it_is_checked() {
    let world = World::new();
    let mut run = world.migration().await;
    looking(&mut run, &world, true, None);
    for _ in 0..3 {
        let counters = Counters::default();
        check_all(&run, &counters).await.unwrap();
    }
    let named = world.state.findings(run.migration, None, 10).await.unwrap();
    assert_eq!(named.len(), 1, "{named:?}");
    assert_eq!(&*named[0].1.reason, "roster-needed");
}

#[tokio::test]
async fn who_is_erased_while_a_job_runs_is_not_looked_for_by_it() {
    let world = World::new();
    world.talk(1).await;
    let mut spec = spec();
    spec.roster = vec![entry("ada"), entry("bob")];
    let mut run = world.migration_of(spec).await;
    let looks = looking(&mut run, &world, true, None);
    let mut record = world.state.migration(run.migration).await.unwrap().unwrap();
    record.spec.roster = vec![entry("bob")];
    world.state.put_migration(&record).await.unwrap();
    assert_eq!(enumerate(&run).await.unwrap().added, 0);
    assert_eq!(*looks.looked.lock().unwrap(), [Some("bob".into())]);
}

//! Replicas over one state, each with a file of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use metrics_exporter_prometheus::PrometheusBuilder;
use server::{Application, ConfigCaller};

use super::*;
use crate::config::load::{Flags, load};
use crate::config::reading::Layers;
use crate::live::Tools;
use crate::live::attempts::Attempts;
use crate::state::{OpenState, Use, open};
use crate::telemetry::{Linker, LogLevel};
use crate::wiring::readiness::GatewayReadiness;
use crate::wiring::{Standing, prepare};

/// A directory with the database, and a file for each replica.
struct Place {
    directory: tempfile::TempDir,
    open: OpenState,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "a", "requests_max = 100");
        let loaded = load(&flags(directory.path(), "a"), &BTreeMap::new()).unwrap();
        let open = open(&loaded.configuration, Use::Serving).unwrap();
        Self { directory, open }
    }

    fn write(&self, replica: &str, limits: &str) {
        write(self.directory.path(), replica, limits);
    }

    /// A replica that starts with its file.
    async fn start(&self, replica: &str) -> Arc<Live> {
        self.start_with(replica, &BTreeMap::new()).await
    }

    async fn start_with(&self, replica: &str, variables: &BTreeMap<String, String>) -> Arc<Live> {
        let flags = flags(self.directory.path(), replica);
        let loaded = load(&flags, variables).unwrap();
        let shutdown = Shutdown::new();
        let attempts = Arc::new(Attempts::started());
        let readiness = GatewayReadiness {
            store: self.open.store.clone(),
            attempts: Arc::clone(&attempts),
        };
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let standing = Standing::new(
            &loaded.configuration,
            &self.open,
            &metrics,
            &shutdown,
            Arc::new(readiness),
            "a test",
        );
        let prepared = prepare(&loaded.configuration, &standing, None).unwrap();
        prepared.bind(&standing).await.unwrap();
        let application = prepared.gateway().clone().into_router().unwrap();
        let generation = prepared.begin(&standing);
        let tools = Tools {
            layers: Layers::of(&flags, variables, &loaded),
            standing,
            log_level: LogLevel::of_nobody(),
            linker: Linker::of_nobody(),
            attempts,
            state: Arc::clone(&self.open.state),
            is_shared: true,
        };
        let live = Live::begin(tools, Application::from(application), generation, &loaded).await;
        let live = live.unwrap();
        live.take_up_newest().await.unwrap();
        live
    }
}

fn flags(directory: &Path, replica: &str) -> Flags {
    Flags {
        config: Some(file(directory, replica)),
        data_dir: Some(directory.join("data").display().to_string()),
        ..Flags::default()
    }
}

fn file(directory: &Path, replica: &str) -> PathBuf {
    directory.join(format!("{replica}.toml"))
}

fn write(directory: &Path, replica: &str, limits: &str) {
    let text = format!("[limits]\n{limits}\n");
    std::fs::write(file(directory, replica), text).unwrap();
}

fn caller() -> ConfigCaller {
    nobody("key k")
}

async fn reload(live: &Live) {
    let reloaded = live.reload("key k".into(), caller()).await;
    assert!(reloaded.is_ok());
}

/// The replica looks at its file, once that was left alone for a moment.
async fn looked(live: &Live) {
    let writers = crate::live::watching::Writers::default();
    while live.look(&writers).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The version in use, and how many requests it allows at once.
fn shown(live: &Live) -> (ConfigVersion, u64) {
    let status = live.status().unwrap();
    let requests = status.effective["limits"]["requests_max"].as_u64();
    (status.version, requests.unwrap())
}

#[tokio::test]
async fn what_one_replica_brings_into_use_all_show_by_one_number_and_digest() {
    let place = Place::new();
    place.write("b", "requests_max = 100");
    let (a, b) = (place.start("a").await, place.start("b").await);
    assert_eq!(shown(&a), shown(&b));
    assert_eq!(shown(&a).0.version, 1);

    place.write("a", "requests_max = 50");
    reload(&a).await;
    b.take_up_newest().await.unwrap();
    assert_eq!(shown(&b), shown(&a));
    assert_eq!((shown(&b).0.version, shown(&b).1), (2, 50));
    assert!(b.status().unwrap().file_differs);

    // The same text at the other place is the same version.
    place.write("b", "requests_max = 50");
    reload(&b).await;
    assert_eq!(shown(&b), shown(&a));
    assert_eq!(shown(&b).0.version, 2);
    assert!(!b.status().unwrap().file_differs);
}

#[tokio::test]
async fn a_rollback_at_one_replica_is_one_at_all_and_a_restart_does_not_undo_it() {
    let place = Place::new();
    place.write("b", "requests_max = 100");
    let (a, b) = (place.start("a").await, place.start("b").await);
    for replica in ["a", "b"] {
        place.write(replica, "requests_max = 50");
    }
    reload(&a).await;
    reload(&b).await;

    let rolled_back = b.rollback(1, "key k".into(), caller()).await;
    let Ok(outcome) = rolled_back else {
        panic!("it was refused");
    };
    assert!(outcome.notes[0].contains("a restart does not"));
    a.take_up_newest().await.unwrap();
    assert_eq!(shown(&a), shown(&b));
    assert_eq!((shown(&a).0.restored, shown(&a).1), (Some(1), 100));

    let restarted = place.start("a").await;
    assert_eq!(shown(&restarted), shown(&b));
    b.take_up_newest().await.unwrap();
    assert_eq!(shown(&b).0.version, 3);

    // A file that has changed since is a new version for all.
    place.write("a", "requests_max = 25");
    let restarted = place.start("a").await;
    b.take_up_newest().await.unwrap();
    assert_eq!(shown(&restarted), shown(&b));
    assert_eq!((shown(&b).0.version, shown(&b).1), (4, 25));
}

#[tokio::test]
async fn a_rollback_to_what_a_late_replica_still_uses_is_one_at_all() {
    let place = Place::new();
    place.write("b", "requests_max = 100");
    let (a, b) = (place.start("a").await, place.start("b").await);
    place.write("a", "requests_max = 50");
    reload(&a).await;
    // `b` has not looked yet.
    assert!(b.rollback(1, "key k".into(), caller()).await.is_ok());
    a.take_up_newest().await.unwrap();
    assert_eq!(shown(&a), shown(&b));
    assert_eq!((shown(&a).0.version, shown(&a).1), (3, 100));
}

#[tokio::test]
async fn a_replica_that_notices_a_file_late_undoes_no_rollback_of_it() {
    let place = Place::new();
    place.write("b", "requests_max = 100");
    let (a, b) = (place.start("a").await, place.start("b").await);
    for replica in ["a", "b"] {
        place.write(replica, "requests_max = 50");
    }
    reload(&a).await;
    assert!(a.rollback(1, "key k".into(), caller()).await.is_ok());
    looked(&b).await;
    assert_eq!(shown(&b), shown(&a));
    assert_eq!((shown(&b).0.version, shown(&b).1), (3, 100));
    assert!(b.status().unwrap().file_differs);

    // What nobody has brought is.
    place.write("b", "requests_max = 25");
    looked(&b).await;
    assert_eq!((shown(&b).0.version, shown(&b).1), (4, 25));
    // And an earlier text, where the file has changed back to it.
    place.write("b", "requests_max = 50");
    looked(&b).await;
    assert_eq!((shown(&b).0.version, shown(&b).1), (5, 50));
}

#[tokio::test]
async fn a_version_that_cannot_be_used_here_is_told_once_and_the_next_one_is_taken_up() {
    let place = Place::new();
    place.write("b", "requests_max = 100");
    let variables = BTreeMap::from([("MOST".to_owned(), "50".to_owned())]);
    let a = place.start_with("a", &variables).await;
    let b = place.start("b").await;
    place.write(
        "a",
        "requests_max = 50\n[facades.convore]\nchannel_name = \"${env:MOST}\"",
    );
    reload(&a).await;
    assert_eq!(shown(&a).0.version, 2);
    for _ in 0..2 {
        b.take_up_newest().await.unwrap();
        assert_eq!(shown(&b).0.version, 1);
    }
    let attempt = b.status().unwrap().last_attempt;
    assert_eq!(attempt.result, ConfigResult::Refused);
    b.take_up_newest().await.unwrap();
    assert_eq!(b.status().unwrap().last_attempt.at, attempt.at);

    place.write("a", "requests_max = 25");
    reload(&a).await;
    b.take_up_newest().await.unwrap();
    assert_eq!(shown(&b), shown(&a));
}

#[tokio::test]
async fn another_text_of_the_same_configuration_is_shown_by_all_as_well() {
    let place = Place::new();
    place.write("b", "requests_max = 100");
    let a = place.start("a").await;
    // Its start brings a version, because its text is another one.
    place.write("b", "# the same\nrequests_max = 100");
    let b = place.start("b").await;
    a.take_up_newest().await.unwrap();
    assert_eq!(shown(&a), shown(&b));
    assert_eq!(shown(&a).0.version, 2);
}

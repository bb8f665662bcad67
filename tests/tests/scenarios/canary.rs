//! The way from one vendor for all to another one for all, by the commands of the README, while callers work: no request
//! fails, existing conversations stay, and a vendor that goes down is stood in for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tests::client::Client;
use tests::dragoman::{Dragoman, Launch};
use tests::simulator::Simulator;

/// Callers at once.
const CALLERS: usize = 3;
/// How long a change of the file may take to be seen. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(180);
/// So many new conversations in a row say where they all go.
const ROW: usize = 30;

/// What the callers saw.
#[derive(Debug, Default)]
struct Seen {
    /// Where each new conversation came to live, in the order of their answers: id, backend and route.
    made: Vec<(String, String, String)>,
    failed: Vec<String>,
}

#[derive(Debug, Clone)]
struct Callers {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

impl Callers {
    /// Makes conversations, speaks in them and reads old ones, until told to stop.
    async fn call(self, client: Client, number: usize) {
        let mut round = 0;
        while !self.stop.load(Ordering::Relaxed) {
            round += 1;
            if let Err(failed) = self.round(&client, &format!("{number}-{round}")).await {
                self.seen
                    .lock()
                    .expect("no caller panics")
                    .failed
                    .push(failed);
            }
        }
    }

    async fn round(&self, client: &Client, name: &str) -> Result<(), String> {
        let send = async |method: Method, path: &str, body: Option<serde_json::Value>| {
            let request = client.request(method.clone(), path);
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            let answer = client.try_send(request).await;
            let answer = answer.map_err(|error| format!("{method} {path}: {error}"))?;
            match answer.status.is_success() {
                true => Ok(answer),
                false => Err(format!(
                    "{method} {path}: {} {}",
                    answer.status, answer.text
                )),
            }
        };
        let new = json!({"title": format!("canary {name}"), "metadata": {"name": name}});
        let made = send(Method::POST, "/v1/conversations", Some(new)).await?;
        let id = made.json()["id"].as_str().unwrap_or_default().to_owned();
        let backend = made.header("dragoman-backend").to_owned();
        let route = made.header("dragoman-route").to_owned();
        let old = {
            let mut seen = self.seen.lock().expect("no caller panics");
            seen.made.push((id.clone(), backend, route));
            let position = seen.made.len() / 2;
            seen.made[position].0.clone()
        };
        let path = format!("/v1/conversations/{id}/messages");
        let said = json!({"role": "user", "parts": [{"type": "text", "text": name}]});
        send(Method::POST, &path, Some(said)).await?;
        let path = format!("/v1/conversations/{old}?include=messages");
        send(Method::GET, &path, None).await?;
        Ok(())
    }

    fn count(&self) -> usize {
        self.seen.lock().expect("no caller panics").made.len()
    }

    /// Waits until what was made behind the first `from` conversations satisfies `is_enough`.
    async fn wait_for(
        &self,
        from: usize,
        what: &str,
        is_enough: impl Fn(&[(String, String, String)]) -> bool,
    ) {
        let began = Instant::now();
        loop {
            {
                let seen = self.seen.lock().expect("no caller panics");
                assert_eq!(seen.failed, [""; 0], "{what}");
                if is_enough(&seen.made[from..]) {
                    return;
                }
                let waits = began.elapsed() < PATIENCE;
                let last: Vec<_> = seen.made.iter().rev().take(5).collect();
                assert!(waits, "{what}: not in time; last made: {last:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// True where the last ones all came to live there.
fn all_at(made: &[(String, String, String)], backend: &str) -> bool {
    made.len() >= ROW
        && made[made.len() - ROW..]
            .iter()
            .all(|(_, at, _)| at == backend)
}

/// The commands of the README's page, step by step.
fn steps() -> Vec<Vec<String>> {
    let readme = include_str!("../../../README.md");
    let (_, page) = readme
        .split_once("\n## A canary")
        .expect("the README tells how to begin with a few");
    let page = page.split("\n## ").next().unwrap_or_default();
    let blocks = page.split("```sh").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let commands = blocks.map(|block| {
        let lines = block.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("export "));
        lines.map(str::to_owned).collect()
    });
    commands.collect()
}

/// Types one of the commands, with the gateway's own file in the place of the README's.
fn typed(dragoman: &Dragoman, variables: &[(&str, &str)], command: &str) -> String {
    let folder = dragoman.data_dir();
    if let Some(command) = command.strip_prefix("dragoman ") {
        let data = folder.path().join("data");
        let data = data.to_str().expect("a path in UTF-8");
        let words = command.split_whitespace().chain(["--data-dir", data]);
        let launch = variables
            .iter()
            .fold(Launch::new(), |launch, (name, value)| {
                launch.variable(name, value)
            });
        let launch = launch.data_dir(Arc::clone(&folder));
        let (status, output) = launch.run(&words.collect::<Vec<_>>());
        assert!(status.success(), "{command}: {output}");
        return output;
    }
    let command = command.replace("config/canary.toml", "dragoman.toml");
    let mut shell = Command::new("sh");
    let done = shell
        .arg("-c")
        .arg(&command)
        .current_dir(folder.path())
        .output();
    let done = done.expect("a shell");
    assert!(done.status.success(), "{command}: {done:?}");
    String::new()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_one_vendor_for_all_to_another_for_all_without_a_failed_request() {
    let old = Simulator::start("datamonkey", &[]);
    let new = Simulator::start("chatter", &[]);
    let variables = [
        ("DATAMONKEY_URL", old.told("base_url")),
        ("CHATTER_URL", new.told("base_url")),
        ("CHATTER_TOKEN", new.told("key")),
    ];
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/canary.toml");
    let shipped = std::fs::read_to_string(shipped).expect("the shipped file");
    let launch = variables
        .iter()
        .fold(Launch::new(), |launch, (name, value)| {
            launch.variable(name, value)
        });
    let dragoman = launch.configuration(shipped).start();
    let client = Client::new(dragoman.base_url(), dragoman.key());
    let callers = Callers {
        seen: Arc::default(),
        stop: Arc::default(),
    };
    let tasks: Vec<_> = (0..CALLERS)
        .map(|number| tokio::spawn(callers.clone().call(client.clone(), number)))
        .collect();
    let [serve, first, second, third] = <[_; 4]>::try_from(steps()).expect("four blocks");
    assert_eq!(serve, ["dragoman serve"]);
    let type_all = |commands: &[String]| {
        let told: Vec<_> = commands
            .iter()
            .map(|command| typed(&dragoman, &variables, command))
            .collect();
        told.into_iter().next_back().expect("a command")
    };

    // One for all.
    callers
        .wait_for(0, "one for all", |made| all_at(made, "datamonkey"))
        .await;
    let explained = type_all(&first);
    assert!(explained.contains("datamonkey (100 %)"), "{explained}");

    // Some on the other one.
    let before = callers.count();
    type_all(&second);
    callers
        .wait_for(before, "some on the other", |made| {
            let at = |backend: &str| made.iter().filter(|(_, at, _)| at == backend).count();
            at("chatter") >= 1 && at("datamonkey") >= 1
        })
        .await;
    let explained = typed(&dragoman, &variables, "dragoman routes explain");
    assert!(
        explained.contains("datamonkey (90 %), chatter (10 %)"),
        "{explained}"
    );

    // All on the other one.
    let before = callers.count();
    type_all(&third);
    callers
        .wait_for(before, "all on the other", |made| all_at(made, "chatter"))
        .await;
    let explained = typed(&dragoman, &variables, "dragoman routes explain");
    assert!(explained.contains("chatter (100 %)"), "{explained}");

    callers.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("callers do not panic");
    }
    let seen = std::mem::take(&mut *callers.seen.lock().expect("no caller panics"));
    assert_eq!(seen.failed, [""; 0]);
    assert!(
        seen.made.iter().all(|(_, _, route)| route == "canary"),
        "{seen:?}"
    );
    // Each stays where it was made.
    let homes: BTreeMap<&str, &str> = seen.made.iter().map(|(id, at, _)| (&**id, &**at)).collect();
    assert_eq!(homes.len(), seen.made.len(), "an id came twice");
    for (id, home) in homes.iter().step_by(homes.len() / 20 + 1) {
        let read = client.get(&format!("/v1/conversations/{id}")).await;
        read.expect(200);
        assert_eq!(read.header("dragoman-backend"), *home, "{id}");
    }

    // The new vendor goes down: the old one stands in, and no caller notices.
    drop(new);
    for _ in 0..3 {
        let made = client.post("/v1/conversations", &json!({})).await;
        made.expect(201);
        assert_eq!(made.header("dragoman-backend"), "datamonkey");
        assert_eq!(made.header("dragoman-route"), "canary, fallback");
    }
}

//! Dragoman against nginx as a plain proxy, both in front of the same fast Chatter, interleaved in rounds.
//!
//! The proxies run on core 0, everything else on core 1. Usage: `bench-proxy FAST_CHATTER ROUNDS SECONDS`, with
//! `DRAGOMAN_BINARY` in the environment; `tests/bench/run` does all of that.
#![expect(
    clippy::print_stdout,
    reason = "a program for people: progress and table go to standard output"
)]

mod children;
mod load;
mod streams;
mod table;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tests::client::Client;
use tests::dragoman::{Dragoman, Launch};

use self::children::{Running, cpu_seconds, on_core, resident_mebibytes};
use self::load::{Requests, Seen};
use self::table::{Row, row};

const PROXY_CORE: usize = 0;
const LOAD_CORE: usize = 1;
/// Connections for the figures under load.
const CONNECTIONS: usize = 32;
/// Streams at once.
const STREAMS: usize = 64;
/// Conversations that writes are spread over, well above the connections: writes to one conversation queue up.
const CONVERSATIONS: usize = 512;
/// The generation of Chatter whose answers come in one piece.
const WHOLE: &str = "chatter-whole";
/// The generation whose answers are streamed.
const STREAMING: &str = "chatter-streaming";
/// How long nginx may take to listen.
const START_LIMIT: Duration = Duration::from_secs(10);
/// A conversation in the fast Chatter, which answers for any id.
const NATIVE_ID: &str = "01M7YWC9W20H0Y6NEKKP3A2EFM";

/// What is measured with plain requests: name, requests to the vendor's API, the same to ours.
struct Scenario {
    name: &'static str,
    vendor: Requests,
    ours: Requests,
    must: &'static str,
    stretch: &'static str,
}

/// One target in one round.
#[derive(Clone, Copy)]
struct Measured {
    seen: Seen,
    cpu_microseconds: f64,
}

/// Everything that runs while measuring.
struct Bench {
    folder: TempDir,
    fast_chatter: String,
    nginx: Running,
    nginx_url: String,
    dragoman: Dragoman,
    seconds: Duration,
    // Held so that it lives as long as the measurement.
    _fast_chatter: Running,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [fast_chatter, rounds, seconds] = &arguments[..] else {
        return Err("usage: bench-proxy FAST_CHATTER ROUNDS SECONDS".into());
    };
    let rounds: usize = rounds.parse()?;
    let bench = Bench::start(fast_chatter, Duration::from_secs(seconds.parse()?))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let streaming = runtime.block_on(create_conversations(&bench.dragoman, STREAMING, STREAMS))?;
    let conversations =
        runtime.block_on(create_conversations(&bench.dragoman, WHOLE, CONVERSATIONS))?;
    println!(
        "{rounds} rounds of {seconds} s, {CONNECTIONS} connections, proxies on core {PROXY_CORE}, load on core {LOAD_CORE}"
    );
    let mut rows = Vec::new();
    for scenario in scenarios(&bench.dragoman, &conversations) {
        rows.extend(bench.measure(&scenario, rounds)?);
    }
    rows.extend(bench.measure_streams(&runtime, &streaming, rounds)?);
    let memory = (
        resident_mebibytes(bench.nginx.id())?,
        resident_mebibytes(bench.dragoman.process_id())?,
    );
    rows.push(row(
        "memory under load, MiB resident",
        &[memory],
        "≤ 2",
        "≤ 1.25",
    ));
    table::print("nginx", &rows);
    Ok(())
}

impl Bench {
    fn start(fast_chatter: &str, seconds: Duration) -> Result<Self, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let mut fake = Running::start(
            on_core(LOAD_CORE, fast_chatter)
                .arg("127.0.0.1:0")
                .stdout(Stdio::piped()),
        )?;
        let mut line = String::new();
        BufReader::new(fake.child().stdout.take().ok_or("no standard output")?)
            .read_line(&mut line)?;
        let fake_address: SocketAddr = line.trim().parse()?;
        let nginx_address = free_address()?;
        let nginx = start_nginx(folder.path(), nginx_address, fake_address)?;
        let dragoman = Launch::new()
            .configuration(format!(
                "default_backend = \"{WHOLE}\"\n{}{}",
                chatter(WHOLE, "v1", fake_address),
                chatter(STREAMING, "v2", fake_address),
            ))
            .pinned_to(PROXY_CORE)
            .start();
        Ok(Self {
            folder,
            fast_chatter: format!("http://{fake_address}"),
            nginx,
            nginx_url: format!("http://{nginx_address}"),
            dragoman,
            seconds,
            _fast_chatter: fake,
        })
    }

    /// All rounds of one scenario: both targets after one another in each round, the order changing.
    fn measure(&self, scenario: &Scenario, rounds: usize) -> Result<Vec<Row>, Box<dyn Error>> {
        let warm_up = Duration::from_secs(1);
        load::run(
            self.folder.path(),
            &[&self.nginx_url],
            &scenario.vendor,
            CONNECTIONS,
            warm_up,
        )?;
        load::run(
            self.folder.path(),
            &[&self.dragoman.base_url()],
            &scenario.ours,
            CONNECTIONS,
            warm_up,
        )?;
        let mut loaded = Vec::new();
        let mut added = Vec::new();
        for round in 0..rounds {
            let pair = if round % 2 == 0 {
                let nginx = self.nginx(scenario, CONNECTIONS)?;
                (nginx, self.ours(scenario, CONNECTIONS)?)
            } else {
                let ours = self.ours(scenario, CONNECTIONS)?;
                (self.nginx(scenario, CONNECTIONS)?, ours)
            };
            loaded.push(pair);
            let direct = load::run(
                self.folder.path(),
                &[&self.fast_chatter],
                &scenario.vendor,
                1,
                self.seconds,
            )?;
            let beyond =
                |measured: Measured| measured.seen.p50_microseconds - direct.p50_microseconds;
            added.push((
                beyond(self.nginx(scenario, 1)?),
                beyond(self.ours(scenario, 1)?),
            ));
            println!(
                "{} round {}: nginx {:.1} µs CPU, dragoman {:.1} µs CPU",
                scenario.name,
                round + 1,
                pair.0.cpu_microseconds,
                pair.1.cpu_microseconds
            );
        }
        let pairs = |pick: fn(Measured) -> f64| -> Vec<(f64, f64)> {
            loaded
                .iter()
                .map(|(nginx, ours)| (pick(*nginx), pick(*ours)))
                .collect()
        };
        let name = scenario.name;
        Ok(vec![
            row(
                format!("{name}: CPU µs per request"),
                &pairs(|it| it.cpu_microseconds),
                scenario.must,
                scenario.stretch,
            ),
            row(
                format!("{name}: requests/s on one core"),
                &pairs(|it| it.seen.per_second),
                "≥ 0.38 (GET)",
                "≥ 0.50",
            ),
            row(
                format!("{name}: p99 µs, {CONNECTIONS} connections"),
                &pairs(|it| it.seen.p99_microseconds),
                "≤ 3.5",
                "≤ 2.0",
            ),
            row(
                format!("{name}: added p50 µs, 1 connection"),
                &added,
                "≤ 1.6",
                "≤ 1.3",
            ),
        ])
    }

    fn nginx(&self, scenario: &Scenario, connections: usize) -> Result<Measured, Box<dyn Error>> {
        self.target(
            self.nginx.id(),
            &self.nginx_url,
            &scenario.vendor,
            connections,
        )
    }

    fn ours(&self, scenario: &Scenario, connections: usize) -> Result<Measured, Box<dyn Error>> {
        self.target(
            self.dragoman.process_id(),
            &self.dragoman.base_url(),
            &scenario.ours,
            connections,
        )
    }

    fn target(
        &self,
        process: u32,
        url: &str,
        requests: &Requests,
        connections: usize,
    ) -> Result<Measured, Box<dyn Error>> {
        let before = cpu_seconds(process)?;
        let seen = load::run(
            self.folder.path(),
            &[url],
            requests,
            connections,
            self.seconds,
        )?;
        let used = cpu_seconds(process)? - before;
        Ok(Measured {
            seen,
            cpu_microseconds: used * 1e6 / seen.requests,
        })
    }

    fn measure_streams(
        &self,
        runtime: &tokio::runtime::Runtime,
        conversations: &[String],
        rounds: usize,
    ) -> Result<Vec<Row>, Box<dyn Error>> {
        let nginx = Client::new(&self.nginx_url, None);
        let ours = Client::new(self.dragoman.base_url(), self.dragoman.key());
        let vendor_requests = || {
            let body = json!({"message": "tell me", "conversation_id": NATIVE_ID});
            (0..STREAMS)
                .map(|_| {
                    nginx
                        .request(reqwest::Method::POST, "/api/v1/chat/streaming")
                        .json(&body)
                })
                .collect()
        };
        let our_requests = || {
            let start = |id: &String| {
                let request = ours.request(
                    reqwest::Method::POST,
                    &format!("/v1/conversations/{id}/responses"),
                );
                request
                    .header("accept", "text/event-stream")
                    .json(&question())
            };
            conversations.iter().take(STREAMS).map(start).collect()
        };
        let measure =
            |process: u32, requests: Vec<reqwest::RequestBuilder>| -> Result<_, Box<dyn Error>> {
                let before = cpu_seconds(process)?;
                let arrived = runtime.block_on(streams::run(requests))?;
                let cpu = (cpu_seconds(process)? - before) * 1e6 / arrived.events as f64;
                Ok((arrived, cpu))
            };
        let (mut cpu, mut p50, mut p99, mut events) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            let (reference, reference_cpu) = measure(self.nginx.id(), vendor_requests())?;
            let (arrived, arrived_cpu) = measure(self.dragoman.process_id(), our_requests())?;
            println!(
                "SSE round {}: nginx {reference_cpu:.1} µs CPU, dragoman {arrived_cpu:.1} µs CPU",
                round + 1
            );
            cpu.push((reference_cpu, arrived_cpu));
            p50.push((reference.p50_microseconds, arrived.p50_microseconds));
            p99.push((reference.p99_microseconds, arrived.p99_microseconds));
            events.push((reference.events as f64, arrived.events as f64));
        }
        Ok(vec![
            row(
                format!("SSE, {STREAMS} streams: CPU µs per event"),
                &cpu,
                "≤ 1.3",
                "≤ 1.15",
            ),
            row(
                format!("SSE, {STREAMS} streams: event p50 µs"),
                &p50,
                "≤ 1.3",
                "≤ 1.15",
            ),
            row(
                format!("SSE, {STREAMS} streams: event p99 µs"),
                &p99,
                "",
                "",
            ),
            row("SSE: events that arrived", &events, "= 1", ""),
        ])
    }
}

/// What a caller asks; the same text goes to the vendor's API in the other half of the comparison.
fn question() -> serde_json::Value {
    json!({"input": {"role": "user", "parts": [{"type": "text", "text": "tell me"}]}})
}

fn scenarios(dragoman: &Dragoman, conversations: &[String]) -> Vec<Scenario> {
    let authorization = || {
        vec![(
            "authorization",
            format!("Bearer {}", dragoman.key().unwrap_or_default()),
        )]
    };
    let json_body = || ("content-type", "application/json".to_owned());
    let get = |paths: Vec<String>, headers| Requests {
        method: "GET",
        paths,
        headers,
        body: None,
    };
    let first = conversations.first().map_or("", String::as_str);
    vec![
        Scenario {
            name: "GET 2 KB",
            vendor: get(
                vec![format!(
                    "/api/v1/conversations/{NATIVE_ID}?include_messages=false"
                )],
                Vec::new(),
            ),
            ours: get(vec![format!("/v1/conversations/{first}")], authorization()),
            must: "≤ 3.0",
            stretch: "≤ 2.2",
        },
        Scenario {
            name: "list of 50, 23 KB",
            vendor: get(
                vec![format!(
                    "/api/v1/conversations/{NATIVE_ID}/messages?limit=50"
                )],
                Vec::new(),
            ),
            ours: get(
                vec![format!("/v1/conversations/{first}/messages?limit=50")],
                authorization(),
            ),
            must: "≤ 5.5",
            stretch: "≤ 4.3",
        },
        Scenario {
            name: "POST chat",
            vendor: Requests {
                method: "POST",
                paths: vec!["/api/v1/chat/chat".to_owned()],
                headers: vec![json_body()],
                body: Some(json!({"message": "tell me", "conversation_id": NATIVE_ID}).to_string()),
            },
            ours: Requests {
                method: "POST",
                paths: conversations
                    .iter()
                    .map(|id| format!("/v1/conversations/{id}/responses"))
                    .collect(),
                headers: authorization().into_iter().chain([json_body()]).collect(),
                body: Some(question().to_string()),
            },
            must: "≤ 3.0",
            stretch: "≤ 2.2",
        },
    ]
}

/// Conversations on the Chatter backend, made through our own API.
async fn create_conversations(
    dragoman: &Dragoman,
    backend: &str,
    count: usize,
) -> Result<Vec<String>, Box<dyn Error>> {
    let client = Client::new(dragoman.base_url(), dragoman.key());
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let create = client
            .request(reqwest::Method::POST, "/v1/conversations")
            .header("dragoman-backend", backend);
        let created = client
            .send(create.json(&json!({"title": "A conversation to measure with"})))
            .await;
        let id = created.expect(201)["id"]
            .as_str()
            .ok_or("a conversation without an id")?
            .to_owned();
        ids.push(id);
    }
    Ok(ids)
}

/// A backend in the configuration: the fast Chatter, taken for this generation.
fn chatter(name: &str, generation: &str, address: SocketAddr) -> String {
    format!(
        "[[backend]]\nname = \"{name}\"\nkind = \"chatter\"\ngeneration = \"{generation}\"\nbase_url = \"http://{address}\"\ntoken = \"bench\"\n"
    )
}

/// An address that is free now; nginx cannot choose a port by itself.
fn free_address() -> Result<SocketAddr, std::io::Error> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn start_nginx(
    folder: &Path,
    address: SocketAddr,
    upstream: SocketAddr,
) -> Result<Running, Box<dyn Error>> {
    let folder_text = folder.display();
    let configuration = folder.join("nginx.conf");
    std::fs::write(
        &configuration,
        format!(
            "daemon off;\nmaster_process off;\npid {folder_text}/nginx.pid;\nerror_log {folder_text}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n  access_log off;\n  keepalive_requests 100000000;\n  client_body_temp_path {folder_text}/body;\n  \
             proxy_temp_path {folder_text}/proxy;\n  fastcgi_temp_path {folder_text}/fastcgi;\n  \
             uwsgi_temp_path {folder_text}/uwsgi;\n  scgi_temp_path {folder_text}/scgi;\n  \
             upstream chatter {{ server {upstream}; keepalive 128; keepalive_requests 100000000; }}\n  \
             server {{\n    listen {address};\n    location / {{\n      proxy_pass http://chatter;\n      \
             proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n    }}\n    \
             location /api/v1/chat/streaming {{\n      proxy_pass http://chatter;\n      proxy_http_version 1.1;\n      \
             proxy_set_header Connection \"\";\n      proxy_buffering off;\n    }}\n  }}\n}}\n"
        ),
    )?;
    let nginx = Running::start(
        on_core(PROXY_CORE, "nginx")
            .arg("-c")
            .arg(&configuration)
            .arg("-p")
            .arg(folder),
    )?;
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        if started.elapsed() > START_LIMIT {
            return Err("nginx does not come up".into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(nginx)
}

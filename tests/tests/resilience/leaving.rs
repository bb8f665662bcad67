//! Experiments 24 and 25: callers who leave in the middle, and callers who do not read. A write that was begun ends and is
//! noted, an answer that was begun is stored, and nothing stays open.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::faultd::{Fault, Rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, said};
use crate::site::Site;

const SETTINGS: &str = "[timeouts]\nwrite_stall_seconds = 2\n[streams]\nstall_seconds = 2\n";
/// How long the vendor takes for a write.
const LATE: Duration = Duration::from_millis(300);
/// Memory that one unread stream may cost, in bytes.
const STREAM_BYTES: u64 = 256 << 10;
/// What an allocator keeps for itself, in bytes.
const SLACK_BYTES: u64 = 48 << 20;
/// The words of a long answer.
const WORDS: usize = 5_000;

/// Sends a request and leaves after a while.
async fn ask_and_leave(gateway: &Gateway, path: &str, body: &Value, stays: Duration) {
    let accepts = match path.ends_with("responses") {
        true => "text/event-stream",
        false => "application/json",
    };
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nAccept: {accepts}\r\nContent-Length: {}\r\n\r\n{body}",
        gateway.key(),
        body.len()
    );
    let mut stream = TcpStream::connect(gateway.dragoman.address())
        .await
        .expect("a connection");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the request is taken");
    let until_then = tokio::time::sleep(stays);
    tokio::pin!(until_then);
    let mut read = [0; 1_024];
    loop {
        tokio::select! {
            () = &mut until_then => return,
            more = stream.read(&mut read) => {
                if matches!(more, Ok(0) | Err(_)) {
                    return;
                }
            }
        }
    }
}

/// Experiment 24.
pub(crate) async fn callers_who_leave(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let gateway = Gateway::start(site.launch(SETTINGS, ""));
    let mut random = bench.random("leaving");
    let (written, answered) = (
        gateway.conversation("four").await,
        gateway.conversation("one").await,
    );
    let files = gateway.open_files();
    let rounds = bench.rounds(20, 400);
    site.proxy("four")
        .plan([Rule::new(Fault::Late(LATE)).method("POST")]);
    site.proxy("one").plan([Rule::new(Fault::Dripping {
        bytes: 40,
        pause: Duration::from_millis(5),
    })
    .path("stream")]);
    let mut texts = Vec::new();
    for round in 0..rounds {
        let text = format!("write {round}");
        let path = format!("/v1/conversations/{written}/messages");
        let seen = site.proxy("four").witness().count();
        let body = said(&text);
        let leaving = ask_and_leave(
            &gateway,
            &path,
            &body,
            Duration::from_millis(random.between(0, 300)),
        );
        leaving.await;
        // Whether it was read before its caller left is seen by whether the vendor hears of it.
        let began = Instant::now();
        while site.proxy("four").witness().count() == seen && began.elapsed() < 2 * LATE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        texts.push(text);
    }
    let answers = (0..rounds / 4).map(|round| {
        let stays = Duration::from_millis(random.between(20, 400));
        let path = format!("/v1/conversations/{answered}/responses");
        let body = json!({"input": said(&format!("question {round}"))});
        (path, body, stays)
    });
    for (path, body, stays) in answers.collect::<Vec<_>>() {
        ask_and_leave(&gateway, &path, &body, stays).await;
    }
    for backend in ["one", "four"] {
        crate::gateway::until("the vendor is left alone", || {
            site.proxy(backend).witness().in_work() == 0
        })
        .await;
        site.proxy(backend).heal();
    }
    // What the vendor was told of is shown, once; and the conversation is free again.
    let began = Instant::now();
    loop {
        let shown = gateway.texts(&written).await;
        let told = site.proxy("four").witness().requests();
        let findings: Vec<String> = texts
            .iter()
            .filter_map(|text| {
                let told = told
                    .iter()
                    .filter(|seen| {
                        seen.method == "POST" && seen.text().contains(&format!("{text}\""))
                    })
                    .count();
                let shown = shown.iter().filter(|one| *one == text).count();
                (told > 1 || shown != told)
                    .then(|| format!("{text}: told {told} times, shown {shown} times"))
            })
            .collect();
        if findings.is_empty() {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{findings:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Each question that was taken gets its answer; some of them stood in line behind others.
    let began = Instant::now();
    loop {
        let shown = gateway.texts(&answered).await;
        let count = |begins: &str| shown.iter().filter(|text| text.starts_with(begins)).count();
        let (questions, answers) = (count("question"), count("Echo: question"));
        if questions > 0 && questions == answers && site.proxy("one").witness().in_work() == 0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{shown:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for conversation in [&written, &answered] {
        let path = format!("/v1/conversations/{conversation}/messages");
        let began = Instant::now();
        loop {
            let posted = gateway.client.post(&path, &said("and then")).await;
            if posted.status == 201 {
                break;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "it is not free: {}",
                posted.text
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    // And none was lost or came late.
    let shown = gateway.texts(&answered).await;
    let count = |begins: &str| shown.iter().filter(|text| text.starts_with(begins)).count();
    assert_eq!(count("question"), count("Echo: question"), "{shown:?}");
    // Nothing goes on for those who left: only the request that asks is in work.
    let began = Instant::now();
    loop {
        let in_work = gateway
            .metric("dragoman_http_requests_in_flight", &[])
            .await;
        if in_work < 1.5 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{in_work} requests never end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    gateway.files_are_closed(files + 8).await;
    gateway.holds(&["question "]).await;
    rounds + rounds / 4
}

/// Waits until the answer in a conversation is stored.
async fn is_stored(gateway: &Gateway, conversation: &str, began: Instant) {
    let path = format!("/v1/conversations/{conversation}/messages?order=desc&limit=1");
    loop {
        let last = gateway.client.get(&path).await.expect(200);
        if last["data"][0]["role"] == "assistant" {
            return;
        }
        let waited = began.elapsed();
        assert!(waited < 5 * PATIENCE, "an answer is never stored");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Experiment 25.
pub(crate) async fn callers_who_do_not_read(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let gateway = Gateway::start(site.launch(SETTINGS, ""));
    let streams = bench.rounds(24, 1_000);
    let words = "word ".repeat(WORDS);
    let mut conversations = Vec::new();
    for _ in 0..streams {
        conversations.push(gateway.conversation("store").await);
    }
    let files = gateway.open_files();
    let memory = gateway.memory_bytes();
    let body = json!({"input": said(&words)}).to_string();
    let mut held = Vec::new();
    for conversation in &conversations {
        // A small window, so that little is on its way.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small window");
        let mut stream = socket
            .connect(gateway.dragoman.address())
            .await
            .expect("a connection");
        let head = format!(
            "POST /v1/conversations/{conversation}/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: {}\r\n\r\n",
            gateway.key(),
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .await
            .expect("the head is taken");
        stream
            .write_all(body.as_bytes())
            .await
            .expect("the body is taken");
        held.push(stream);
    }
    // Each is cut, and each answer is stored all the same, while others are served.
    let began = Instant::now();
    let mut most = 0;
    let stored = conversations
        .iter()
        .map(|conversation| is_stored(&gateway, conversation, began));
    let stored = join_all(stored);
    tokio::pin!(stored);
    loop {
        tokio::select! {
            _ = &mut stored => break,
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                most = most.max(gateway.memory_bytes());
            }
        }
    }
    let more = most.saturating_sub(memory);
    assert!(
        more < streams * STREAM_BYTES + SLACK_BYTES,
        "{more} bytes more for {streams} streams"
    );
    drop(held);
    // Each who asked meanwhile keeps a connection for a while.
    gateway.files_are_closed(files + conversations.len()).await;
    // Who reads gets everything.
    let path = format!("/v1/conversations/{}/responses", conversations[0]);
    let request = gateway
        .client
        .request(Method::POST, &path)
        .header("accept", "text/event-stream");
    let answer = request
        .json(&json!({"input": said("short")}))
        .send()
        .await
        .expect("an answer");
    let mut text = String::new();
    let mut pieces = answer.bytes_stream();
    while let Some(piece) = pieces.next().await {
        text.push_str(&String::from_utf8_lossy(&piece.expect("a whole stream")));
    }
    assert!(text.contains("event: message.completed"), "{text}");
    gateway.holds(&[]).await;
    streams
}

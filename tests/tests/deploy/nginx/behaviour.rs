//! What nginx does with the shipped configuration, in front of two stand-ins.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;
use tests::client::{Answer, Client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::process::{Nginx, command, write};
use super::replica::{Manner, Replica, Seen};

/// As many requests as lead to both replicas for certain: they take turns.
const REQUESTS: usize = 8;

/// An address at which nobody listens, and that nobody else is given as long as the socket is held.
fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind((Ipv4Addr::LOCALHOST, 0).into())
        .expect("a port");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

fn client(nginx: &Nginx) -> Client {
    Client::new(format!("http://{}", nginx.address), None)
}

async fn ask(nginx: &Nginx, method: Method, request_id: &str) -> Answer {
    let client = client(nginx);
    let request = client
        .request(method, "/v1/conversations")
        .header("x-request-id", request_id)
        .body("{}");
    client.send(request).await
}

/// The request ids that arrived.
fn ids(seen: &[Seen]) -> Vec<String> {
    let ids = seen.iter().flat_map(|one| one.header("x-request-id"));
    ids.map(str::to_owned).collect()
}

#[test]
fn nginx_takes_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_first, first) = nobody();
    let (_second, second) = nobody();
    let configuration = write(folder.path(), first, [first, second]);
    let output = command(folder.path(), &configuration)
        .arg("-t")
        .output()
        .expect("nginx can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("[warn]"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_passed_on_one_by_one() {
    let replicas = [
        Replica::start(Manner::Streams),
        Replica::start(Manner::Streams),
    ];
    let nginx = Nginx::start([replicas[0].address, replicas[1].address]);
    let response = client(&nginx).request(Method::GET, "/").send().await;
    let mut pieces = response.expect("an answer").bytes_stream();
    for number in 0..2 {
        // The second event is not sent before the first one is here.
        let mut event = String::new();
        while !event.ends_with("\n\n") {
            let piece = pieces.next().await.expect("an event").expect("a piece");
            event.push_str(std::str::from_utf8(&piece).expect("text"));
        }
        assert_eq!(event, format!("data: {number}\n\n"));
        for replica in &replicas {
            replica.next_event.send(()).expect("the stand-in listens");
        }
    }
    assert!(pieces.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_goes_to_the_other_replica() {
    let (_held, gone) = nobody();
    let replica = Replica::start(Manner::Answers);
    let nginx = Nginx::start([gone, replica.address]);
    let mut sent = Vec::new();
    for number in 0..REQUESTS {
        let id = format!("post-{number}");
        let answer = ask(&nginx, Method::POST, &id).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        sent.push(id);
    }
    assert_eq!(ids(&replica.seen()), sent, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_sent_is_not_repeated_and_a_read_is() {
    for (method, is_repeated) in [
        (Method::POST, false),
        (Method::PATCH, false),
        (Method::GET, true),
    ] {
        let (broken, well) = (
            Replica::start(Manner::BreaksOff),
            Replica::start(Manner::Answers),
        );
        let nginx = Nginx::start([broken.address, well.address]);
        let mut refused = BTreeSet::new();
        for number in 0..REQUESTS {
            let id = format!("{method}-{number}");
            let answer = ask(&nginx, method.clone(), &id).await;
            match answer.status.as_u16() {
                200 => {}
                502 => {
                    assert_problem(&answer, 502, &id);
                    refused.insert(id);
                }
                other => panic!("{method}: {other} {}", answer.text),
            }
        }
        assert!(
            broken
                .seen()
                .iter()
                .all(|one| one.method == method.as_str())
        );
        let (broken, well) = (ids(&broken.seen()), ids(&well.seen()));
        assert!(!broken.is_empty(), "{method}: both were asked");
        let at_broken: BTreeSet<String> = broken.iter().cloned().collect();
        let at_well: BTreeSet<String> = well.iter().cloned().collect();
        assert_eq!((at_broken.len(), at_well.len()), (broken.len(), well.len()));
        if is_repeated {
            assert!(refused.is_empty(), "{method}: {refused:?}");
            assert_eq!(at_well.len(), REQUESTS, "{method}");
        } else {
            assert_eq!(refused, at_broken, "{method}");
            assert!(at_broken.is_disjoint(&at_well), "{method}");
            assert_eq!(at_broken.len() + at_well.len(), REQUESTS, "{method}");
        }
    }
}

fn assert_problem(answer: &Answer, status: u16, id: &str) {
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.expect(status);
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"], *id);
    assert_eq!(answer.header("x-request-id"), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_id_goes_through_to_the_replica_and_the_answer() {
    let replicas = [
        Replica::start(Manner::Answers),
        Replica::start(Manner::Answers),
    ];
    let nginx = Nginx::start([replicas[0].address, replicas[1].address]);
    let long = "a".repeat(129);
    for (id, is_kept) in [
        ("mine.1:2-3_4", true),
        ("not (mine)", false),
        (&*long, false),
    ] {
        let answer = ask(&nginx, Method::GET, id).await;
        let told: Vec<_> = answer.headers.get_all("x-request-id").iter().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let told = told[0].to_str().expect("text").to_owned();
        assert_eq!(told == id, is_kept, "{told}");
        let seen: Vec<Seen> = replicas.iter().flat_map(Replica::seen).collect();
        let arrived = seen
            .iter()
            .filter(|one| one.header("x-request-id") == [told.as_str()]);
        assert_eq!(arrived.count(), 1, "{told}");
    }
    let seen = replicas
        .iter()
        .flat_map(Replica::seen)
        .next()
        .expect("a request");
    assert_eq!(seen.header("host"), [nginx.address.to_string()]);
    assert_eq!(seen.header("x-forwarded-proto"), ["http"]);
    // The log names it too, and nothing of what was asked with.
    let log = nginx.log("access.log");
    let line = log.lines().next().expect("a line");
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["request_id"], "mine.1:2-3_4");
    assert_eq!(
        (&line["status"], &line["path"]),
        (&200.into(), &"/v1/conversations".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nginx_says_by_itself_has_the_form_of_our_errors() {
    let ((_first, first), (_second, second)) = (nobody(), nobody());
    let nginx = Nginx::start([first, second]);
    let answer = ask(&nginx, Method::POST, "nobody-there").await;
    assert_problem(&answer, 502, "nobody-there");
    assert_eq!(answer.header("retry-after"), "1");

    // Only announced: it is refused before it is sent.
    let announced = "POST /v1/attachments HTTP/1.1\r\nhost: here\r\ncontent-length: 34603008\r\n\
                     connection: close\r\nx-request-id: large\r\n\r\n";
    let mut stream = TcpStream::connect(nginx.address)
        .await
        .expect("a connection");
    stream.write_all(announced.as_bytes()).await.expect("sent");
    let mut said = String::new();
    stream.read_to_string(&mut said).await.expect("an answer");
    let (head, body) = said.split_once("\r\n\r\n").expect("a head");
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 413 "), "{head}");
    assert!(
        head.contains("content-type: application/problem+json"),
        "{head}"
    );
    let problem: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(problem["request_id"], "large");

    let client = client(&nginx);
    assert_eq!(client.get("/metrics").await.status, 404);
    assert_eq!(client.get("/nginx-health").await.text, "ok\n");
}

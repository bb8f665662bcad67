//! A model that answers for a backend without one: the configuration's `[backend.responder]` at work.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::process::{Server, folder, request};

/// A server with OpenAI's chat completions for one request. Gives what it was sent.
fn model() -> (u16, JoinHandle<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0, "{head}");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let answer = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1",
            "choices": [{"index": 0, "finish_reason": "stop",
                         "message": {"role": "assistant", "content": "said by a model"}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        })
        .to_string();
        write!(
            reader.get_mut(),
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{answer}",
            answer.len()
        )
        .unwrap();
        (head, serde_json::from_slice(&body).unwrap())
    });
    (port, served)
}

#[test]
fn a_model_answers_on_the_store_through_our_api() {
    let folder = folder();
    let (port, served) = model();
    std::fs::write(
        folder.path().join("dragoman.toml"),
        format!(
            "[[backend]]\nname = \"store\"\nkind = \"store\"\n[backend.responder]\n\
             kind = \"openai\"\nbase_url = \"http://127.0.0.1:{port}/v1\"\nmodel = \"m\"\n\
             api_key = \"a-key\"\nsystem_prompt = \"Be brief.\"\ntemperature = 0.5\n\
             max_tokens = 9\nmax_tokens_as = \"max_completion_tokens\"\n"
        ),
    )
    .unwrap();
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    let ask = |path: &str, body: &str| {
        let (status, answer) = request(server.address, "POST", path, &key, body);
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        assert!(matches!(status, 200 | 201), "{answer}");
        serde_json::from_str::<Value>(body).unwrap()
    };
    let made = ask("/v1/conversations", "{}");
    let path = format!(
        "/v1/conversations/{}/responses",
        made["id"].as_str().unwrap()
    );
    let input = json!({"input": {"parts": [{"type": "text", "text": "hello"}]}});
    let answer = ask(&path, &input.to_string());
    assert_eq!(answer["message"]["parts"][0]["text"], "said by a model");
    assert_eq!(answer["message"]["model"], "m-1");
    let (head, asked) = served.join().unwrap();
    assert!(head.starts_with("POST /v1/chat/completions "), "{head}");
    assert!(head.contains("Bearer a-key"), "{head}");
    assert_eq!(asked["model"], "m");
    assert_eq!(asked["temperature"], 0.5);
    assert_eq!(asked["max_completion_tokens"], 9);
    assert_eq!(asked["messages"][0]["content"], "Be brief.");
    assert_eq!(asked["messages"][1]["content"], "hello");
}

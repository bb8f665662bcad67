//! Requests of the vendor's own clients, as they were seen, sent to the facade one after the other. The ids that they name
//! are replaced by those that the facade gave; status and shape are held against what the vendor documents.

use std::collections::BTreeSet;

use backend::Scope;
use backend::ports::{CredentialName, Credentials as _};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::token;
use crate::client::Answer;
use crate::documented::Compared;
use crate::world::{World, text};

/// What the clients named.
const USER: &str = "42589ad070d43be9b00ff7e5";
const AUTHOR: &str = "5963c0d619a30a2e00de36b8";
const GUEST: &str = "67a11490f0305f4a391e9f8a";
const GROUP: &str = "029c31f25a21b47effd7be90";
const FIRST_CONVERSATION: &str = "5e1606762556d93e9c176f69";
const MESSAGE: &str = "5e552ef595e5206375bb835d";
const LAST_MESSAGE: &str = "5f32b88acf6bf25073b2be56";

/// Requests that are answered differently from how they were answered when they were seen, and why.
const DIFFERENT: &[(&str, u16, &str)] = &[
    (
        "python-17.0.1:createConversation",
        400,
        "the client lost the participant that it was given: null is nobody",
    ),
    (
        "python-17.0.1:postMessage(user text)",
        400,
        "the client lost the content",
    ),
    (
        "python-17.0.1:postMessage(image)",
        400,
        "the client lost the content",
    ),
    (
        "python-17.0.1:postMessage(file)",
        400,
        "the client lost the content",
    ),
    (
        "python-17.0.1:postMessage(carousel)",
        400,
        "the client lost the content",
    ),
    (
        "python-17.0.1:postMessage(location)",
        400,
        "the client lost the content",
    ),
];

#[derive(Deserialize)]
struct Captures {
    requests: Vec<Captured>,
}

/// One request.
#[derive(Deserialize)]
struct Captured {
    name: String,
    method: String,
    path: String,
    content_type: Option<String>,
    #[serde(default)]
    body: Option<String>,
    /// A multipart body.
    #[serde(default)]
    upload: Option<String>,
    /// Sent with a token, which was not kept.
    #[serde(default)]
    bearer: bool,
    /// The status when it was seen.
    answered: u16,
}

impl Captured {
    fn is(&self, method: &str, end: &str) -> bool {
        self.method == method && self.bare().ends_with(end)
    }

    fn bare(&self) -> &str {
        self.path.split('?').next().unwrap()
    }

    /// The documented answer to requests of this sort.
    fn documented(&self) -> &'static str {
        let tail: Vec<&str> = self.bare().rsplit('/').collect();
        match (self.method.as_str(), tail.as_slice()) {
            _ if self.answered == 404 => "error",
            ("GET" | "PATCH", [_, "conversations", ..]) | ("POST", ["conversations", ..]) => {
                "createConversation"
            }
            ("GET", ["conversations", ..]) => "listConversations",
            ("GET", ["messages", ..]) => "listMessages",
            ("POST", ["messages", ..]) => "post",
            ("GET", ["participants", ..]) => "listParticipants",
            ("POST", ["join", ..]) => "joinConversation",
            ("POST", ["users", ..]) => "createUser",
            ("GET", [_, "users", ..]) => "getUser",
            ("POST", ["attachments", ..]) => "uploadAttachment",
            ("POST", ["leave", ..]) | ("DELETE", _) => "emptyResponse",
            other => panic!("{}: nothing is documented for {other:?}", self.name),
        }
    }
}

/// What was there when the client asked, in a tenant of its own.
struct Scene {
    basic: String,
    bearer: String,
    /// What the client named, and what it is called here.
    ids: Vec<(&'static str, String)>,
}

impl Scene {
    async fn new(world: &World, number: usize, request: &Captured) -> Self {
        let scopes = [Scope::Read, Scope::Write, Scope::ActAs];
        let key = world.key(&format!("t{number}"), None, &scopes).await;
        let secret = "a signing secret of enough length";
        let name = CredentialName {
            backend: "facade/sunshine".into(),
            reference: format!("signing/{}", key.id).into(),
        };
        world.state.put(&name, &secret.into()).await.unwrap();
        let mut scene = Self {
            basic: key.basic(),
            bearer: token(&key.id, secret, &json!({"scope": "app"})),
            ids: Vec::new(),
        };
        let mut people = Vec::new();
        for external in ["a b&c/é", "author", "guest", "ext 1/ü", "ext-1"] {
            // Who is about to be made is not there yet.
            if external == "ext-1" && request.is("POST", "/users") {
                continue;
            }
            let body = json!({"externalId": external});
            let made = scene.done(world, "POST", "/users", &body).await;
            people.push(text(&made["user"]["id"]));
        }
        let body = json!({"type": "personal", "participants": [{"userId": people[0]}]});
        let first = scene.done(world, "POST", "/conversations", &body).await;
        let mut members = vec![&people[0], &people[1]];
        if request.is("POST", "/leave") {
            members.push(&people[2]);
        }
        let joined = |id: &&String| json!({"userId": id, "subscribeSDKClient": true});
        let members: Vec<Value> = members.iter().map(joined).collect();
        let body = json!({"type": "sdkGroup", "participants": members});
        let group = scene.done(world, "POST", "/conversations", &body).await;
        let group = text(&group["conversation"]["id"]);
        let mut said = Vec::new();
        for words in ["one", "two", "three"] {
            let body =
                json!({"author": {"type": "business"}, "content": {"type": "text", "text": words}});
            let tail = format!("/conversations/{group}/messages");
            let posted = scene.done(world, "POST", &tail, &body).await;
            said.push(text(&posted["messages"][0]["id"]));
        }
        scene.ids = vec![
            (USER, people[0].clone()),
            (AUTHOR, people[1].clone()),
            (GUEST, people[2].clone()),
            (GROUP, group),
            (FIRST_CONVERSATION, text(&first["conversation"]["id"])),
            (MESSAGE, said[1].clone()),
            (LAST_MESSAGE, said[2].clone()),
        ];
        scene
    }

    async fn done(&self, world: &World, method: &str, tail: &str, body: &Value) -> Value {
        let answer = world.ask_as(&self.basic, method, tail, body).await;
        let json = answer.json();
        assert!(answer.status < 300, "{json}");
        json
    }

    fn renamed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (seen, ours) in &self.ids {
            text = text.replace(seen, ours);
        }
        text
    }

    async fn ask(&self, world: &World, request: &Captured) -> Answer {
        let authorization = if request.bearer {
            &self.bearer
        } else {
            &self.basic
        };
        let mut headers = vec![("authorization", authorization.as_str())];
        if let Some(kind) = &request.content_type {
            headers.push(("content-type", kind));
        }
        let body = request.body.as_ref().or(request.upload.as_ref());
        let body = self.renamed(body.map_or("", String::as_str));
        let path = self.renamed(&request.path);
        world
            .exchange(&request.method, &path, &headers, body.as_bytes())
            .await
    }
}

fn requests() -> Vec<Captured> {
    let captures: Captures =
        serde_json::from_str(include_str!("../fixtures/captures.json")).unwrap();
    captures.requests
}

#[tokio::test]
async fn every_captured_request_is_answered_as_documented() {
    let world = World::start().await;
    let requests = requests();
    assert_eq!(requests.len(), 81);
    let (mut refused, mut compared) = (BTreeSet::new(), Compared::default());
    for (number, request) in requests.iter().enumerate() {
        let scene = Scene::new(&world, number, request).await;
        let answer = scene.ask(&world, request).await;
        let body = answer.json();
        if answer.status != request.answered {
            let known = DIFFERENT.iter().find(|(name, ..)| *name == request.name);
            let status = known.map(|(_, status, _)| *status);
            assert_eq!(Some(answer.status), status, "{}: {body}", request.name);
            assert_eq!(answer.code().1, "bad_request");
            refused.insert(request.name.as_str());
            continue;
        }
        compared.add(request.documented(), &body);
    }
    let listed: BTreeSet<&str> = DIFFERENT.iter().map(|(name, ..)| *name).collect();
    assert_eq!(refused, listed, "a listed difference differs no longer");
    compared.assert_as_listed();
}

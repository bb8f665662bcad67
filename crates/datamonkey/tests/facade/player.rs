//! Sends recorded requests, with the ids and tokens that are theirs here.

use std::collections::HashMap;

use conversation::Time;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::asking::signed;
use crate::client::Answer;
use crate::recorded::Exchange;
use crate::world::World;

/// What signs the tokens of the world that recordings are played in.
pub(crate) const SECRET: &str = "the server's secret";

/// Recorded ids, and what they are here: id, and the token of whose it is.
pub(crate) struct Player {
    world: World,
    known: HashMap<String, (String, String)>,
    /// The user of most recordings.
    first: String,
    /// The user of those about the order of lists.
    orders: Option<String>,
    bodies: HashMap<String, Vec<u8>>,
}

impl Player {
    pub(crate) async fn new(world: World, has_tokens: bool) -> Self {
        let first = if has_tokens {
            world.begin("not recorded").await.0
        } else {
            String::new()
        };
        Self {
            world,
            known: HashMap::new(),
            first,
            orders: None,
            bodies: odd_bodies(),
        }
    }

    pub(crate) async fn play(&mut self, exchange: &Exchange) -> Answer {
        self.prepare(exchange).await;
        let token = self.token(exchange);
        let ours = |text: &str| {
            let mut text = text.replace("{{JWT}}", &token);
            for (recorded, (id, _)) in &self.known {
                text = text.replace(recorded, id);
            }
            text
        };
        let request = &exchange.request;
        let headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), ours(value)))
            .collect();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let body = match (&request.body, self.bodies.get(&exchange.name)) {
            (Some(body), _) => body.as_bytes(),
            (None, Some(odd)) => odd,
            (None, None) => b"",
        };
        let target = ours(&request.path);
        let answer = self
            .world
            .ask(&request.method, &target, &headers, body)
            .await;
        if answer.status == 201 {
            self.note(exchange, &answer, &token);
        }
        answer
    }

    /// The token that stands for the recorded one.
    fn token(&self, exchange: &Exchange) -> String {
        let name = exchange.name.as_str();
        let owner = recorded_id(&exchange.request.path)
            .and_then(|id| self.known.get(id))
            .map_or(&self.first, |(_, token)| token);
        if owner.is_empty() {
            return String::new();
        }
        let (operation, case) = name.split_once('.').unwrap_or(("", name));
        if let ("list" | "order", Some(orders)) = (operation, &self.orders) {
            return orders.clone();
        }
        let now = Time::now().as_millis() / 1_000;
        let end = now + 600;
        let with = |algorithm, claims: Value| {
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            encode(&Header::new(algorithm), &claims, &key).unwrap()
        };
        let subject = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(owner).unwrap();
        let subject = subject["sub"].clone();
        let usual = Algorithm::HS256;
        match case {
            "expired_token" => with(usual, json!({"sub": subject, "exp": now - 10})),
            "wrong_signature" => signed("another secret", "u", 600),
            "no_sub" => with(usual, json!({"exp": end})),
            "numeric_sub" => with(usual, json!({"sub": 7, "exp": end})),
            "empty_sub" => with(usual, json!({"sub": "", "exp": end})),
            "nbf_future" => with(usual, json!({"sub": subject, "exp": end, "nbf": now + 300})),
            "signed_but_unknown_sub" => signed(SECRET, "2f1f3c0e-0000-4000-8000-000000000000", 600),
            "no_exp_claim" => with(usual, json!({"sub": subject})),
            "hs512_signature" => with(Algorithm::HS512, json!({"sub": subject, "exp": end})),
            "type_user_claim" => with(usual, json!({"sub": subject, "exp": end, "type": "user"})),
            "iat_in_future" => with(usual, json!({"sub": subject, "exp": end, "iat": now + 300})),
            "other_user" => self.first.clone(),
            _ => owner.clone(),
        }
    }

    /// Makes a conversation that the recordings use but do not make.
    async fn prepare(&mut self, exchange: &Exchange) {
        let Some(id) = recorded_id(&exchange.request.path) else {
            return;
        };
        let is_made_up = !id.starts_with("conv-1");
        let is_gone = exchange.name.starts_with("race.") && exchange.request.method != "DELETE";
        if is_made_up || is_gone || self.known.contains_key(id) {
            return;
        }
        let made = self
            .world
            .with(&self.first, "POST", "/api/v1/chat", r#"{"title": "x"}"#)
            .await;
        let ours = made.json()["id"].as_str().unwrap().to_owned();
        self.known.insert(id.to_owned(), (ours, self.first.clone()));
    }

    /// Notes the conversation that was made, and whose it is.
    fn note(&mut self, exchange: &Exchange, answer: &Answer, token: &str) {
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        let owner = answer.header("x-session-token").unwrap_or(token).to_owned();
        match exchange.name.as_str() {
            "create.no_token.title" => self.first.clone_from(&owner),
            "order.create1" => self.orders = Some(owner.clone()),
            _ => {}
        }
        if exchange.response.status == 201 {
            let recorded: Value = serde_json::from_str(&exchange.response.body).unwrap();
            let recorded = recorded["id"].as_str().unwrap().to_owned();
            self.known.insert(recorded, (id, owner));
        }
    }
}

/// The id in a recorded path.
fn recorded_id(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/api/v1/chat/")?;
    let id = rest.split(['/', '?']).next()?;
    (!id.is_empty()).then_some(id)
}

#[derive(Deserialize)]
struct Recording {
    exchanges: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    request: Odd,
}

/// A body that is no text.
#[derive(Deserialize)]
struct Odd {
    body_hex: Option<String>,
}

impl Odd {
    fn bytes(&self) -> Option<Vec<u8>> {
        let digits = self.body_hex.as_ref()?.as_bytes().chunks(2);
        let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
        Some(digits.map(byte).collect())
    }
}

/// The recorded bodies that are no text, by the names of their recordings.
fn odd_bodies() -> HashMap<String, Vec<u8>> {
    let text = include_str!("../fixtures/recordings.json");
    let recording: Recording = serde_json::from_str(text).unwrap();
    let odd = recording.exchanges.into_iter();
    odd.filter_map(|one| Some((one.name, one.request.bytes()?)))
        .collect()
}

//! What an operator is told of routes, and of reads that are compared.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use backend::ports::{
    DifferenceKind, FieldDifference, RouteExplanation, RouteTable, RuleExplanation,
    ShadowDifference, ShadowLog as _, Share,
};
use backend::{Context, Result, Scope};
use conversation::{ConversationId, NewConversation};
use serde_json::json;
use uuid::Uuid;

use crate::support::Server;

/// A route table that notes what it is asked.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<(Context, NewConversation)>>);

#[async_trait]
impl RouteTable for Asked {
    async fn explain_route(&self, cx: &Context, new: &NewConversation) -> Result<RouteExplanation> {
        self.0.lock().unwrap().push((cx.clone(), new.clone()));
        let share = |backend: &str, weight| Share {
            backend: backend.into(),
            weight,
        };
        Ok(RouteExplanation {
            route: "canary".into(),
            to: vec![share("a", 3), share("b", 1)],
            fallback: vec!["a".into()],
            rules: vec![RuleExplanation {
                rule: "canary".into(),
                fits: true,
                why_not: Vec::new(),
                to: vec![share("a", 3), share("b", 1)],
                fallback: vec!["a".into()],
            }],
            overrides: Vec::new(),
        })
    }
}

const EXPLAIN: &str = "/admin/v1/routes/explain";

#[tokio::test]
async fn a_route_is_explained_for_whoever_is_named() {
    let asked = Arc::new(Asked::default());
    let table = Arc::clone(&asked);
    let server = Server::start_with(move |gateway| gateway.routes = table).await;
    let answer = server
        .post(EXPLAIN)
        .json(&json!({
            "tenant": "other", "key": "k1", "user": "ann", "via": "one", "backend": "b",
            "headers": {"X-Region": "eu"}, "conversation": {"kind": "mail", "labels": ["vip"]},
        }))
        .send()
        .await;
    assert_eq!(
        answer.expect(200).json(),
        json!({
            "route": "canary",
            "to": [
                {"backend": "a", "weight": 3, "chance": 0.75},
                {"backend": "b", "weight": 1, "chance": 0.25},
            ],
            "fallback": ["a"],
            "rules": [{
                "rule": "canary", "fits": true, "why_not": [],
                "to": [{"backend": "a", "weight": 3}, {"backend": "b", "weight": 1}], "fallback": ["a"],
            }],
            "overrides": [],
        })
    );
    let (cx, new) = asked.0.lock().unwrap().pop().unwrap();
    let principal = &cx.principal;
    assert_eq!((&*principal.tenant, &*principal.key), ("other", "k1"));
    assert_eq!(principal.user.as_deref(), Some("ann"));
    assert_eq!(cx.route.via.as_deref(), Some("one"));
    assert_eq!(cx.route.backend.as_deref(), Some("b"));
    assert_eq!(
        cx.route.headers.get("x-region").map(|value| &**value),
        Some("eu")
    );
    assert_eq!(new.labels, ["vip".into()]);

    // Without a word it is the caller, by our own API.
    server
        .post(EXPLAIN)
        .json(&json!({"via": "normalized"}))
        .send()
        .await
        .expect(200);
    let (cx, new) = asked.0.lock().unwrap().pop().unwrap();
    assert_eq!(
        (&*cx.principal.tenant, cx.route.via.as_deref()),
        ("acme", None)
    );
    assert_eq!(new, NewConversation::default());
}

#[tokio::test]
async fn the_routers_own_rules_are_explained() {
    let server = Server::start().await;
    let answer = server.post(EXPLAIN).json(&json!({})).send().await;
    let explained = answer.expect(200).json();
    assert_eq!(explained["route"], "default");
    assert_eq!(
        explained["to"],
        json!([{"backend": "store", "weight": 1, "chance": 1.0}])
    );

    let refused = server
        .post(EXPLAIN)
        .json(&json!({"headers": {"accept": "a"}}))
        .send()
        .await;
    refused.problem(422, "invalid-request");
    assert_eq!(
        refused.pointers(),
        [("body".to_owned(), "/headers/accept".to_owned())]
    );
    let unknown = server
        .post(EXPLAIN)
        .json(&json!({"tenants": "a"}))
        .send()
        .await;
    assert!(unknown.status.is_client_error());
    let key = server
        .new_key("acme", None, &[Scope::Read, Scope::Write])
        .await;
    let forbidden = server.post(EXPLAIN).key(&key).json(&json!({})).send().await;
    forbidden.problem(403, "forbidden");
}

fn difference(number: u128, shadow: &str, operation: &str) -> ShadowDifference {
    ShadowDifference {
        id: Uuid::from_u128(number),
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        conversation: ConversationId::from_bits(7),
        primary: "store".into(),
        shadow: shadow.into(),
        rule: "r".into(),
        operation: operation.into(),
        fields: vec![FieldDifference {
            message: None,
            pointer: "/title".into(),
            kind: DifferenceKind::Missing,
            primary: Some("3 characters".into()),
            shadow: None,
        }],
    }
}

#[tokio::test]
async fn differences_are_listed_in_pages() {
    let server = Server::start().await;
    for noted in [
        difference(1, "b", "get_conversation"),
        difference(2, "b", "list_messages"),
        difference(3, "c", "list_messages"),
    ] {
        server.state.note(&noted).await.unwrap();
    }
    let list = async |query: &str| {
        let answer = server
            .get(&format!("/admin/v1/shadows?{query}"))
            .send()
            .await;
        answer.expect(200).json()
    };
    let all = list("").await;
    assert_eq!(all["has_more"], false);
    let shadows: Vec<_> = all["data"].as_array().unwrap().iter().collect();
    assert_eq!(shadows.len(), 3);
    let conversation = ConversationId::from_bits(7).to_string();
    assert_eq!(
        *shadows[0],
        json!({
            "id": Uuid::from_u128(3), "at": "2026-01-02T03:04:05.000Z", "conversation": conversation,
            "primary": "store", "shadow": "c", "rule": "r", "operation": "list_messages",
            "fields": [{"pointer": "/title", "kind": "missing", "primary": "3 characters"}],
        })
    );
    let first = list("limit=2").await;
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = list(&format!("limit=2&cursor={cursor}")).await;
    assert_eq!(rest["data"][0]["id"], json!(Uuid::from_u128(1)));
    assert_eq!(rest["has_more"], false);
    let with_b = list(&format!("shadow=b&conversation_id={conversation}")).await;
    assert_eq!(with_b["data"].as_array().unwrap().len(), 2);
    // A cursor belongs to its list.
    let path = format!("/admin/v1/shadows?shadow=b&cursor={cursor}");
    server
        .get(&path)
        .send()
        .await
        .problem(400, "invalid-cursor");
}

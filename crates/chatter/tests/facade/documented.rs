//! The facade's own strict description: it names every route. Every answer of these tests is held against it.

use crate::support::described;

#[test]
fn the_description_has_every_route_and_no_other() {
    let description: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/facade.openapi.json")).unwrap();
    let mut found = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            found.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let mut served: Vec<String> = chatter::facade_routes()
        .into_iter()
        .map(|(operation, _)| operation)
        .collect();
    found.sort();
    served.sort();
    assert_eq!(found, served);
}

#[test]
fn the_description_is_strict() {
    let wrong = br#"{"message":"Conversation deleted successfully","more":1}"#;
    let path = "/api/v1/conversations/01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let found = described().check_response("DELETE", path, 200, wrong);
    assert!(!found.is_empty());
    let found = described().check_response("DELETE", path, 204, b"");
    assert!(!found.is_empty());
}

#[test]
fn every_answer_is_closed() {
    let description: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/facade.openapi.json")).unwrap();
    let components = &description["components"];
    let mut open = Vec::new();
    for (name, schema) in components["schemas"].as_object().unwrap() {
        let is_request = ["Chat", "ConversationCreate", "ConversationUpdate", "Vote"];
        // Whoever sends more than is known is not refused: so it is at the vendor.
        if schema["type"] == "object"
            && !is_request.contains(&name.as_str())
            && schema["additionalProperties"] != false
        {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

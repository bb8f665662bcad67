//! Each sort of violation is found, and nothing else.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::Description;

const OLD: &str = r##"{
  "openapi": "3.0.2",
  "paths": {
    "/v2/apps/{appId}/things": {
      "parameters": [{"$ref": "#/components/parameters/appId"}],
      "get": {
        "operationId": "ListThings",
        "parameters": [
          {"name": "page", "in": "query", "style": "deepObject", "explode": true, "schema": {"$ref": "#/components/schemas/page"}},
          {"name": "filter", "in": "query", "style": "deepObject", "required": true, "schema": {"type": "object", "properties": {"owner": {"type": "string"}}}},
          {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
          {"name": "label", "in": "query", "schema": {"type": "array", "items": {"type": "string", "minLength": 1}}},
          {"name": "fields", "in": "query", "explode": false, "schema": {"type": "array", "items": {"enum": ["a", "b"]}}},
          {"name": "X-Reason", "in": "header", "schema": {"type": "string", "minLength": 3}}
        ],
        "responses": {"200": {"content": {"application/json": {"schema": {"type": "object", "required": ["things"]}}}}, "4XX": {}}
      },
      "post": {
        "operationId": "CreateThing",
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}},
        "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}}, "204": {}}
      }
    },
    "/v2/apps/{appId}/things/all": {"get": {"operationId": "AllThings", "responses": {}}},
    "/v2/apps/{appId}/things/{id}": {
      "get": {"parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "maxLength": 5}}], "responses": {}}
    },
    "/upload": {
      "post": {
        "requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object", "required": ["source"], "properties": {"source": {"type": "string", "format": "binary"}, "count": {"type": "integer"}}}}}},
        "responses": {}
      }
    },
    "/form": {
      "post": {
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}, "to": {"type": "array", "items": {"type": "integer"}}}}}}},
        "responses": {}
      }
    }
  },
  "components": {
    "parameters": {"appId": {"name": "appId", "in": "path", "required": true, "schema": {"type": "string"}}},
    "schemas": {
      "page": {"type": "object", "properties": {"after": {"type": "string", "minLength": 4, "maxLength": 4}, "before": {"type": "string"}, "size": {"type": "integer", "minimum": 1, "maximum": 100}}, "not": {"required": ["after", "before"]}},
      "thing": {
        "type": "object",
        "required": ["id", "name", "content"],
        "properties": {
          "id": {"type": "string", "readOnly": true},
          "secret": {"$ref": "#/components/schemas/secret"},
          "name": {"type": "string", "nullable": true, "minLength": 1, "maxLength": 5},
          "mail": {"type": "string", "format": "email"},
          "at": {"type": "string", "format": "date-time"},
          "share": {"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 1, "exclusiveMaximum": false},
          "free": {"type": "object", "nullable": true},
          "flat": {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "number"}]}},
          "content": {"$ref": "#/components/schemas/content"},
          "other": {"nullable": true, "allOf": [{"$ref": "#/components/schemas/page"}]}
        }
      },
      "secret": {"type": "string", "writeOnly": true},
      "content": {
        "oneOf": [{"$ref": "#/components/schemas/textMessage"}, {"$ref": "#/components/schemas/image"}],
        "discriminator": {"propertyName": "type", "mapping": {"text": "#/components/schemas/textMessage"}}
      },
      "textMessage": {"type": "object", "required": ["type", "text"], "properties": {"type": {"type": "string"}, "text": {"type": "string", "maxLength": 3}}},
      "image": {"type": "object", "required": ["type", "url"], "properties": {"type": {"type": "string"}, "url": {"type": "string", "format": "uri"}}}
    }
  }
}"##;

const NEW: &str = r##"{
  "openapi": "3.1.0",
  "paths": {
    "/v1/drafts/{id}:send": {
      "post": {
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/draft"}}}},
        "responses": {"default": {"content": {"application/problem+json": {"schema": {"type": "object", "required": ["title"]}}}}}
      }
    }
  },
  "components": {"schemas": {"draft": {
    "type": "object",
    "properties": {
      "to": {"type": ["string", "null"]},
      "weight": {"type": "integer", "exclusiveMinimum": 0},
      "kind": {"const": "mail"},
      "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
      "id": {"$ref": "#/components/schemas/id", "readOnly": true}
    }
  }, "id": {"type": "string"}}}
}"##;

fn headers(content_type: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(value) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
    }
    headers
}

fn get(path: &str) -> Vec<String> {
    let description = Description::parse(OLD).unwrap();
    description.check_request("GET", path, &headers(None), b"")
}

fn post_to(description: &Description, path: &str, body: &str) -> Vec<String> {
    let headers = headers(Some("application/json; charset=utf-8"));
    description.check_request("POST", path, &headers, body.as_bytes())
}

/// A thing whose other members are sound.
fn thing(members: &str) -> Vec<String> {
    let body = format!(r#"{{"name":"n","content":{{"type":"text","text":"hi"}}{members}}}"#);
    post_to(
        &Description::parse(OLD).unwrap(),
        "/v2/apps/a/things",
        &body,
    )
}

/// The one violation, which holds all of these words.
fn assert_one(violations: &[String], words: &[&str]) {
    assert_eq!(violations.len(), 1, "{violations:?}");
    for word in words {
        assert!(violations[0].contains(word), "{violations:?} lacks {word}");
    }
}

fn assert_none(violations: &[String]) {
    assert_eq!(violations, &[] as &[String]);
}

#[test]
fn what_is_no_description_is_refused_in_words() {
    let refused = |text: &str| Description::parse(text).unwrap_err();
    assert!(refused("{").contains("no JSON"));
    assert!(refused(r#"{"swagger":"2.0"}"#).contains("OpenAPI 3.0 or 3.1"));
    assert!(refused(r#"{"openapi":"3.0.0"}"#).contains("no paths"));
    let dangling = OLD.replace(
        "#/components/schemas/image\"",
        "#/components/schemas/picture\"",
    );
    assert!(
        refused(&dangling).contains("picture"),
        "{}",
        refused(&dangling)
    );
    let missing = OLD.replace(
        "#/components/parameters/appId",
        "#/components/parameters/app",
    );
    assert!(refused(&missing).contains("leads nowhere"));
}

#[test]
fn unknown_paths_and_methods_are_found() {
    assert_none(&get("/v2/apps/a/things?filter[owner]=x"));
    assert_one(
        &get("/v2/apps/a/thing"),
        &["unknown path", "GET /v2/apps/a/thing"],
    );
    assert_one(
        &get("/v2/apps/a/things/?filter[owner]=x"),
        &["unknown path"],
    );
    assert_one(&get("/v2/apps//things?filter[owner]=x"), &["unknown path"]);
    let description = Description::parse(OLD).unwrap();
    let violations = description.check_request("PUT", "/v2/apps/a/things", &headers(None), b"");
    assert_one(&violations, &["unknown method"]);
}

#[test]
fn templates_match_raw_segments_and_fixed_paths_win() {
    let description = Description::parse(OLD).unwrap();
    let operation = |path| description.operation("GET", path);
    assert_eq!(operation("/v2/apps/a/things/all"), Some("AllThings"));
    assert_eq!(operation("/v2/apps/a%2Fb/things?x"), Some("ListThings"));
    assert_eq!(
        operation("/v2/apps/a/things/1"),
        Some("get /v2/apps/{appId}/things/{id}")
    );
    assert_none(&get("/v2/apps/a/things/a%2Fb%20c"));
    assert_one(
        &get("/v2/apps/a/things/abcdef"),
        &["path parameter `id`", "5"],
    );
    assert_one(&get("/v2/apps/a/things/%zz"), &["unknown path"]);
    let description = Description::parse(NEW).unwrap();
    assert_none(&post_to(&description, "/v1/drafts/7:send", "{}"));
    assert_one(
        &post_to(&description, "/v1/drafts/7", "{}"),
        &["unknown path"],
    );
}

#[test]
fn query_parameters_are_checked() {
    let things = |query: &str| get(&format!("/v2/apps/a/things?filter%5Bowner%5D=x{query}"));
    assert_none(&things(
        "&limit=100&label=a&label=b&fields=a,b&page[after]=abcd&page%5Bsize%5D=1",
    ));
    assert_one(
        &get("/v2/apps/a/things"),
        &["query parameter `filter` is missing"],
    );
    assert_one(&things("&limt=1"), &["query parameter `limt` is unknown"]);
    assert_one(
        &things("&limit=101"),
        &["query parameter `limit`", "maximum of 100"],
    );
    assert_one(
        &things("&limit=ten"),
        &["query parameter `limit`", "integer"],
    );
    assert_one(
        &things("&limit=1&limit=2"),
        &["query parameter `limit` is repeated"],
    );
    assert_one(&things("&label="), &["query parameter `label`: /0"]);
    assert_one(&things("&fields=a,c"), &["query parameter `fields`: /1"]);
    assert_one(&things("&label=%4"), &["percent-encoded wrongly"]);
}

#[test]
fn deep_objects_are_checked() {
    let things = |query: &str| get(&format!("/v2/apps/a/things?filter[owner]=x&{query}"));
    assert_one(
        &things("page[after]=abc"),
        &["query parameter `page`: /after", "4 characters"],
    );
    assert_one(&things("page[size]=0"), &["query parameter `page`: /size"]);
    assert_one(
        &things("page[size]=many"),
        &["query parameter `page`: /size", "integer"],
    );
    assert_one(
        &things("page[size]=1&page[size]=1"),
        &["`page[size]` is repeated"],
    );
    assert_one(
        &things("page[first]=1"),
        &["query parameter `page`", "first"],
    );
    assert_one(&things("page[after=abcd"), &["no closing bracket"]);
    assert_one(
        &things("page=%7B%22size%22%3A1%7D"),
        &["query parameter `page` is unknown"],
    );
    assert_one(
        &things("page[after]=abcd&page[before]=x"),
        &["query parameter `page`", "not allowed"],
    );
}

#[test]
fn headers_are_checked() {
    let description = Description::parse(OLD).unwrap();
    let mut headers = headers(None);
    headers.insert("x-reason", HeaderValue::from_static("no"));
    let violations =
        description.check_request("GET", "/v2/apps/a/things?filter[owner]=x", &headers, b"");
    assert_one(&violations, &["header parameter `X-Reason`", "3"]);
}

#[test]
fn content_types_and_the_presence_of_bodies_are_checked() {
    let description = Description::parse(OLD).unwrap();
    let check = |method: &str, content_type, body: &[u8]| {
        let path = "/v2/apps/a/things";
        let query = if method == "GET" {
            "?filter[owner]=x"
        } else {
            ""
        };
        description.check_request(
            method,
            &format!("{path}{query}"),
            &headers(content_type),
            body,
        )
    };
    assert_one(
        &check("POST", None, b"{}"),
        &["the content type is missing"],
    );
    assert_one(
        &check("POST", Some("text/plain"), b"{}"),
        &["content type text/plain is not described"],
    );
    assert_one(&check("POST", None, b""), &["the body is missing"]);
    assert_one(
        &check("POST", Some("application/json"), b"{"),
        &["the body is no JSON"],
    );
    assert_one(
        &check("GET", Some("application/json"), b""),
        &["content type is sent without a body"],
    );
    assert_one(
        &check("GET", Some("application/json"), b"{}"),
        &["a body is sent where none"],
    );
}

#[test]
fn bodies_are_checked_against_their_schema() {
    assert_none(&thing(
        r#","secret":"s","mail":"a@b.example","at":"2026-11-21T10:00:00.123Z","share":1,"unknown":1"#,
    ));
    assert_none(&thing(
        r#","free":{"a":{"b":[]}},"flat":{"a":1,"b":"c"},"other":null"#,
    ));
    assert_one(
        &thing(r#","id":"1""#),
        &["body: /id", "not for this direction"],
    );
    assert_one(&thing(r#","mail":"nobody""#), &["/mail", "email"]);
    assert_one(&thing(r#","at":"yesterday""#), &["/at", "date-time"]);
    assert_one(&thing(r#","share":0"#), &["/share", "0"]);
    assert_one(&thing(r#","flat":{"a":true}"#), &["/flat/a"]);
    assert_one(&thing(r#","flat":null"#), &["/flat", "object"]);
    assert_one(&thing(r#","other":{"size":1000}"#), &["/other/size", "100"]);
    let description = Description::parse(OLD).unwrap();
    let create = |body: &str| post_to(&description, "/v2/apps/a/things", body);
    let text = r#""content":{"type":"text","text":"hi"}"#;
    assert_none(&create(&format!(r#"{{"name":null,{text}}}"#)));
    assert_one(&create(&format!("{{{text}}}")), &["\"name\"", "required"]);
    assert_one(
        &create(r#"{"name":"","content":{"type":"text","text":"hi"}}"#),
        &["/name", "1 character"],
    );
    assert_one(
        &create(&format!(r#"{{"name":"sixsix",{text}}}"#)),
        &["/name", "5 characters"],
    );
    assert_one(&create("[]"), &["object"]);
}

#[test]
fn the_discriminator_chooses_the_schema_that_explains() {
    let description = Description::parse(OLD).unwrap();
    let create = |content: &str| {
        let body = format!(r#"{{"name":"n","content":{content}}}"#);
        post_to(&description, "/v2/apps/a/things", &body)
    };
    assert_none(&create(
        r#"{"type":"image","url":"https://example.org/a.png"}"#,
    ));
    assert_one(
        &create(r#"{"type":"text","text":"long"}"#),
        &["/content/text", "3 characters"],
    );
    assert_one(
        &create(r#"{"type":"image","url":"no url"}"#),
        &["/content/url", "uri"],
    );
    assert_one(
        &create(r#"{"type":"text","url":"https://example.org"}"#),
        &["/content", "\"text\""],
    );
    assert!(!create(r#"{"type":"video","text":"hi"}"#).is_empty());
    assert!(!create("{}").is_empty());
}

#[test]
fn closed_descriptions_find_members_that_are_not_described() {
    let description = Description::parse_closed(OLD).unwrap();
    let create = |members: &str| {
        let body = format!(r#"{{"name":"n","content":{{"type":"text","text":"hi"{members}"#);
        post_to(&description, "/v2/apps/a/things", &body)
    };
    assert_none(&create("}}"));
    assert_none(&create(
        r#"},"free":{"any":1},"flat":{"x":1},"other":{"size":1}}"#,
    ));
    assert_one(&create(r#"},"nam":1}"#), &["nam"]);
    assert_one(&create(r#","txt":1}}"#), &["/content", "txt"]);
    assert_one(&create(r#"},"other":{"sise":1}}"#), &["/other", "sise"]);
    // Answers of a vendor may always hold more.
    let body = br#"{"id":"1","name":"n","content":{"type":"text","text":"hi"},"more":1}"#;
    assert_none(&description.check_response("POST", "/v2/apps/a/things", 201, body));
}

#[test]
fn forms_are_checked() {
    let description = Description::parse(OLD).unwrap();
    let multipart = headers(Some("multipart/form-data; boundary=b"));
    let upload = |body: &[u8]| description.check_request("POST", "/upload", &multipart, body);
    let part = |name: &str, text: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n{text}\r\n--b--\r\n"
        )
    };
    assert_none(&upload(part("source", "bytes").as_bytes()));
    assert_one(
        &upload(part("sauce", "bytes").as_bytes()),
        &["\"source\"", "required"],
    );
    assert_one(&upload(b"--b\r\nContent-Dis"), &["multipart"]);
    let unbounded = headers(Some("multipart/form-data"));
    assert_one(
        &description.check_request("POST", "/upload", &unbounded, b"x"),
        &["boundary"],
    );
    let encoded = headers(Some("application/x-www-form-urlencoded"));
    let form = |body: &[u8]| description.check_request("POST", "/form", &encoded, body);
    assert_none(&form(b"text=1&to=1&to=2"));
    assert_one(&form(b"to=1"), &["\"text\""]);
    assert_one(&form(b"text=a&to=x"), &["/to/0", "integer"]);
}

#[test]
fn responses_are_checked() {
    let description = Description::parse(OLD).unwrap();
    let list = |status, body: &[u8]| {
        description.check_response("GET", "/v2/apps/a/things?x=1", status, body)
    };
    assert_none(&list(200, br#"{"things":[],"more":1}"#));
    assert_none(&list(404, b"anything"));
    assert_one(&list(200, b"{}"), &["\"things\""]);
    assert_one(&list(200, b"<html>"), &["no JSON"]);
    assert_one(&list(500, b""), &["status 500 is not described"]);
    assert_one(
        &description.check_response("GET", "/nothing", 200, b""),
        &["unknown path"],
    );
    let create =
        |body: &str| description.check_response("POST", "/v2/apps/a/things", 201, body.as_bytes());
    let text = r#""name":"n","content":{"type":"text","text":"hi"}"#;
    assert_none(&create(&format!(r#"{{"id":"1",{text}}}"#)));
    assert_one(&create(&format!("{{{text}}}")), &["\"id\""]);
    assert_one(
        &create(&format!(r#"{{"id":"1","secret":"s",{text}}}"#)),
        &["/secret", "direction"],
    );
}

#[test]
fn version_3_1_is_json_schema_itself() {
    let description = Description::parse(NEW).unwrap();
    let send = |body: &str| post_to(&description, "/v1/drafts/7:send", body);
    assert_none(&send(
        r#"{"to":null,"weight":1,"kind":"mail","pair":["a",1]}"#,
    ));
    assert_one(&send(r#"{"to":1}"#), &["/to"]);
    assert_one(&send(r#"{"weight":0}"#), &["/weight"]);
    assert_one(&send(r#"{"kind":"sms"}"#), &["/kind", "mail"]);
    assert_one(&send(r#"{"pair":["a","b"]}"#), &["/pair/1"]);
    assert_one(&send(r#"{"id":"1"}"#), &["/id", "direction"]);
    let respond = |body: &[u8]| description.check_response("POST", "/v1/drafts/7:send", 500, body);
    assert_none(&respond(br#"{"title":"t"}"#));
    assert_one(&respond(b"{}"), &["\"title\""]);
}

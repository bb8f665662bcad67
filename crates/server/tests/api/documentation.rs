//! `/openapi.json`, `/docs` and `/docs/errors`.

use crate::support::Server;

#[tokio::test]
async fn description_is_openapi_3_1() {
    let server = Server::start().await;
    let answer = server.get("/openapi.json").no_key().send().await;
    let document = answer.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn docs_load_nothing_from_another_host() {
    let server = Server::start().await;
    let redirect = server.get("/docs").no_key().send().await;
    assert_eq!(redirect.expect(303).header("location"), Some("/docs/"));
    let page = server.get("/docs/").no_key().send().await;
    let html = page.expect(200).text();
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("http"), "{policy}");
    for attribute in ["src=\"", "href=\""] {
        for rest in html.split(attribute).skip(1) {
            let target = rest.split('"').next().unwrap();
            assert!(!target.contains("//"), "{target}");
            let file = target.trim_start_matches("./");
            server
                .get(&format!("/docs/{file}"))
                .no_key()
                .send()
                .await
                .expect(200);
        }
    }
    let settings = server
        .get("/docs/swagger-initializer.js")
        .no_key()
        .send()
        .await;
    let script = settings.expect(200).text();
    assert!(script.contains("/openapi.json"), "{script}");
    assert!(
        !script.contains("petstore") && !script.contains("https://"),
        "{script}"
    );
}

#[tokio::test]
async fn error_page_explains_every_code_that_the_description_lists() {
    let server = Server::start().await;
    let page = server
        .get("/docs/errors")
        .no_key()
        .send()
        .await
        .expect(200)
        .text();
    let document = server.get("/openapi.json").no_key().send().await.json();
    let codes = &document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
    for code in codes.as_array().unwrap() {
        let anchor = format!("id=\"{}\"", code.as_str().unwrap());
        assert!(page.contains(&anchor), "{anchor}");
    }
}

#[tokio::test]
async fn pages_that_are_switched_off_do_not_exist() {
    let server = Server::start_with(|gateway| {
        gateway.docs = false;
        gateway.metrics = None;
    })
    .await;
    for path in [
        "/docs",
        "/docs/",
        "/openapi.json",
        "/docs/errors",
        "/metrics",
    ] {
        server
            .get(path)
            .no_key()
            .send()
            .await
            .problem(404, "route-not-found");
    }
}

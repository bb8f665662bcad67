//! The documentation pages work without any network: they load nothing from another host.

use std::collections::BTreeSet;

use tests::client::Client;
use tests::dragoman::Launch;

/// What a page loads: values of `src` and `href` attributes.
fn references(page: &str) -> BTreeSet<String> {
    ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| {
            page.split(attribute)
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
        })
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn docs_page_loads_everything_from_this_server() {
    let dragoman = Launch::new().start();
    let nobody = Client::new(dragoman.base_url(), None);
    let mut page = nobody.get("/docs").await;
    let mut base = "/docs".to_owned();
    if page.status.is_redirection() {
        base = page.header("location").to_owned();
        page = nobody.get(&base).await;
    }
    assert_eq!(page.status, 200);
    let loaded = references(&page.text);
    assert!(
        loaded.iter().any(|reference| reference.ends_with(".js")),
        "{loaded:?}"
    );
    let folder = &base[..=base.rfind('/').expect("an absolute path")];
    for reference in &loaded {
        assert!(
            !reference.contains("://") && !reference.starts_with("//"),
            "{reference} is on another host"
        );
        let path = match reference.strip_prefix("./") {
            Some(relative) => format!("{folder}{relative}"),
            None if reference.starts_with('/') => reference.clone(),
            None => format!("{folder}{reference}"),
        };
        assert_eq!(nobody.get(&path).await.status, 200, "{path}");
    }
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") || policy.contains("default-src 'self'"),
        "{policy}"
    );
    assert!(
        !policy.contains("http:") && !policy.contains("https:") && !policy.contains('*'),
        "{policy}"
    );
}

#[tokio::test]
async fn every_problem_type_leads_to_its_place_on_the_error_page() {
    let dragoman = Launch::new().start();
    let nobody = Client::new(dragoman.base_url(), None);
    let problem = nobody.get("/v1/conversations").await.expect(401);
    let (page, anchor) = problem["type"]
        .as_str()
        .expect("a type")
        .split_once('#')
        .expect("an anchor");
    let page = nobody.get(page).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains(&format!("id=\"{anchor}\"")),
        "{anchor} is not on the page"
    );
}

#[tokio::test]
async fn description_is_openapi_3_1_and_names_only_local_references() {
    let dragoman = Launch::new().start();
    let description = Client::new(dragoman.base_url(), None)
        .get("/openapi.json")
        .await;
    let document = description.expect(200);
    assert!(
        document["openapi"]
            .as_str()
            .expect("a version")
            .starts_with("3.1"),
        "{}",
        document["openapi"]
    );
    for reference in description.text.split("\"$ref\":\"").skip(1) {
        let reference = reference.split('"').next().unwrap_or_default();
        let pointer = reference
            .strip_prefix('#')
            .unwrap_or_else(|| panic!("{reference} is not local"));
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}

//! `dragoman erase`.

use serde_json::{Value, json};

use crate::moving::{call, configure, ends, json_of};
use crate::process::{Server, folder};

#[test]
fn a_person_is_erased_and_the_receipt_is_kept() {
    let folder = folder();
    configure(folder.path());
    let server = Server::start(folder.path());
    let admin = server.key().unwrap();
    let created = json_of(folder.path(), 0, &["keys", "create", "--user", "ann"]);
    let hers = created["key"].as_str().unwrap();
    let new = json!({"title": "private"});
    let (status, made) = call(server.address, "POST", "/v1/conversations", hers, &new);
    assert_eq!(status, 201, "{made}");
    let (_, kept) = call(
        server.address,
        "POST",
        "/v1/conversations",
        &admin,
        &json!({}),
    );
    let erase = ["erase", "--tenant", "default", "--user", "ann"];
    let refused = ends(folder.path(), 2, &erase);
    assert!(refused.contains("--yes"), "{refused}");
    let path = |conversation: &Value| {
        format!("/v1/conversations/{}", conversation["id"].as_str().unwrap())
    };
    assert_eq!(
        call(server.address, "GET", &path(&made), &admin, &Value::Null).0,
        200
    );

    let arguments = [
        &erase[..],
        &["--yes", "--receipt", "receipt.json", "--json"],
    ]
    .concat();
    let receipt = ends(folder.path(), 0, &arguments);
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    let written = std::fs::read(folder.path().join("receipt.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), receipt);
    assert_eq!(
        call(server.address, "GET", &path(&made), &admin, &Value::Null).0,
        404
    );
    assert_eq!(
        call(server.address, "GET", &path(&kept), &admin, &Value::Null).0,
        200
    );
    // Her own key opens nothing any more, once it is no longer remembered.
    crate::process::wait_until(|| {
        call(
            server.address,
            "GET",
            "/v1/conversations",
            hers,
            &Value::Null,
        )
        .0 == 401
    });
}

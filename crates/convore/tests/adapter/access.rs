//! Keys, base URLs, and who the caller is there.

use std::time::Duration;

use backend::{Backend, Kind, Origin, Outcome};
use conversation::NewConversation;
use convore::{Convore, ConvoreConfig};

use crate::fake::{FakeConvore, Fault};
use crate::support::{adapter, at, config, create, cx, cx_of, missing, pair};

#[tokio::test]
async fn a_refused_key_is_our_fault_and_not_the_callers() {
    let fake = FakeConvore::start().await;
    let wrong = ConvoreConfig::new(fake.base_url(), "another key", FakeConvore::CHANNEL);
    let convore = Convore::new("convore", &wrong).unwrap();
    let error = convore
        .get_conversation(&cx(), &missing())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.origin, error.outcome),
        (Kind::UpstreamAuth, Origin::Upstream, Outcome::NotApplied)
    );
    fake.inject("GET", "/v1/conversations/", Fault::Status(403));
    let error = adapter(&fake).get_conversation(&cx(), &missing()).await;
    assert_eq!(error.unwrap_err().kind, Kind::UpstreamAuth);
    assert!(!convore.health(&cx()).await.ok);
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_base_url_changes_no_path() {
    let fake = FakeConvore::start().await;
    let mut config = config(&fake);
    config.base_url.push('/');
    let convore = Convore::new("convore", &config).unwrap();
    create(&convore).await;
    assert_eq!(fake.requests()[0].path, "/v1/conversations");
}

#[tokio::test]
async fn ids_stay_inside_their_segment() {
    let (fake, convore) = pair().await;
    let error = convore.get_conversation(&cx(), &at("a/b c?d#e")).await;
    assert_eq!(error.unwrap_err().kind, Kind::NotFound);
    assert_eq!(
        fake.requests()[0].path,
        "/v1/conversations/a%2Fb%20c%3Fd%23e"
    );
}

#[tokio::test]
async fn a_conversation_without_participants_is_the_callers() {
    let (fake, convore) = pair().await;
    for (tenant, user, id) in [
        ("t", Some("ann"), "t:ann"),
        ("u", Some("ann"), "u:ann"),
        ("t", None, "t:key-k"),
        ("email", Some("ann"), "email:ann"),
    ] {
        let cx = cx_of(tenant, user, Duration::from_secs(30));
        let made = convore
            .create_conversation(&cx, NewConversation::default())
            .await;
        let stored = fake.conversation(&made.unwrap().location.native).unwrap();
        let handle = &stored.participants[0].handle;
        assert_eq!(
            (handle.kind.as_str(), handle.value.as_str()),
            ("convore_chat", id)
        );
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_and_hides_its_key() {
    let config = ConvoreConfig::new("ftp://convore.example", "planted", "chnnl_1");
    assert!(!format!("{config:?}").contains("planted"));
    assert!(Convore::new("convore", &config).is_err());
    let config = ConvoreConfig::new("https://convore.example", "planted", " ");
    let error = Convore::new("convore", &config).unwrap_err();
    assert!(error.message.contains("channel"), "{error}");
}

//! Credentials, base URLs and what leaves the process.

use backend::{Backend, Kind, Origin, Outcome};
use conversation::NewConversation;
use sunshine::{JwtScope, Sunshine, SunshineConfig, SunshineCredentials};

use crate::fake::{APP_ID, FakeSunshine, Fault, KEY_ID, SECRET};
use crate::support::{config, create, credentials, cx, cx_of, pair};

async fn health_with(fake: &FakeSunshine, credentials: SunshineCredentials) -> bool {
    let config = SunshineConfig::new(fake.base_url(), APP_ID, credentials);
    let sunshine = Sunshine::new("sunshine", &config).unwrap();
    sunshine.health(&cx()).await.ok
}

fn jwt(secret: &str, scope: JwtScope) -> SunshineCredentials {
    SunshineCredentials::Jwt {
        key_id: KEY_ID.into(),
        secret: secret.into(),
        scope,
    }
}

#[tokio::test]
async fn a_key_and_a_token_signed_with_it_are_let_in_and_nothing_else_is() {
    let fake = FakeSunshine::start().await;
    assert!(health_with(&fake, credentials()).await);
    assert!(health_with(&fake, jwt(SECRET, JwtScope::App)).await);
    let wrong = "another secret that is long enough for a test";
    assert!(!health_with(&fake, jwt(wrong, JwtScope::App)).await);
    // The key belongs to an app.
    assert!(!health_with(&fake, jwt(SECRET, JwtScope::Account)).await);
    assert!(!health_with(&fake, SunshineCredentials::Token("stale".into())).await);
}

#[tokio::test]
async fn a_signed_token_is_sent_again_and_the_secret_never() {
    let fake = FakeSunshine::start().await;
    let config = SunshineConfig {
        credentials: jwt(SECRET, JwtScope::App),
        ..config(&fake)
    };
    let sunshine = Sunshine::new("sunshine", &config).unwrap();
    create(&sunshine).await;
    let sent: Vec<String> = fake
        .received()
        .into_iter()
        .map(|request| request.authorization)
        .collect();
    assert!(sent.len() > 1 && sent.iter().all(|header| *header == sent[0]));
    assert!(sent[0].starts_with("Bearer ") && !sent[0].contains(SECRET));
}

#[tokio::test]
async fn the_prefix_of_licensed_hosts_belongs_to_the_base_url() {
    let fake = FakeSunshine::start().await;
    let config = SunshineConfig {
        base_url: format!("{}/sc", fake.base_url()),
        ..config(&fake)
    };
    let sunshine = Sunshine::new("sunshine", &config).unwrap();
    create(&sunshine).await;
    let paths = fake.received();
    let wanted = format!("/sc/v2/apps/{APP_ID}/");
    assert!(
        paths
            .iter()
            .all(|request| request.path.starts_with(&wanted))
    );
}

#[tokio::test]
async fn a_refused_credential_is_ours_to_mend() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    for (status, code) in [(401, "unauthorized"), (403, "forbidden")] {
        fake.inject("GetConversation", Fault::Refuse { status, code });
        let error = sunshine.get_conversation(&cx(), &at).await.unwrap_err();
        assert_eq!(
            (error.kind, error.origin, error.outcome),
            (Kind::UpstreamAuth, Origin::Upstream, Outcome::NotApplied)
        );
    }
}

#[tokio::test]
async fn an_unknown_app_is_said_to_be_one() {
    let fake = FakeSunshine::start().await;
    let config = SunshineConfig {
        app_id: "65f0c0de5eed00000000ffff".into(),
        ..config(&fake)
    };
    let sunshine = Sunshine::new("sunshine", &config).unwrap();
    let health = sunshine.health(&cx()).await;
    assert!(!health.ok);
    assert!(health.detail.contains("app id"), "{}", health.detail);
}

#[tokio::test]
async fn every_tenants_users_are_its_own() {
    let (fake, sunshine) = pair().await;
    for (user, external) in [(Some("ann"), "t:ann"), (None, "t:key-k")] {
        sunshine
            .create_conversation(&cx_of(user), NewConversation::default())
            .await
            .unwrap();
        let users = fake.users();
        assert!(
            users
                .iter()
                .any(|user| user.external_id.value().is_some_and(|id| id == external))
        );
    }
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?} {:?}", credentials(), jwt(SECRET, JwtScope::App));
    assert!(
        !shown.contains(SECRET) && !shown.contains(KEY_ID),
        "{shown}"
    );
    let config = SunshineConfig::new("https://a.example", APP_ID, credentials());
    let sunshine = Sunshine::new("sunshine", &config).unwrap();
    let shown = format!("{sunshine:?} {config:?}");
    assert!(
        !shown.contains(SECRET) && !shown.contains(KEY_ID),
        "{shown}"
    );
}

#[test]
fn a_base_url_that_is_none_is_refused() {
    let config = SunshineConfig::new("no url", APP_ID, credentials());
    let error = Sunshine::new("sunshine", &config).unwrap_err();
    assert_eq!(error.operation, Some("configure"));
}

#[test]
fn words_of_the_configuration_are_read() {
    use sunshine::ImportMode;
    assert_eq!("post".parse(), Ok(ImportMode::Post));
    assert_eq!("overlay".parse(), Ok(ImportMode::Overlay));
    assert_eq!("account".parse(), Ok(JwtScope::Account));
    assert!("user".parse::<JwtScope>().is_err());
    assert!("no".parse::<ImportMode>().is_err());
}

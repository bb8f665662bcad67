//! Tokens: configured, fetched by login, renewed, and those of end users.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{CredentialName, Credentials};
use backend::{Backend, Context, Kind, Principal, Result, Scope};
use chatter::{Chatter, ChatterConfig, ChatterCredentials};
use conversation::NewConversation;
use secrecy::SecretString;

use crate::fake::{FakeChatter, FakeOptions, Generation};
use crate::support::{create, cx, paths};

fn with_login(fake: &FakeChatter, password: &str) -> Chatter {
    let login = ChatterCredentials::Login {
        username: FakeChatter::USERNAME.to_owned(),
        password: password.into(),
    };
    Chatter::new("chatter", &ChatterConfig::new(fake.base_url(), login), None).unwrap()
}

fn logins(fake: &FakeChatter) -> usize {
    paths(fake)
        .iter()
        .filter(|path| path.ends_with("/auth/login"))
        .count()
}

#[tokio::test]
async fn many_calls_share_one_login() {
    let fake = FakeChatter::start(Generation::V2).await;
    let chatter = with_login(&fake, FakeChatter::PASSWORD);
    futures_util::future::join_all((0..8).map(|_| create(&chatter))).await;
    assert_eq!(logins(&fake), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_repeated() {
    let fake = FakeChatter::start(Generation::V2).await;
    let chatter = with_login(&fake, FakeChatter::PASSWORD);
    let at = create(&chatter).await;
    fake.expire_tokens();
    chatter.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(logins(&fake), 2);
    fake.expire_tokens();
    crate::support::ask(&chatter, &at, "a stream renews too").await;
    assert_eq!(logins(&fake), 3);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let options = FakeOptions {
        token_lifetime: Duration::from_secs(0),
        ..FakeOptions::new(Generation::V2)
    };
    let fake = FakeChatter::start_with(options).await;
    let chatter = with_login(&fake, FakeChatter::PASSWORD);
    // A life of no seconds is over at once, so every call fetches a token of its own, and none of them works.
    let error = chatter
        .create_conversation(&cx(), NewConversation::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::UpstreamAuth);
    assert_eq!(
        logins(&fake),
        2,
        "one before the call, one after its refusal"
    );
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again_and_again() {
    let fake = FakeChatter::start(Generation::V2).await;
    let chatter = with_login(&fake, "wrong");
    for _ in 0..20 {
        let error = chatter
            .create_conversation(&cx(), NewConversation::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::UpstreamAuth);
    }
    assert_eq!(logins(&fake), 1);
}

#[tokio::test]
async fn a_refused_token_without_a_way_to_another_is_upstream_auth() {
    let fake = FakeChatter::start(Generation::V1NewFastApi).await;
    for credentials in [
        ChatterCredentials::None,
        ChatterCredentials::Token("expired".into()),
    ] {
        let chatter = Chatter::new(
            "chatter",
            &ChatterConfig::new(fake.base_url(), credentials),
            None,
        )
        .unwrap();
        let error = chatter
            .create_conversation(&cx(), NewConversation::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::UpstreamAuth);
        assert!(!chatter.health(&cx()).await.ok);
    }
}

#[tokio::test]
async fn no_secret_is_ever_printed() {
    let fake = FakeChatter::start(Generation::V2).await;
    let login = ChatterCredentials::Login {
        username: "user-name".to_owned(),
        password: "pass-word".into(),
    };
    for credentials in [login, ChatterCredentials::Token("to-ken".into())] {
        let config = ChatterConfig::new(fake.base_url(), credentials);
        let chatter = Chatter::new("chatter", &config, None).unwrap();
        let printed = format!("{config:?} {chatter:?}");
        for secret in ["user-name", "pass-word", "to-ken"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}

/// Tokens of end users, as the state keeps them.
struct Tokens(HashMap<CredentialName, SecretString>);

#[async_trait::async_trait]
impl Credentials for Tokens {
    async fn get(&self, name: &CredentialName) -> Result<Option<SecretString>> {
        Ok(self.0.get(name).cloned())
    }

    async fn put(&self, _name: &CredentialName, _secret: &SecretString) -> Result<()> {
        unreachable!("the adapter stores no tokens")
    }

    async fn remove(&self, _name: &CredentialName) -> Result<bool> {
        unreachable!("the adapter removes no tokens")
    }

    async fn names(&self) -> Result<Vec<CredentialName>> {
        Ok(self.0.keys().cloned().collect())
    }
}

#[tokio::test]
async fn an_end_users_own_token_makes_and_reaches_that_users_conversations() {
    let fake = FakeChatter::start(Generation::V2).await;
    let name = CredentialName::of_user("chatter", "t", "bob");
    let tokens = Tokens(HashMap::from([(
        name.clone(),
        FakeChatter::OTHER_TOKEN.into(),
    )]));
    let config = ChatterConfig::new(
        fake.base_url(),
        ChatterCredentials::Token(FakeChatter::TOKEN.into()),
    );
    let chatter = Chatter::new("chatter", &config, Some(Arc::new(tokens))).unwrap();
    let principal = Principal {
        tenant: "t".into(),
        key: "k".into(),
        user: Some("bob".into()),
        scopes: Scope::ALL.to_vec(),
    };
    let bob = Context::new(Arc::new(principal), "r", Duration::from_secs(30));
    let at = chatter
        .create_conversation(&bob, NewConversation::default())
        .await
        .unwrap()
        .location;
    assert_eq!(at.credential.as_deref(), Some(&*name.reference));
    // Whoever asks: the location says which token reaches it.
    chatter.get_conversation(&cx(), &at).await.unwrap();
    let others = backend::Location {
        credential: None,
        renamed: false,
        ..at
    };
    assert_eq!(
        chatter
            .get_conversation(&cx(), &others)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    let lost = backend::Location {
        credential: Some("user:t/nobody".into()),
        renamed: false,
        ..others
    };
    assert_eq!(
        chatter
            .get_conversation(&cx(), &lost)
            .await
            .unwrap_err()
            .kind,
        Kind::UpstreamAuth
    );
}

#[tokio::test]
async fn callers_of_a_tenant_share_its_token_where_they_have_none_of_their_own() {
    let fake = FakeChatter::start(Generation::V2).await;
    let bob = CredentialName::of_user("chatter", "t", "bob");
    let tokens = Tokens(HashMap::from([
        (bob.clone(), FakeChatter::TOKEN.into()),
        (
            adapterkit::of_tenant("chatter", "t"),
            FakeChatter::OTHER_TOKEN.into(),
        ),
    ]));
    let own = ChatterCredentials::Token("a token that nobody knows".into());
    let config = ChatterConfig::new(fake.base_url(), own);
    let chatter = Chatter::new("chatter", &config, Some(Arc::new(tokens))).unwrap();
    for (tenant, user, reference) in [
        ("t", Some("bob"), Some(&*bob.reference)),
        ("t", Some("ann"), Some("tenant:t")),
        ("t", None, Some("tenant:t")),
        ("u", Some("bob"), None),
    ] {
        let principal = Principal {
            tenant: tenant.into(),
            key: "k".into(),
            user: user.map(Into::into),
            scopes: Scope::ALL.to_vec(),
        };
        let cx = Context::new(Arc::new(principal), "r", Duration::from_secs(30));
        let made = chatter
            .create_conversation(&cx, NewConversation::default())
            .await;
        match reference {
            Some(reference) => {
                let at = made.unwrap().location;
                assert_eq!(
                    at.credential.as_deref(),
                    Some(reference),
                    "{tenant} {user:?}"
                );
            }
            // The backend's own is not known there.
            None => assert_eq!(made.unwrap_err().kind, Kind::UpstreamAuth),
        }
    }
}

//! Credentials of tenants and end users: who calls with which, and what a replaced one changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use backend::ports::{CredentialName, Credentials};
use backend::{Backend, Kind, Result};
use conversation::NewConversation;
use secrecy::SecretString;

use sunshine::{JwtScope, Sunshine, SunshineConfig, SunshineCredentials};

use crate::fake::{APP_ID, FakeSunshine, KEY_ID, SECRET};
use crate::support::{cx, cx_of};

/// Credentials as the gateway's state keeps them.
#[derive(Default)]
struct Stored(Mutex<HashMap<CredentialName, SecretString>>);

#[async_trait::async_trait]
impl Credentials for Stored {
    async fn get(&self, name: &CredentialName) -> Result<Option<SecretString>> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn put(&self, name: &CredentialName, secret: &SecretString) -> Result<()> {
        let mut stored = self.0.lock().unwrap();
        stored.insert(name.clone(), secret.clone());
        Ok(())
    }

    async fn remove(&self, name: &CredentialName) -> Result<bool> {
        Ok(self.0.lock().unwrap().remove(name).is_some())
    }

    async fn names(&self) -> Result<Vec<CredentialName>> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }
}

/// A backend whose own key the vendor does not know.
fn locked_out(fake: &FakeSunshine, credentials: SunshineCredentials) -> (Sunshine, Arc<Stored>) {
    let config = SunshineConfig::new(fake.base_url(), APP_ID, credentials);
    let stored = Arc::<Stored>::default();
    let sunshine = Sunshine::new("sunshine", &config).unwrap();
    (sunshine.with_stored(stored.clone()), stored)
}

fn unknown_key() -> SunshineCredentials {
    SunshineCredentials::Basic {
        key_id: "app_nobody".into(),
        secret: "nothing".into(),
    }
}

#[tokio::test]
async fn the_end_users_credential_comes_before_the_tenants_and_that_before_the_backends() {
    let fake = FakeSunshine::start().await;
    let (sunshine, stored) = locked_out(&fake, unknown_key());
    let create = async |user| {
        sunshine
            .create_conversation(&cx_of(user), NewConversation::default())
            .await
    };
    assert_eq!(
        create(Some("ann")).await.unwrap_err().kind,
        Kind::UpstreamAuth
    );

    let right = SecretString::from(format!("{KEY_ID}:{SECRET}"));
    let tenant = adapterkit::of_tenant("sunshine", "t");
    stored.put(&tenant, &right).await.unwrap();
    for user in [Some("ann"), None] {
        let made = create(user).await.unwrap().location;
        assert_eq!(made.credential.as_deref(), Some("tenant:t"));
        sunshine.get_conversation(&cx(), &made).await.unwrap();
    }

    let ann = CredentialName::of_user("sunshine", "t", "ann");
    stored.put(&ann, &right).await.unwrap();
    stored
        .put(&tenant, &"app_nobody:nothing".into())
        .await
        .unwrap();
    let made = create(Some("ann")).await.unwrap().location;
    assert_eq!(made.credential.as_deref(), Some("user:t/ann"));
    // The location says whose it is, whoever asks.
    sunshine
        .get_conversation(&cx_of(None), &made)
        .await
        .unwrap();
    let own = backend::Location {
        credential: None,
        ..made
    };
    let refused = sunshine.get_conversation(&cx(), &own).await.unwrap_err();
    assert_eq!(refused.kind, Kind::UpstreamAuth);
}

#[tokio::test]
async fn a_replaced_credential_is_the_next_calls_and_a_removed_one_is_missed() {
    let fake = FakeSunshine::start().await;
    let (sunshine, stored) = locked_out(&fake, unknown_key());
    let tenant = adapterkit::of_tenant("sunshine", "t");
    let right = SecretString::from(format!("{KEY_ID}:{SECRET}"));
    stored.put(&tenant, &right).await.unwrap();
    let made = sunshine
        .create_conversation(&cx(), NewConversation::default())
        .await
        .unwrap();
    for (secret, works) in [("app_nobody:nothing", false), ("a token", false)] {
        stored.put(&tenant, &secret.into()).await.unwrap();
        let read = sunshine.get_conversation(&cx(), &made.location).await;
        assert_eq!(read.is_ok(), works, "{secret}");
    }
    stored.put(&tenant, &right).await.unwrap();
    sunshine
        .get_conversation(&cx(), &made.location)
        .await
        .unwrap();
    assert!(stored.remove(&tenant).await.unwrap());
    let requests = fake.received().len();
    let missed = sunshine.get_conversation(&cx(), &made.location).await;
    assert_eq!(missed.unwrap_err().kind, Kind::UpstreamAuth);
    assert_eq!(
        fake.received().len(),
        requests,
        "the vendor was asked without a credential"
    );
}

#[tokio::test]
async fn a_stored_key_signs_tokens_where_the_backends_own_does() {
    let fake = FakeSunshine::start().await;
    let own = SunshineCredentials::Jwt {
        key_id: "app_nobody".into(),
        secret: "a secret that is long enough for a test".into(),
        scope: JwtScope::App,
    };
    let (sunshine, stored) = locked_out(&fake, own);
    let tenant = adapterkit::of_tenant("sunshine", "t");
    let right = SecretString::from(format!("{KEY_ID}:{SECRET}"));
    stored.put(&tenant, &right).await.unwrap();
    let made = sunshine
        .create_conversation(&cx(), NewConversation::default())
        .await;
    assert_eq!(
        made.unwrap().location.credential.as_deref(),
        Some("tenant:t")
    );
}

//! Credentials of tenants and end users: who calls with which, and what a replaced one changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backend::ports::{CredentialName, Credentials, remove_credential};
use backend::{Applied, Backend, Context, Intent, Kind, Outcome, Result, Settled, Write};
use conversation::{NewConversation, Time};
use secrecy::SecretString;

use convore::{Convore, ConvoreConfig};

use crate::fake::{FakeConvore, Fault};
use crate::support::{by_mail, cx};

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
fn locked_out(fake: &FakeConvore, channel: &str) -> (Convore, Arc<Stored>) {
    let config = ConvoreConfig::new(fake.base_url(), "another key", channel);
    let stored = Arc::<Stored>::default();
    let convore = Convore::new("convore", &config).unwrap();
    (convore.with_stored(stored.clone()), stored)
}

#[tokio::test]
async fn the_end_users_key_comes_before_the_tenants_and_that_before_the_backends() {
    let fake = FakeConvore::start().await;
    let (convore, stored) = locked_out(&fake, FakeConvore::CHANNEL);
    let create = async || convore.create_conversation(&cx(), by_mail()).await;
    assert_eq!(create().await.unwrap_err().kind, Kind::UpstreamAuth);

    let tenant = adapterkit::of_tenant("convore", "t");
    stored.put(&tenant, &FakeConvore::KEY.into()).await.unwrap();
    let made = create().await.unwrap().location;
    assert_eq!(made.credential.as_deref(), Some("tenant:t"));

    let ann = CredentialName::of_user("convore", "t", "ann");
    stored.put(&ann, &FakeConvore::KEY.into()).await.unwrap();
    stored.put(&tenant, &"another key".into()).await.unwrap();
    let hers = create().await.unwrap().location;
    assert_eq!(hers.credential.as_deref(), Some("user:t/ann"));
    convore.get_conversation(&cx(), &hers).await.unwrap();
    // The tenant's was replaced: the next call says so, and the next after it is right again.
    let refused = convore.get_conversation(&cx(), &made).await.unwrap_err();
    assert_eq!(refused.kind, Kind::UpstreamAuth);
    stored.put(&tenant, &FakeConvore::KEY.into()).await.unwrap();
    convore.get_conversation(&cx(), &made).await.unwrap();

    assert!(stored.remove(&tenant).await.unwrap());
    let requests = fake.requests().len();
    let missed = convore.get_conversation(&cx(), &made).await.unwrap_err();
    assert_eq!(missed.kind, Kind::UpstreamAuth);
    assert_eq!(
        fake.requests().len(),
        requests,
        "the vendor was asked without a key"
    );
}

#[tokio::test]
async fn a_key_of_another_account_brings_its_channel() {
    let fake = FakeConvore::start().await;
    let (convore, stored) = locked_out(&fake, "chnnl_of_the_other_account");
    let tenant = adapterkit::of_tenant("convore", "t");
    let both = format!("{} {}", FakeConvore::KEY, FakeConvore::CHANNEL);
    stored.put(&tenant, &both.into()).await.unwrap();
    let new = NewConversation {
        labels: vec!["vip".into()],
        ..by_mail()
    };
    let made = convore.create_conversation(&cx(), new).await.unwrap();
    let held = fake.conversation(&made.location.native).unwrap();
    assert_eq!(held.channel_id, FakeConvore::CHANNEL);
    assert_eq!(made.conversation.labels, ["vip".into()]);
}

#[tokio::test]
async fn a_lost_create_is_looked_for_with_every_credential_that_it_can_have_been_sent_with() {
    let fake = FakeConvore::start().await;
    let mut config = ConvoreConfig::new(fake.base_url(), FakeConvore::KEY, FakeConvore::CHANNEL);
    config.settle_after = Duration::ZERO;
    let stored = Arc::<Stored>::default();
    let convore = Convore::new("convore", &config).unwrap();
    let convore = convore.with_stored(stored.clone());
    let (made, never) = (cx(), cx());
    let noted = |cx: &Context, started_at: Time| Intent {
        id: cx.intent,
        location: None,
        write: Write::CreateConversation(by_mail()),
        started_at,
        deadline_at: started_at.saturating_add_micros(1_000_000),
    };
    let begun = Time::now();
    fake.inject("POST", "/v1/conversations", Fault::CutAfter);
    let lost = convore.create_conversation(&made, by_mail()).await;
    assert_eq!(lost.unwrap_err().outcome, Outcome::Unknown);

    // The tenant gets a key of its own meanwhile: what is chosen now is not what was chosen then.
    let tenant = adapterkit::of_tenant("convore", "t");
    stored.put(&tenant, &"another key".into()).await.unwrap();
    let settled = convore.settle(&made, &noted(&made, begun)).await.unwrap();
    let Settled::Applied(Applied::Conversation(found)) = settled else {
        panic!("{settled:?}");
    };
    assert_eq!(found.location.credential, None);

    // One of them sees nothing any more, so nobody can say that it was not done.
    let long_ago = begun.saturating_add_micros(-3_600_000_000);
    let settled = convore.settle(&never, &noted(&never, long_ago)).await;
    assert!(matches!(settled.unwrap(), Settled::Unknown));
    assert!(stored.remove(&tenant).await.unwrap());
    let settled = convore.settle(&never, &noted(&never, long_ago)).await;
    assert!(matches!(settled.unwrap(), Settled::NotApplied));

    // Nor where one was removed since it was sent: what it has made, nobody sees.
    stored.put(&tenant, &FakeConvore::KEY.into()).await.unwrap();
    let removed = remove_credential(&*stored, &tenant).await;
    assert!(removed.unwrap());
    assert!(!remove_credential(&*stored, &tenant).await.unwrap());
    let settled = convore.settle(&never, &noted(&never, long_ago)).await;
    assert!(matches!(settled.unwrap(), Settled::Unknown));
}

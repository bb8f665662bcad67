//! What the tests share: an adapter on a fake, callers, and short forms of calls.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Bootstraps, CredentialName, Credentials};
use backend::{
    Backend, Context, ConversationQuery, Event, Location, Page, PageRequest, Principal,
    RespondRequest, Result, Scope,
};
use conversation::{Message, NewConversation, NewMessage, Role, text_of};
use datamonkey::{Datamonkey, DatamonkeyConfig};
use futures_util::StreamExt;
use secrecy::SecretString;

use crate::credentials::MemoryCredentials;
use crate::fake::{FakeDatamonkey, FakeOptions};

/// The vendor's name of the user whose token reaches a conversation.
pub(crate) fn subject_of(at: &Location) -> String {
    let reference = at.credential.as_deref().unwrap();
    reference.split_once('@').unwrap().0.to_owned()
}

/// The backend's name.
pub(crate) const NAME: &str = "monkey";

/// A fake, the state's tokens, and an adapter between them.
pub(crate) struct Pair {
    pub(crate) fake: FakeDatamonkey,
    pub(crate) credentials: Arc<MemoryCredentials>,
    pub(crate) datamonkey: Datamonkey,
}

impl Pair {
    pub(crate) async fn new() -> Self {
        Self::with(FakeOptions::default(), |_| {}).await
    }

    pub(crate) async fn with(
        options: FakeOptions,
        change: impl FnOnce(&mut DatamonkeyConfig),
    ) -> Self {
        let fake = FakeDatamonkey::start_with(options).await;
        let credentials = Arc::<MemoryCredentials>::default();
        let mut config = DatamonkeyConfig::new(fake.base_url());
        change(&mut config);
        let datamonkey = Datamonkey::new(NAME, &config, credentials.clone()).unwrap();
        Self {
            fake,
            credentials,
            datamonkey,
        }
    }

    /// With the server's signing key.
    pub(crate) async fn signing(options: FakeOptions) -> Self {
        Self::with(options, |config| {
            config.signing_key = Some(FakeDatamonkey::KEY.into());
        })
        .await
    }

    /// Another process on the same state.
    pub(crate) fn restarted(&self) -> Datamonkey {
        let config = DatamonkeyConfig::new(self.fake.base_url());
        Datamonkey::new(NAME, &config, self.credentials.clone()).unwrap()
    }

    /// A replica on the same state.
    pub(crate) fn replica(&self, leases: Arc<dyn backend::ports::Leases>) -> Datamonkey {
        let config = DatamonkeyConfig::new(self.fake.base_url());
        Datamonkey::among_replicas(NAME, &config, self.credentials.clone(), leases).unwrap()
    }

    pub(crate) async fn create(&self) -> Location {
        self.create_as(&cx()).await
    }

    pub(crate) async fn create_as(&self, cx: &Context) -> Location {
        self.datamonkey
            .create_conversation(cx, NewConversation::default())
            .await
            .unwrap()
            .location
    }

    /// The token that this user's conversations are made with.
    pub(crate) async fn token(&self, user: &str) -> Option<String> {
        use secrecy::ExposeSecret as _;
        let name = CredentialName::of_user(NAME, "t", user);
        let secret = self.credentials.get(&name).await.unwrap();
        secret.map(|secret| secret.expose_secret().to_owned())
    }

    /// Stores a token as if it had come from a bootstrap, under both names.
    pub(crate) async fn put_token(&self, user: &str, subject: &str, token: &str) {
        let name = CredentialName::of_user(NAME, "t", user);
        let secret = SecretString::from(token.to_owned());
        let identity = CredentialName {
            backend: NAME.into(),
            reference: format!("{subject}@{}", name.reference).into(),
        };
        self.credentials.put(&name, &secret).await.unwrap();
        self.credentials.put(&identity, &secret).await.unwrap();
    }

    /// How many bootstraps are not known to be deleted.
    pub(crate) async fn open_bootstraps(&self) -> usize {
        self.credentials.bootstraps(NAME).await.unwrap().len()
    }

    /// The titles that this caller's list shows, oldest first; empty for none.
    pub(crate) async fn listed(&self, cx: &Context) -> Vec<String> {
        titles(&self.datamonkey, cx).await
    }

    /// Methods and paths of everything that was asked, without the API's prefix.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.fake
            .requests()
            .into_iter()
            .map(|request| {
                format!(
                    "{} {}",
                    request.method,
                    request.path.trim_start_matches("/api/v1")
                )
            })
            .collect()
    }
}

pub(crate) async fn titles(datamonkey: &Datamonkey, cx: &Context) -> Vec<String> {
    let page = datamonkey
        .list_conversations(cx, &ConversationQuery::all(1000))
        .await
        .unwrap();
    page.page
        .items
        .into_iter()
        .map(|located| {
            located
                .conversation
                .title
                .map_or(String::new(), String::from)
        })
        .collect()
}

pub(crate) fn cx() -> Context {
    cx_of("ada")
}

pub(crate) fn cx_of(user: &str) -> Context {
    cx_for(user, Duration::from_secs(30))
}

pub(crate) fn cx_for(user: &str, timeout: Duration) -> Context {
    let principal = Principal {
        tenant: "t".into(),
        key: "k".into(),
        user: Some(user.into()),
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "request-1", timeout)
}

pub(crate) fn titled(title: &str) -> NewConversation {
    NewConversation {
        title: Some(title.into()),
        ..NewConversation::default()
    }
}

pub(crate) fn question(text: &str) -> RespondRequest {
    RespondRequest {
        input: Some(NewMessage::text(Role::User, text)),
        ..RespondRequest::default()
    }
}

pub(crate) async fn events(
    datamonkey: &Datamonkey,
    at: &Location,
    request: RespondRequest,
) -> Result<Vec<Event>> {
    let stream = datamonkey.respond(&cx(), at, request).await?;
    Ok(stream.collect().await)
}

/// Asks and gives the stored answer.
pub(crate) async fn ask(datamonkey: &Datamonkey, at: &Location, text: &str) -> Message {
    let events = events(datamonkey, at, question(text)).await.unwrap();
    match events.into_iter().last() {
        Some(Event::MessageCompleted(message)) => *message,
        other => panic!("no answer: {other:?}"),
    }
}

pub(crate) async fn all(datamonkey: &Datamonkey, at: &Location) -> Vec<Message> {
    page(datamonkey, at, PageRequest::first(1000)).await.items
}

pub(crate) async fn page(
    datamonkey: &Datamonkey,
    at: &Location,
    request: PageRequest,
) -> Page<Message> {
    datamonkey.list_messages(&cx(), at, &request).await.unwrap()
}

pub(crate) fn texts(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| text_of(&message.parts))
        .collect()
}

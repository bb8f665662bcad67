//! Which user of the vendor an end user is, and how a new one comes to be.
//!
//! The vendor has no login: a create without a token makes a user, whose token comes with the answer. A create with a
//! token that is not accepted does the same without saying so, and the conversation is the new user's. So a token is
//! looked at before it is sent, and a first conversation is made only to get a token.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use adapterkit::{Failure, of_tenant};
use backend::ports::{CredentialName, Held, Leases};
use backend::{Context, Error, Kind, Location, Outcome, Result};
use conversation::Time;
use secrecy::SecretString;
use tokio::sync::{Mutex, MutexGuard};

use super::Datamonkey;
use super::tokens::{Token, is_subject, sign};
use crate::client::{Caller, Created};
use crate::error::{ACCESS_ENDED, Call};
use crate::wire::CreateRequest;

/// The title of a conversation that is made only to get a token.
const BOOTSTRAP_TITLE: &str = "dragoman bootstrap";
/// How many locks all users share. Two users who share one wait for each other only while a token is fetched.
const LOCKS: usize = 256;

/// Locks by user: a user's first creates make one user of the vendor together.
pub(super) struct Locks {
    here: Box<[Mutex<()>]>,
    /// Held as well where other processes make users: those of this process wait for each other without asking the state.
    everywhere: Option<Arc<dyn Leases>>,
}

impl Locks {
    pub(super) fn new(everywhere: Option<Arc<dyn Leases>>) -> Self {
        Self {
            here: (0..LOCKS).map(|_| Mutex::default()).collect(),
            everywhere,
        }
    }

    async fn hold(&self, user: &CredentialName, patience: Duration) -> Result<Making<'_>> {
        let mut hasher = DefaultHasher::new();
        user.reference.hash(&mut hasher);
        let number = usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or_default();
        let here = self.here[number].lock().await;
        let everywhere = match &self.everywhere {
            Some(leases) => {
                let name = format!("identity/{}/{}", user.backend, user.reference);
                Some(Held::take(leases, &name, patience).await?)
            }
            None => None,
        };
        Ok(Making { here, everywhere })
    }
}

/// Who may make a user of the vendor for an end user.
struct Making<'a> {
    #[expect(dead_code, reason = "held until it is dropped")]
    here: MutexGuard<'a, ()>,
    everywhere: Option<Held>,
}

impl Making<'_> {
    /// Makes sure that nobody else may by now.
    async fn still(&self) -> Result<()> {
        match &self.everywhere {
            Some(held) => held.outlast_a_heartbeat().await,
            None => Ok(()),
        }
    }
}

/// The name of the token of one user of the vendor, as one end user of ours reaches it. Never that of another end user,
/// whatever they are called: end users may have an `@` in their names, and no subject has the `:` of `user:`.
fn identity_name(user: &CredentialName, subject: &str) -> CredentialName {
    CredentialName {
        backend: user.backend.clone(),
        reference: format!("{subject}@{}", user.reference).into(),
    }
}

/// Whether a reference is that of a user of the vendor whom this end user reaches.
pub(super) fn is_identity_of(reference: &str, user: &CredentialName) -> bool {
    reference
        .split_once('@')
        .is_some_and(|(subject, of)| is_subject(subject) && of == &*user.reference)
}

/// A user of the vendor, as an end user of ours reaches it.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The reference that its conversations carry.
    pub(super) reference: Box<str>,
    /// Its token.
    pub(super) token: Token,
}

/// How one conversation is reached.
pub(super) struct Reach<'a> {
    pub(super) caller: Caller,
    pub(super) at: &'a Location,
    pub(super) operation: &'static str,
}

impl Reach<'_> {
    pub(super) fn native(&self) -> &str {
        &self.at.native
    }
}

impl Datamonkey {
    /// The name of the token that new conversations of this end user are made with.
    pub(super) fn user_name(&self, cx: &Context) -> CredentialName {
        let user = cx.principal.user_or_key();
        CredentialName::of_user(self.name(), &cx.principal.tenant, &user)
    }

    pub(super) fn identity(&self, user: &CredentialName, token: Token) -> Identity {
        Identity {
            reference: identity_name(user, &token.subject).reference,
            token,
        }
    }

    /// The stored token. One that cannot be read is as good as none.
    pub(super) async fn stored(&self, name: &CredentialName) -> Result<Option<Token>> {
        let secret = self.0.credentials.get(name).await;
        let Some(secret) = secret.map_err(|error| error.outcome(Outcome::NotApplied))? else {
            return Ok(None);
        };
        let token = Token::read(secret).ok();
        if token.is_none() {
            tracing::warn!(
                backend.name = self.name(),
                "a stored token of datamonkey cannot be read"
            );
        }
        Ok(token)
    }

    /// The stored token where the server still takes it, or one that we sign for the same user.
    pub(super) async fn token_of(&self, name: &CredentialName) -> Result<Option<Token>> {
        match self.stored(name).await? {
            Some(token) => self.usable(token),
            None => Ok(None),
        }
    }

    pub(super) fn usable(&self, token: Token) -> Result<Option<Token>> {
        let now = Time::now();
        match &self.0.signing_key {
            Some(key) if !token.lives_long(now, self.skew_micros()) => {
                sign(key, &token.subject).map(Some)
            }
            _ => Ok(Some(token).filter(|token| token.lives(now))),
        }
    }

    /// How a conversation is reached, by the token that its location names; without one by the end user's own.
    pub(super) async fn reach<'a>(
        &self,
        cx: &Context,
        at: &'a Location,
        operation: &'static str,
    ) -> Result<Reach<'a>> {
        let not_found = || Error::conversation_not_found().at(self.name(), operation);
        if !can_be_an_id(&at.native) || self.is_bootstrap(&at.native).await? {
            return Err(not_found());
        }
        let name = match &at.credential {
            Some(reference) => CredentialName {
                backend: self.name().into(),
                reference: reference.clone(),
            },
            None => self.user_name(cx),
        };
        let Some(stored) = self.stored(&name).await? else {
            if at.credential.is_none() {
                // Whoever never had a token has no conversations.
                return Err(not_found());
            }
            let message = "the token of this conversation's user is missing or cannot be read";
            return Err(Error::new(Kind::UpstreamAuth, message).at(self.name(), operation));
        };
        let token = match self.replaced_by_operator(&name).await? {
            Some(token) => token,
            None => self.usable(stored)?.ok_or_else(|| self.ended(operation))?,
        };
        Ok(Reach {
            caller: Caller {
                deadline: cx.deadline,
                token: Some(token.secret),
            },
            at,
            operation,
        })
    }

    /// The token that has been set since for the same user of the vendor, where the server takes it: the next call is made
    /// with it.
    async fn replaced_by_operator(&self, name: &CredentialName) -> Result<Option<Token>> {
        let Some((subject, of)) = name.reference.split_once('@') else {
            return Ok(None);
        };
        if !is_subject(subject) {
            return Ok(None);
        }
        let of = CredentialName {
            backend: name.backend.clone(),
            reference: of.into(),
        };
        let set = self.stored(&of).await?;
        match set.filter(|token| token.subject == subject) {
            Some(token) => self.usable(token),
            None => Ok(None),
        }
    }

    pub(super) fn ended(&self, operation: &'static str) -> Error {
        Error::new(Kind::AccessEnded, ACCESS_ENDED).at(self.name(), operation)
    }

    /// The error of a call in a conversation.
    pub(super) fn failed_at(&self, failure: Failure, reach: &Reach<'_>, call: Call) -> Error {
        let token = reach.caller.token.as_ref();
        self.failed(failure, reach.operation, call, token)
    }

    /// The identity that new conversations are made with: the stored one where its token lives long enough, else a
    /// new one. True where it is new.
    pub(super) async fn identity_for_create(
        &self,
        caller: &Caller,
        user: &CredentialName,
    ) -> Result<(Identity, bool)> {
        if let Some(identity) = self.long_living(user).await? {
            return Ok((identity, false));
        }
        let making = self.hold(caller, user).await?;
        // Another call may have made one meanwhile.
        if let Some(identity) = self.long_living(user).await? {
            return Ok((identity, false));
        }
        Ok((self.bootstrap(caller, user, &making).await?, true))
    }

    /// The identity that the tenant's callers share, where its token lives long enough; `None` where there is none, or
    /// the caller has one of their own.
    pub(super) async fn tenant_identity(
        &self,
        cx: &Context,
    ) -> Result<Option<(CredentialName, Identity)>> {
        if self.stored(&self.user_name(cx)).await?.is_some() {
            return Ok(None);
        }
        let tenant = of_tenant(self.name(), &cx.principal.tenant);
        let identity = self.long_living(&tenant).await?;
        Ok(identity.map(|identity| (tenant, identity)))
    }

    async fn hold(&self, caller: &Caller, user: &CredentialName) -> Result<Making<'_>> {
        let late = || {
            let message =
                "another call fetches this user's token from datamonkey, and is not done yet";
            Error::new(Kind::Timeout, message).outcome(Outcome::NotApplied)
        };
        let patience = caller.deadline.saturating_duration_since(Instant::now());
        let held = self.0.locks.hold(user, patience);
        match tokio::time::timeout_at(caller.deadline.into(), held).await {
            Ok(Ok(making)) => Ok(making),
            Ok(Err(error)) if error.kind == Kind::Busy => Err(late()),
            Ok(Err(error)) => Err(error.outcome(Outcome::NotApplied)),
            Err(_) => Err(late()),
        }
    }

    async fn long_living(&self, user: &CredentialName) -> Result<Option<Identity>> {
        let token = self.token_of(user).await?;
        match token.filter(|token| token.lives_long(Time::now(), self.skew_micros())) {
            Some(token) => self.known_identity(user, token).await.map(Some),
            None => Ok(None),
        }
    }

    /// The identity behind the token of an end user. Its conversations will name it: one whose token an operator has set
    /// by hand gets its own name here.
    pub(super) async fn known_identity(
        &self,
        user: &CredentialName,
        token: Token,
    ) -> Result<Identity> {
        let name = identity_name(user, &token.subject);
        if self.token_of(&name).await?.is_none() {
            let put = self.0.credentials.put(&name, &token.secret).await;
            put.map_err(|error| error.outcome(Outcome::NotApplied))?;
        }
        Ok(self.identity(user, token))
    }

    /// A new user of the vendor. What fails here has made nothing of what the caller wants.
    async fn bootstrap(
        &self,
        caller: &Caller,
        user: &CredentialName,
        making: &Making<'_>,
    ) -> Result<Identity> {
        let caller = Caller {
            token: None,
            ..caller.clone()
        };
        let request = CreateRequest::titled(Some(BOOTSTRAP_TITLE));
        let created = self
            .client()
            .create_conversation(&caller, &request)
            .await
            .map_err(|failure| {
                self.failed(failure, "bootstrap", Call::Create, None)
                    .outcome(Outcome::NotApplied)
            })?;
        let Some(secret) = created.new_token else {
            let message = "datamonkey made a conversation without a token and gave none";
            return Err(Error::new(Kind::InvalidResponse, message)
                .outcome(Outcome::NotApplied)
                .at(self.name(), "bootstrap"));
        };
        let identity = self.identity(user, self.new_token(secret)?);
        if let Err(error) = making.still().await {
            // Another process may have made one: the user of the vendor that it keeps must stay.
            self.leave(&caller, &identity, &created.conversation.id)
                .await;
            return Err(error.outcome(Outcome::NotApplied));
        }
        self.adopt(&caller, user, &identity, &created.conversation.id)
            .await
            .map_err(|error| error.outcome(Outcome::NotApplied))?;
        Ok(identity)
    }

    fn new_token(&self, secret: SecretString) -> Result<Token> {
        Token::read(secret).map_err(|error| error.at(self.name(), "bootstrap"))
    }

    /// The server did not take `used` and made a new user, whose conversation is as good as a bootstrap: the identity
    /// to go on with.
    pub(super) async fn replaced(
        &self,
        caller: &Caller,
        user: &CredentialName,
        used: &Identity,
        created: &Created,
        secret: SecretString,
    ) -> Result<Identity> {
        self.count_replaced();
        let identity = self.identity(user, self.new_token(secret)?);
        let making = self.hold(caller, user).await?;
        // Parallel creates are replaced together: they go on with the first new identity.
        if let Some(current) = self.long_living(user).await?
            && current.token.subject != used.token.subject
        {
            self.leave(caller, &identity, &created.conversation.id)
                .await;
            return Ok(current);
        }
        making
            .still()
            .await
            .map_err(|error| error.outcome(Outcome::NotApplied))?;
        self.adopt(caller, user, &identity, &created.conversation.id)
            .await
            .map_err(|error| error.outcome(Outcome::NotApplied))?;
        Ok(identity)
    }

    /// The server does not take a token that it has just given.
    pub(super) async fn replaced_again(
        &self,
        caller: &Caller,
        user: &CredentialName,
        created: &Created,
        secret: SecretString,
    ) -> Error {
        self.count_replaced();
        if let Ok(token) = self.new_token(secret) {
            let identity = self.identity(user, token);
            self.leave(caller, &identity, &created.conversation.id)
                .await;
        }
        let message = "datamonkey takes none of its own tokens and makes a new user each time: does a proxy drop the header `user_token`?";
        Error::new(Kind::UpstreamAuth, message).outcome(Outcome::NotApplied)
    }

    /// Deletes the conversation of an identity that is kept nowhere. Where that fails nobody can reach it.
    async fn leave(&self, caller: &Caller, identity: &Identity, native: &str) {
        let caller = Caller {
            token: Some(identity.token.secret.clone()),
            ..caller.clone()
        };
        if self
            .client()
            .delete_conversation(&caller, native)
            .await
            .is_err()
        {
            tracing::warn!(
                backend.name = self.name(),
                conversation.native = native,
                "a conversation that belongs to nobody could not be deleted"
            );
        }
    }

    fn count_replaced(&self) {
        self.0.replaced.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            backend.name = self.name(),
            "datamonkey did not take a valid token and made a new user: this user's earlier conversations may be out of reach"
        );
    }

    /// A user of the vendor can be gone although its tokens live: the server forgets users after 30 idle days, with all
    /// their conversations (seen in its source, commit 8fa7f84), or was set up anew with the same key. Then it fails to
    /// make new ones (measured). One without any conversation may be replaced without loss.
    pub(super) async fn replace_forgotten(
        &self,
        caller: &Caller,
        user: &CredentialName,
        used: &Identity,
    ) -> Result<Option<Identity>> {
        let caller = Caller {
            token: Some(used.token.secret.clone()),
            ..caller.clone()
        };
        let Ok(list) = self.client().list_conversations(&caller).await else {
            return Ok(None);
        };
        // One that cannot be read is one all the same.
        let is_empty = list.answer.conversations.value().is_some_and(Vec::is_empty);
        if !is_empty || !list.is_complete() {
            return Ok(None);
        }
        let making = self.hold(&caller, user).await?;
        if let Some(current) = self.long_living(user).await?
            && current.token.subject != used.token.subject
        {
            return Ok(Some(current));
        }
        self.bootstrap(&caller, user, &making).await.map(Some)
    }
}

/// Whether the route table of the server would take this for one id: anything else answers as an unknown path.
fn can_be_an_id(native: &str) -> bool {
    !matches!(native, "" | "." | "..")
        && !native
            .chars()
            .any(|character| character == '/' || character.is_control())
}

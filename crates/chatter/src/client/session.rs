//! Tokens: taken from the configuration, or fetched by login and renewed before they expire.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::{Access, Caller, ChatterClient, Failure};
use crate::config::ChatterCredentials;
use crate::wire::{LoginRequest, Member};

/// How long before its end a token is renewed; half its life where that is shorter.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// How long after a refused login no other is tried: the server allows ten in five minutes.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(30);

/// The backend's own way to a token.
pub(super) struct Session {
    credentials: ChatterCredentials,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<(SecretString, Instant)>,
    refused_until: Option<Instant>,
}

impl Session {
    pub(super) fn new(credentials: ChatterCredentials) -> Self {
        Self {
            credentials,
            state: Mutex::default(),
        }
    }

    /// The token of this call; none where the backend has none of its own.
    pub(super) async fn token(
        &self,
        client: &ChatterClient,
        caller: &Caller,
    ) -> Result<Option<SecretString>, Failure> {
        match (&caller.access, &self.credentials) {
            (Access::Token(token), _) | (Access::Own, ChatterCredentials::Token(token)) => {
                Ok(Some(token.clone()))
            }
            (Access::Own, ChatterCredentials::None) => Ok(None),
            (Access::Own, ChatterCredentials::Login { username, password }) => {
                // The lock is held while logging in, so that many calls make one login.
                let mut state = self.state.lock().await;
                state
                    .token(client, caller, username, password)
                    .await
                    .map(Some)
            }
        }
    }

    /// A new token in place of one that the server refused; none where there is no way to another.
    pub(super) async fn renewed(
        &self,
        client: &ChatterClient,
        caller: &Caller,
        refused: &SecretString,
    ) -> Result<Option<SecretString>, Failure> {
        let (Access::Own, ChatterCredentials::Login { username, password }) =
            (&caller.access, &self.credentials)
        else {
            return Ok(None);
        };
        let mut state = self.state.lock().await;
        // Another call may have renewed it meanwhile.
        if state
            .token
            .as_ref()
            .is_some_and(|(token, _)| token.expose_secret() == refused.expose_secret())
        {
            state.token = None;
        }
        state
            .token(client, caller, username, password)
            .await
            .map(Some)
    }
}

impl State {
    async fn token(
        &mut self,
        client: &ChatterClient,
        caller: &Caller,
        username: &str,
        password: &SecretString,
    ) -> Result<SecretString, Failure> {
        let now = Instant::now();
        if let Some((token, until)) = &self.token
            && *until > now
        {
            return Ok(token.clone());
        }
        if self.refused_until.is_some_and(|until| until > now) {
            return Err(Failure::LoginRefused);
        }
        let request = LoginRequest {
            username: Member::Value(username.to_owned()),
            email: Member::Absent,
            password: password.expose_secret().to_owned(),
            extra: Default::default(),
        };
        match client.login(caller, &request).await {
            Ok(answer) => {
                let life = Duration::from_secs(answer.expires_in);
                let token = SecretString::from(answer.access_token);
                self.token = Some((token.clone(), now + life - RENEW_BEFORE.min(life / 2)));
                self.refused_until = None;
                Ok(token)
            }
            Err(Failure::Refused(refusal)) if matches!(refusal.status, 401 | 403 | 422) => {
                self.refused_until = Some(now + PAUSE_AFTER_REFUSAL);
                Err(Failure::LoginRefused)
            }
            Err(failure) => Err(failure),
        }
    }
}

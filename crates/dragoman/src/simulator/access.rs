//! How a simulator is reached: its address, and credentials in its vendor's own form.

use std::net::SocketAddr;
use std::sync::Arc;

use backend::Scope;
use backend::ports::Keys as _;
use keys::{KeyRequest, NewKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use store::State;

use super::{Settings, base_url};
use crate::config::{
    AnonymousConfig, BackendKind, DatamonkeyFacadeConfig, FacadesConfig, Name, Secret,
};
use crate::failure::Failure;
use crate::signing;

/// The tenant to which everything in a simulator belongs.
const TENANT: &str = "simulated";
/// The id of the app that a simulator has.
const APP_ID: &str = "5d8cff3cd55b040010928b5b";
/// More users than anybody makes in a minute.
const SESSIONS_PER_MINUTE: u32 = 1_000_000;

/// What opens a simulator, before its address is known.
pub(super) struct Made {
    vendor: BackendKind,
    key: NewKey,
    /// Signs tokens, where the vendor has signed ones.
    signing_key: Option<SecretString>,
}

impl Made {
    /// Makes a key with every scope.
    pub(super) async fn new(vendor: BackendKind, state: &Arc<State>) -> Result<Self, Failure> {
        let key = NewKey::generate(KeyRequest {
            tenant: TENANT.into(),
            name: "of the simulator".into(),
            scopes: Scope::ALL.to_vec(),
            user: None,
            expires_at: None,
        })
        .map_err(Failure::runtime)?;
        state.insert(&key.record).await.map_err(Failure::runtime)?;
        let signing_key = match vendor {
            BackendKind::Sunshine => Some(signing::make(&**state, &key.record.id).await?),
            BackendKind::Datamonkey => Some(signing::secret()?),
            BackendKind::Store | BackendKind::Chatter | BackendKind::Convore => None,
        };
        Ok(Self {
            vendor,
            key,
            signing_key,
        })
    }

    /// The facade's configuration.
    pub(super) fn facade_config(
        &self,
        settings: &Settings,
        address: SocketAddr,
    ) -> Result<FacadesConfig, Failure> {
        let mut config = FacadesConfig::default();
        config.chatter.requests_per_minute = settings.requests_per_minute.unwrap_or(0);
        let tenant = Name::try_from(TENANT.to_owned()).map_err(Failure::runtime)?;
        config.datamonkey = DatamonkeyFacadeConfig {
            signing_key: self
                .signing_key
                .as_ref()
                .map(|key| Secret::from(key.expose_secret().to_owned())),
            anonymous: Some(AnonymousConfig {
                tenant: Some(tenant),
                sessions_per_minute: Some(SESSIONS_PER_MINUTE),
            }),
            ..DatamonkeyFacadeConfig::default()
        };
        config.sunshine.public_url = Some(base_url(address).try_into().map_err(Failure::runtime)?);
        Ok(config)
    }

    /// How the simulator is reached.
    pub(super) fn reached_at(&self, address: SocketAddr) -> Access {
        let key = self.key.key.expose_secret();
        let signing = self.signing_key.as_ref();
        Access {
            vendor: self.vendor.as_str(),
            base_url: base_url(address),
            key: key.to_owned(),
            key_id: self.key.record.id.to_string(),
            secret: key.rsplit('_').next().unwrap_or_default().to_owned(),
            app_id: (self.vendor == BackendKind::Sunshine).then(|| APP_ID.to_owned()),
            channel_id: (self.vendor == BackendKind::Convore)
                .then(|| convore::facade::first_channel_id(TENANT)),
            signing_key: signing.map(|key| key.expose_secret().to_owned()),
        }
    }
}

/// How a simulator is reached. It holds secrets that are worth nothing elsewhere.
#[derive(Clone, Serialize)]
pub(crate) struct Access {
    /// The vendor's kind.
    pub(crate) vendor: &'static str,
    /// The vendor's address, for a backend's `base_url` or an SDK.
    pub(crate) base_url: String,
    /// The whole key: Chatter's and Convore's bearer token, Datamonkey's `user_token`.
    pub(crate) key: String,
    /// The key's id: the user name of Sunshine's Basic authentication.
    pub(crate) key_id: String,
    /// The key's secret: the password that belongs to it.
    pub(crate) secret: String,
    /// Sunshine's app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app_id: Option<String>,
    /// Convore's first channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel_id: Option<String>,
    /// Signs Datamonkey's sessions, and Sunshine's tokens with the key's id as `kid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signing_key: Option<String>,
}

impl Access {
    /// The simulator as a backend in a configuration file.
    pub(crate) fn as_backend(&self) -> String {
        let Self {
            vendor,
            base_url,
            key,
            key_id,
            secret,
            ..
        } = self;
        let mut text = format!(
            "[[backend]]\nname = \"{vendor}\"\nkind = \"{vendor}\"\nbase_url = \"{base_url}\"\n"
        );
        match (&self.app_id, &self.channel_id, &self.signing_key) {
            (Some(app), ..) => text.push_str(&format!(
                "app_id = \"{app}\"\nkey_id = \"{key_id}\"\nkey_secret = \"{secret}\"\n"
            )),
            (_, Some(channel), _) => {
                text.push_str(&format!("token = \"{key}\"\nchannel_id = \"{channel}\"\n"));
            }
            (_, _, Some(signing)) => text.push_str(&format!("signing_key = \"{signing}\"\n")),
            (None, None, None) => text.push_str(&format!("token = \"{key}\"\n")),
        }
        text
    }

    /// A first call to paste.
    pub(crate) fn first_call(&self) -> String {
        let Self {
            base_url,
            key,
            key_id,
            secret,
            ..
        } = self;
        match (&self.app_id, self.vendor) {
            (Some(app), _) => format!(
                "curl -u {key_id}:{secret} -H 'content-type: application/json' \
                 -d '{{\"externalId\":\"jane\"}}' {base_url}/v2/apps/{app}/users"
            ),
            (None, "datamonkey") => {
                format!("curl -i -H 'user_token: {key}' {base_url}/api/v1/chat")
            }
            (None, "convore") => {
                format!("curl -H 'authorization: Bearer {key}' {base_url}/v1/channels")
            }
            (None, _) => {
                format!("curl -H 'authorization: Bearer {key}' {base_url}/api/v1/conversations/")
            }
        }
    }
}

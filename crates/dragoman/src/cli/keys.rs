//! `dragoman keys`: makes, lists and revokes API keys in the state.

use std::collections::BTreeMap;

use backend::Scope;
use backend::ports::KeyRecord;
use conversation::Time;
use keys::{KeyRequest, NewKey};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::arguments::{CreateKey, KeysCommand, Listing, RevokeKey};
use super::beside::with_state;
use super::{listings, print};
use crate::config::Name;
use crate::failure::Failure;
use crate::signing;

/// Runs one of the key commands.
pub(super) fn run(
    command: &KeysCommand,
    variables: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    match command {
        KeysCommand::Create(create) => {
            let key = NewKey::generate(create.to_request()?).map_err(Failure::runtime)?;
            let signing = with_state(&create.source, variables, async |open, _| {
                // The secret first: without its key it opens nothing.
                let signing = match create.signing {
                    true => Some(signing::make(&*open.state, &key.record.id).await?),
                    false => None,
                };
                let inserted = open.keys().insert(&key.record).await;
                inserted.map_err(Failure::runtime)?;
                Ok(signing)
            })?;
            show_new(&key, signing.as_ref(), create.json)
        }
        KeysCommand::List(listing) => {
            let records = with_state(&listing.source, variables, async |open, _| {
                open.keys().list(None).await.map_err(Failure::runtime)
            })?;
            show_list(&records, listing)
        }
        KeysCommand::Revoke(revoke) => {
            let id = revoke.key_id();
            let revoked = with_state(&revoke.source, variables, async |open, _| {
                let revoked = open.keys().revoke(id, Time::now()).await;
                let revoked = revoked.map_err(Failure::runtime)?;
                // Also that of a key which was revoked elsewhere.
                signing::remove(&*open.state, id).await?;
                Ok(revoked)
            })?;
            if !revoked {
                return Err(Failure::with_help(
                    format!("no valid key has the id {id}"),
                    "`dragoman keys list` shows the ids, and which keys are revoked",
                ));
            }
            print::out(&format!(
                "{id}: revoked, servers refuse it within 5 seconds\n"
            ))?;
            Ok(())
        }
    }
}

impl CreateKey {
    fn to_request(&self) -> Result<KeyRequest, Failure> {
        let tenant = Name::try_from(self.tenant.clone()).map_err(|rule| Failure::Usage {
            message: "the tenant cannot be used".to_owned(),
            help: rule,
        })?;
        Ok(KeyRequest {
            tenant: tenant.as_str().into(),
            name: self.name.as_deref().unwrap_or_default().into(),
            scopes: scopes(&self.scopes, self.user.is_some())?,
            user: self.user.as_deref().map(Into::into),
            expires_at: self.expires.as_deref().map(expiry).transpose()?,
        })
    }
}

/// A time that has not passed: a key that never works would only puzzle its owner.
fn expiry(text: &str) -> Result<Time, Failure> {
    let refused = |message: String| Failure::Usage {
        message,
        help: "write a later time such as 2030-01-31T00:00:00Z".to_owned(),
    };
    let time: Time = text
        .parse()
        .map_err(|error| refused(format!("--expires: {error}")))?;
    if time <= Time::now() {
        return Err(refused("--expires: this time has passed".to_owned()));
    }
    Ok(time)
}

impl RevokeKey {
    fn key_id(&self) -> &str {
        self.id.strip_prefix("drg_").unwrap_or(&self.id)
    }
}

/// The scopes that the words name. Where there is no word all of them but the one that lends the vendors' credentials,
/// and for an end user's key without the one that reaches every tenant.
fn scopes(words: &[String], of_user: bool) -> Result<Vec<Scope>, Failure> {
    if words.is_empty() {
        let all = Scope::ALL.iter().copied();
        return Ok(all
            .filter(|scope| *scope != Scope::Passthrough && !(of_user && *scope == Scope::Admin))
            .collect());
    }
    words
        .iter()
        .map(|word| {
            let known = Scope::ALL.iter().find(|scope| scope.as_str() == word);
            known.copied().ok_or_else(|| Failure::Usage {
                message: format!("`{word}` is no scope"),
                help: format!("known scopes: {}", spelled(Scope::ALL).join(", ")),
            })
        })
        .collect()
}

fn spelled(scopes: &[Scope]) -> Vec<&'static str> {
    scopes.iter().map(|scope| scope.as_str()).collect()
}

/// A key in a list, or a new one with its text.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<&'a str>,
    tenant: &'a str,
    name: &'a str,
    scopes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Time>,
}

impl<'a> Row<'a> {
    fn of(record: &'a KeyRecord) -> Self {
        Self {
            id: &record.id,
            key: None,
            signing_secret: None,
            tenant: &record.tenant,
            name: &record.name,
            scopes: spelled(&record.scopes),
            user: record.user.as_deref(),
            created_at: record.created_at,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
        }
    }
}

fn show_new(key: &NewKey, signing: Option<&SecretString>, json: bool) -> Result<(), Failure> {
    let text = key.key.expose_secret();
    let signing = signing.map(ExposeSecret::expose_secret);
    if json {
        let row = Row {
            key: Some(text),
            signing_secret: signing,
            ..Row::of(&key.record)
        };
        return Ok(print::out(&listings::to_json(&row)?)?);
    }
    let mut shown = format!("{text}\n");
    if let Some(signing) = signing {
        let id = &key.record.id;
        shown.push_str(&format!("signing key id {id}\nsigning secret {signing}\n"));
    }
    Ok(print::out(&shown)?)
}

fn show_list(records: &[KeyRecord], listing: &Listing) -> Result<(), Failure> {
    if listing.json {
        let rows: Vec<Row<'_>> = records.iter().map(Row::of).collect();
        return Ok(print::out(&listings::to_json(&rows)?)?);
    }
    let mut table =
        listings::table(&["id", "tenant", "user", "name", "scopes", "created", "state"]);
    for record in records {
        let state = match (record.revoked_at, record.is_active(Time::now())) {
            (Some(_), _) => "revoked",
            (None, true) => "valid",
            (None, false) => "expired",
        };
        table.add_row([
            &*record.id,
            &*record.tenant,
            record.user.as_deref().unwrap_or_default(),
            &*record.name,
            &spelled(&record.scopes).join(","),
            &record.created_at.to_string(),
            state,
        ]);
    }
    Ok(print::out(&(table.trim_fmt() + "\n"))?)
}

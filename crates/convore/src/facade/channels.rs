//! `/v1/channels`, as far as a client needs one to make conversations.
//!
//! Backends have no channels. Every tenant has a first one; a conversation may be made in any other, which then is one:
//! a program that names its channel goes on as it is.

use std::collections::BTreeMap;

use adapterkit::{Extra, Member, Raw};
use axum::extract::State;
use backend::{Error, Kind};
use conversation::{ConversationId, Time};
use serde::Deserialize;

use super::App;
use super::answer::{Answer, Listed, Problem, Shown};
use super::body::{Json, unknown_word};
use super::call::{Call, Id};
use super::ids::{new_id, typed_id};
use super::labels::of_all_users;
use super::objects::{About, Objects};
use super::people;
use super::query::{PAGE_MAX, Query};
use crate::wire::{
    Channel, ChannelAddress, ChannelCreate, ChannelStatus, ChannelUpdate, ContactHandleType,
    ProviderType, spelled_time,
};

const CHANNEL: &str = "channel";
/// The longest id of a channel, in bytes.
const ID_MAX_BYTES: usize = 128;
/// The domains of the vendor's own mail.
const MAIL_DOMAINS: [&str; 4] = [
    "convoreapplication.com",
    "convoremail.com",
    "test.convoreapplication.com",
    "test.convoremail.com",
];

/// Set-up of the vendor's own mail.
#[derive(Deserialize)]
struct Mail {
    sender_name: Option<String>,
    address: Option<String>,
}

/// The id of a tenant's first channel.
pub(super) fn first_id(tenant: &str) -> String {
    let bits = ConversationId::derive("convore.channel", tenant).bits();
    typed_id("chnnl_", bits)
}

/// Makes sure that there is such a channel.
pub(super) async fn ensure(app: &App, tenant: &str, id: &str) -> Result<(), Problem> {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if id.is_empty() || id.len() > ID_MAX_BYTES || !id.bytes().all(is_safe) {
        return Err(not_found());
    }
    let known = format!("{CHANNEL}/{tenant}/{id}");
    if app.memory.get(&known).is_some() {
        return Ok(());
    }
    let objects = Objects::new(app, tenant, CHANNEL);
    let now = Time::now();
    let channel = Channel {
        id: id.to_owned(),
        connector_id: typed_id(
            "cnntr_",
            ConversationId::derive("convore.connector", tenant).bits(),
        ),
        provider: ProviderType::ConvoreChat,
        name: app.config.channel_name.to_string(),
        addresses: vec![address(ContactHandleType::ConvoreChat, id)],
        status: ChannelStatus::Active,
        created_at: spelled_time(now),
        convore_mail: Member::Absent,
        ses: Member::Absent,
        extra: Extra::new(),
    };
    // One that is there already stays.
    objects
        .insert(id, None, &channel, now, About::nobody())
        .await?;
    app.memory.put(&known, "");
    Ok(())
}

fn address(kind: ContactHandleType, value: &str) -> ChannelAddress {
    ChannelAddress {
        name: Member::Absent,
        handle: people::handle(kind, value),
        is_primary: Member::Value(true),
        extra: Extra::new(),
    }
}

/// The address that a channel's messages are sent from.
pub(super) async fn sender(
    app: &App,
    tenant: &str,
    id: &str,
) -> Result<crate::wire::MessageParticipant, Problem> {
    let found = Objects::new(app, tenant, CHANNEL)
        .get::<Channel>(id)
        .await?;
    let first = found.and_then(|object| object.document.addresses.into_iter().next());
    let first = first.unwrap_or_else(|| address(ContactHandleType::ConvoreChat, id));
    Ok(crate::wire::MessageParticipant {
        name: Member::from(first.name.into_value()),
        handle: first.handle,
        role: crate::wire::MessageParticipantRole::From,
        extra: Extra::new(),
    })
}

/// `GET /v1/channels`
pub(super) async fn list(
    State(app): State<App>,
    call: Call,
    query: Query,
) -> Answer<Listed<Channel>> {
    let asked = query.read(&["cursor", "limit"], &[])?;
    let limit = asked.limit(PAGE_MAX)?;
    ensure(&app, call.tenant(), &first_id(call.tenant())).await?;
    let objects = Objects::new(&app, call.tenant(), CHANNEL);
    let (found, next) = objects.fitting(asked.cursor(), limit, |_| true).await?;
    let listed = Listed::new(found, next);
    Ok(Shown(match asked.cursor() {
        None => listed.of_total(objects.count().await?),
        Some(_) => listed,
    }))
}

/// `POST /v1/channels`
pub(super) async fn create(
    State(app): State<App>,
    call: Call,
    Json(request): Json<ChannelCreate>,
) -> Answer<Channel> {
    of_all_users(&call)?;
    let name = request.name.value().map_or("", String::as_str);
    people::check_length("name", name)?;
    people::check_length("connector_id", &request.connector_id)?;
    if request.connector_id.is_empty() {
        return Err(Problem::bad("connector_id: may not be empty"));
    }
    let id = new_id("chnnl_");
    let mail = match request.convore_mail.value() {
        Some(raw) => Some(mail(raw)?),
        None => None,
    };
    let mut convore_mail = Member::Absent;
    let (provider, addresses) = match mail {
        Some(Mail {
            sender_name: Some(name),
            address: Some(mail),
        }) if is_mail_address(&mail) => {
            people::check_length("convore_mail/sender_name", &name)?;
            convore_mail = Member::Value(set_up(&name, &mail)?);
            let address = ChannelAddress {
                name: Member::Value(name),
                ..address(ContactHandleType::Email, &mail)
            };
            (ProviderType::ConvoreMail, vec![address])
        }
        Some(_) => {
            return Err(Problem::bad(
                "convore_mail: sender_name and an address at one of the vendor's domains are needed",
            ));
        }
        None if request.ses.value().is_some() => (ProviderType::Ses, Vec::new()),
        None => (
            ProviderType::ConvoreChat,
            vec![address(ContactHandleType::ConvoreChat, &id)],
        ),
    };
    let now = Time::now();
    let name = request.name.into_value();
    let channel = Channel {
        id,
        connector_id: request.connector_id,
        provider,
        name: name.unwrap_or_else(|| app.config.channel_name.to_string()),
        addresses,
        status: ChannelStatus::Active,
        created_at: spelled_time(now),
        convore_mail,
        ses: Member::Absent,
        extra: Extra::new(),
    };
    let objects = Objects::new(&app, call.tenant(), CHANNEL);
    let about = About::nobody();
    objects
        .insert(&channel.id, None, &channel, now, about)
        .await?;
    Ok(Shown(channel))
}

/// `GET /v1/channels/{channel_id}`
pub(super) async fn get(State(app): State<App>, call: Call, Id(id): Id) -> Answer<Channel> {
    if id == first_id(call.tenant()) {
        ensure(&app, call.tenant(), &id).await?;
    }
    let found = Objects::new(&app, call.tenant(), CHANNEL).get(&id).await?;
    Ok(Shown(found.ok_or_else(not_found)?.document))
}

/// `PATCH /v1/channels/{channel_id}`
pub(super) async fn update(
    State(app): State<App>,
    call: Call,
    Id(id): Id,
    Json(request): Json<ChannelUpdate>,
) -> Answer<Channel> {
    of_all_users(&call)?;
    if let Some(name) = request.name.value() {
        people::check_length("name", name)?;
    }
    if let Some(ChannelStatus::Other(_)) = request.status.value() {
        return Err(unknown_word("status"));
    }
    let sender_name = match request.convore_mail.value() {
        Some(raw) => mail(raw)?.sender_name,
        None => None,
    };
    if id == first_id(call.tenant()) {
        ensure(&app, call.tenant(), &id).await?;
    }
    let objects = Objects::new(&app, call.tenant(), CHANNEL);
    let renamed = match &sender_name {
        Some(name) => {
            people::check_length("convore_mail/sender_name", name)?;
            let found = objects.get::<Channel>(&id).await?;
            let mut channel = found.ok_or_else(not_found)?.document;
            rename_sender(&mut channel, name)?;
            Some((channel.convore_mail, channel.addresses))
        }
        None => None,
    };
    let changed = objects
        .change(&id, |channel: &mut Channel| {
            if let Some((set_up, addresses)) = &renamed {
                channel.convore_mail.clone_from(set_up);
                channel.addresses.clone_from(addresses);
            }
            if let Some(name) = request.name.value() {
                channel.name.clone_from(name);
            }
            if let Some(status) = request.status.value() {
                channel.status = status.clone();
            }
            None
        })
        .await?;
    Ok(Shown(changed.ok_or_else(not_found)?))
}

fn mail(raw: &Raw) -> Result<Mail, Problem> {
    raw.decode()
        .map_err(|_| Problem::bad("convore_mail: an object with texts is needed"))
}

fn rename_sender(channel: &mut Channel, name: &str) -> Result<(), Problem> {
    let Some(raw) = channel.convore_mail.value() else {
        return Ok(());
    };
    if let Some(address) = mail(raw)?.address {
        channel.convore_mail = Member::Value(set_up(name, &address)?);
        if let Some(first) = channel.addresses.first_mut() {
            first.name = Member::Value(name.to_owned());
        }
    }
    Ok(())
}

/// Set-up of the vendor's own mail as it is shown.
fn set_up(sender_name: &str, address: &str) -> Result<Raw, Problem> {
    let members = BTreeMap::from([("sender_name", sender_name), ("address", address)]);
    Raw::encode(&members).map_err(|error| {
        Problem::from(Error::new(Kind::Internal, "a channel cannot be written").source(error))
    })
}

/// Five letters or digits at least, at one of the vendor's domains.
fn is_mail_address(address: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    address.split_once('@').is_some_and(|(name, domain)| {
        name.len() >= 5 && name.bytes().all(is_plain) && MAIL_DOMAINS.contains(&domain)
    })
}

fn not_found() -> Problem {
    Problem::not_found("channel not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_are_the_vendors() {
        assert!(is_mail_address("inbox1@test.convoremail.com"));
        for bad in [
            "abcd@convoremail.com",
            "Inbox1@convoremail.com",
            "inbox1@x.test",
            "inbox",
        ] {
            assert!(!is_mail_address(bad), "{bad}");
        }
    }

    #[test]
    fn each_tenant_has_a_first_channel_of_its_own() {
        assert_eq!(first_id("a"), first_id("a"));
        assert_ne!(first_id("a"), first_id("b"));
        assert!(first_id("a").starts_with("chnnl_"));
    }
}

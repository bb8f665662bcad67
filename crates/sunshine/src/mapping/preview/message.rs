//! Messages that are posted or imported.

use adapterkit::Fates;
use conversation::{
    Direction, MessageStatus, NewMessage, Participant, ParticipantKind, Role, Side,
};

use super::checks::{check_face, check_id, check_metadata};
use super::parts;

/// Why internal messages stay away.
const DELIVERS: &str =
    "sunshine delivers what it stores: it takes messages of the user and of the assistant only";

pub(super) fn post(new: &NewMessage, fates: &mut Fates) -> NewMessage {
    let mut new = said(new, fates);
    if new.sent_at.take().is_some() {
        fates.reject("/sent_at", "a post is said now");
    }
    new
}

pub(super) fn import(new: &NewMessage, fates: &mut Fates) -> NewMessage {
    let new = said(new, fates);
    if new.sent_at.is_some() {
        fates.convert(
            "/sent_at",
            "kept in sunshine's metadata: the message's place is that of the import",
        );
    }
    new
}

/// What posts and imports have in common.
fn said(new: &NewMessage, fates: &mut Fates) -> NewMessage {
    let mut new = new.clone();
    match (&new.role, new.effective_direction()) {
        (Role::User, Direction::Inbound) | (Role::Assistant, Direction::Outbound) => {}
        (Role::User | Role::Assistant, _) => fates.refuse(
            "/direction",
            "on sunshine the user's messages are inbound and the assistant's outbound",
        ),
        _ => fates.refuse("/role", DELIVERS),
    }
    let is_user = new.role != Role::Assistant;
    new.author = new
        .author
        .take()
        .and_then(|author| author_of(author, is_user, fates));
    fates.take("/recipients", &mut new.recipients);
    fates.take("/subject", &mut new.subject);
    new.parts = parts::held(&new.parts, is_user, fates);
    fates.take("/in_reply_to", &mut new.in_reply_to);
    if new
        .status
        .as_ref()
        .is_some_and(|status| *status != MessageStatus::Sent)
    {
        fates.reject("/status", "sunshine keeps no state of a message");
    }
    new.status = None;
    fates.take("/rating", &mut new.rating);
    fates.take("/usage", &mut new.usage);
    fates.take("/model", &mut new.model);
    fates.take("/provider", &mut new.provider);
    fates.take("/finish_reason", &mut new.finish_reason);
    fates.take("/latency_ms", &mut new.latency_ms);
    fates.take_members("/source", &mut new.source);
    check_metadata("/metadata", &mut new.metadata, false, fates);
    fates.take("/client_message_id", &mut new.client_message_id);
    fates.take("/edited_at", &mut new.edited_at);
    fates.take_extensions("/extensions", &mut new.extensions);
    new
}

/// What is left of an author: a name and a picture; which user; whether the business is an AI.
fn author_of(author: Participant, is_user: bool, fates: &mut Fates) -> Option<Participant> {
    let mut author = author;
    let side = if is_user {
        Side::Customer
    } else {
        Side::Business
    };
    if author.side.as_ref().is_some_and(|given| *given != side) {
        fates.reject(
            "/author/side",
            "on sunshine users write for the customer and the assistant for the business",
        );
    }
    author.side = Some(side);
    if !is_user {
        if author.id.take().is_some() {
            fates.reject(
                "/author/id",
                "sunshine knows the business' authors by name only",
            );
        }
        if matches!(
            author.kind,
            ParticipantKind::Person | ParticipantKind::Bot | ParticipantKind::System
        ) {
            author.kind = ParticipantKind::Unknown;
            fates.convert(
                "/author/kind",
                "sunshine is told of ai only, and finds out people and bots itself",
            );
        }
    } else if !matches!(
        author.kind,
        ParticipantKind::Person | ParticipantKind::Unknown
    ) {
        author.kind = ParticipantKind::Person;
        fates.reject("/author/kind", "sunshine's users are persons");
    }
    check_id("/author", &mut author, fates);
    check_face("/author", &mut author, fates);
    fates.take("/author/handles", &mut author.handles);
    Some(author)
}

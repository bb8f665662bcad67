//! `GET /v1/conversations` with every filter. Values of one parameter are alternatives; parameters must all fit.

use axum::extract::State;
use backend::{ConversationQuery, Cursor, Order, PageRequest, Position, SortKey};
use conversation::Conversation;

use super::answer::{Answer, Listed, Shown};
use super::call::Call;
use super::query::{PAGE_MAX, Query};
use super::wanted::Wanted;
use super::{App, show};
use crate::wire;

const KNOWN: &[&str] = &[
    "channel_id",
    "status",
    "statuses",
    "label_ids",
    "has_no_label",
    "has_drafts",
    "has_messages",
    "has_outbound_messages",
    "contact_handle_token",
    "contact_handle_tokens",
    "created_at_before",
    "created_at_after",
    "last_message_date_before",
    "last_message_date_after",
    "cursor",
    "limit",
];
/// Parameters that are repeated and hold any text.
const TEXTS: &[&str] = &["label_ids", "contact_handle_token", "contact_handle_tokens"];
/// Pages of the directory that are looked at for one page; it may be short, and still not the last.
const SCANNED_PAGES_MAX: usize = 20;
/// Pages of messages that are looked at for one page, and conversations where messages are looked at.
const MESSAGE_PAGES_MAX: usize = 100;

/// `GET /v1/conversations`, newest first.
pub(super) async fn list(
    State(app): State<App>,
    call: Call,
    query: Query,
) -> Answer<Listed<wire::Conversation>> {
    let asked = query.read(KNOWN, TEXTS)?;
    let limit = asked.limit(PAGE_MAX)?;
    let wanted = Wanted::read(&app, &call, &asked).await?;
    if wanted.is_nothing() {
        return Ok(Shown(Listed::new(Vec::new(), None).of_total(0)));
    }
    let mut query = ConversationQuery {
        filter: wanted.filter(),
        // Complete whatever is written meanwhile.
        sort: SortKey::CreatedAt,
        page: PageRequest {
            limit,
            order: Order::Desc,
            position: asked
                .cursor()
                .map(|cursor| Position::After(Cursor::from(cursor))),
        },
    };
    let mut found: Vec<Conversation> = Vec::new();
    let mut next = None;
    let mut message_pages = 0;
    let steps_max = match wanted.is_of_messages() {
        true => MESSAGE_PAGES_MAX,
        false => SCANNED_PAGES_MAX,
    };
    for _ in 0..steps_max {
        // As many as still fit in: the cursor then stands right behind the last one. One by one where each costs pages
        // of messages.
        query.page.limit = match wanted.is_of_messages() {
            true => 1,
            false => limit - found.len(),
        };
        let backend = &app.parts.backend;
        let page = backend.list_conversations(&call.cx, &query).await?.page;
        next = page.next;
        for located in page.items {
            let conversation = located.conversation;
            let is_older = |after| conversation.created_at < after;
            if wanted.since().is_some_and(is_older) {
                next = None;
                break;
            }
            if wanted.fits(&conversation, call.tenant())
                && wanted
                    .has_messages(&app, &call.cx, &conversation, &mut message_pages)
                    .await?
            {
                found.push(conversation);
            }
        }
        match &next {
            Some(next) if found.len() < limit && message_pages < MESSAGE_PAGES_MAX => {
                query.page = query.page.after(next.clone());
            }
            _ => break,
        }
    }
    let shown: Vec<&Conversation> = found.iter().collect();
    let rows = show::conversations(&app, &call.cx, &shown).await?;
    let next = next.map(|cursor| cursor.as_str().to_owned());
    let mut listed = Listed::new(rows, next);
    if wanted.is_of_directory() {
        let total = app.parts.directory.count(&call.cx.principal, &query);
        listed = listed.of_total(total.await?);
    }
    Ok(Shown(listed.counted(asked.cursor())))
}

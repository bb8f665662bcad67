//! What is kept of a person apart from conversations.

use backend::ports::{CredentialName, Erased, RosterEntry};
use uuid::Uuid;

use crate::backend::voter_of_user;
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, params};
use crate::state::ledger::migrations;
use crate::state::{explanations, facades};

/// True for the reference `?1`, for the note that it was removed, and for that of a vendor's user whom `?1` reaches:
/// `<vendor's user>@?1`, where no vendor's user has a `:`, so that nobody's name can look like it.
const IS_OF: &str = "(reference = ?1 OR reference = 'removed:' || ?1 OR (substr(reference, instr(reference, '@') + 1) = ?1 \
     AND instr(reference, '@') > 0 AND instr(substr(reference, 1, instr(reference, '@')), ':') = 0))";

/// The messages of embedded backends on which a person voted. There may be very many votes, so they are looked for where
/// nobody waits.
pub(super) fn votes(connection: &Connection, person: &RosterEntry) -> Attempt<Vec<i64>> {
    let messages = connection
        .prepare_cached("SELECT message FROM ratings WHERE principal = ?1")?
        .query_map(
            params![voter_of_user(&person.tenant, &person.user)],
            |row| row.get(0),
        )?
        .collect::<crate::sql::Result<_>>()?;
    Ok(messages)
}

pub(super) fn erase(
    connection: &Connection,
    person: &RosterEntry,
    votes: &[i64],
) -> Attempt<Erased> {
    let RosterEntry { tenant, user } = person;
    let reference = CredentialName::of_user("", tenant, user).reference;
    let remove = |sql: &str| -> Attempt<u64> {
        Ok(connection
            .prepare_cached(sql)?
            .execute(params![reference])? as u64)
    };
    remove(&format!("DELETE FROM bootstraps WHERE {IS_OF}"))?;
    remove("DELETE FROM discoveries WHERE credential = ?1")?;
    let credentials = remove(&format!("DELETE FROM credentials WHERE {IS_OF}"))?;
    // The secrets that sign in the name of their keys.
    let signing = connection
        .prepare_cached(
            "DELETE FROM credentials WHERE reference IN \
             (SELECT 'signing/' || id FROM keys WHERE tenant = ?1 AND \"user\" = ?2) AND backend LIKE 'facade/%'",
        )?
        .execute(params![tenant, user])? as u64;
    // Answers to others show them too, as participants and authors: an answer's body is JSON within JSON.
    let named = format!("\"id\":{}", json::to_text("name", user)?);
    let named_in_text = json::to_text("name", &named)?;
    let named_in_text = &named_in_text[1..named_in_text.len() - 1];
    // Before the keys go: those name whose answers are theirs. No key has a `/` in its id.
    let answers = connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE tenant = ?1 AND ((instr(caller, '/') > 0 \
             AND substr(caller, instr(caller, '/') + 1) = ?2) \
             OR caller IN (SELECT id FROM keys WHERE tenant = ?1 AND \"user\" = ?2) \
             OR instr(intent, ?3) > 0 OR instr(answer, ?3) > 0 OR instr(answer, ?4) > 0)",
        )?
        .execute(params![tenant, user, named, named_in_text])? as u64;
    let keys = connection
        .prepare_cached("DELETE FROM keys WHERE tenant = ?1 AND \"user\" = ?2")?
        .execute(params![tenant, user])? as u64;
    let intents = connection
        .prepare_cached(
            "DELETE FROM intents WHERE record ->> '$.principal.tenant' = ?1 \
             AND record ->> '$.principal.user' = ?2 AND migration IS NULL",
        )?
        .execute(params![tenant, user])? as u64;
    // The votes stay, and nobody knows any more whose they are.
    let voter = voter_of_user(tenant, user);
    for message in votes {
        let nobody = voter_of_user("", &Uuid::now_v7().simple().to_string());
        connection
            .prepare_cached(
                "UPDATE ratings SET principal = ?3 WHERE message = ?1 AND principal = ?2",
            )?
            .execute(params![message, voter, nobody])?;
    }
    Ok(Erased {
        kept: facades::erase_person(connection, tenant, user)?
            + explanations::erase_tenant(connection, tenant)?,
        answers,
        intents,
        ledger: migrations::leave_rosters(connection, person)?,
        credentials: credentials + signing,
        keys,
        ..Erased::default()
    })
}

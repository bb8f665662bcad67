//! `dragoman erase`: removes everything of one person, and shows the receipt.

mod keeping;

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use backend::ports::RosterEntry;
use migration::Receipt;

use self::keeping::Keeping;
use super::arguments::EraseFlags;
use super::client::{Database, Reached, with_gateway};
use super::ending::Ending;
use super::shown::{count, thousands};
use super::{listings, print};
use crate::failure::Failure;

/// The status of an answer that came before the end.
const GOES_ON: u16 = 202;
/// The pause before it is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// Erases a person.
pub(super) fn run(
    flags: &EraseFlags,
    variables: &BTreeMap<String, String>,
) -> Result<Ending, Failure> {
    if !flags.yes {
        ask(flags)?;
    }
    let person = RosterEntry {
        tenant: flags.tenant.as_str().into(),
        user: flags.user.as_str().into(),
    };
    let keeping = flags.receipt.as_deref().map(Keeping::at).transpose()?;
    with_gateway(
        &flags.server,
        variables,
        "erase",
        Database::MustExist,
        async |reached| {
            let receipt = erased(reached, &person).await?;
            let document = listings::to_json(&receipt)?;
            if let Some(keeping) = keeping {
                keeping.keep(&document)?;
            }
            print::out(&if flags.json { document } else { text(&receipt) })?;
            let is_all = receipt.is_complete && receipt.still_held.is_empty();
            Ok(Ending::unless(!is_all))
        },
    )
}

/// Asks until it has come to its end: a vendor may be slow.
async fn erased(reached: &Reached, person: &RosterEntry) -> Result<Receipt, Failure> {
    loop {
        let asking = reached.api.post(&["erasures"]).json(person)?;
        let answer = asking.raw().await?;
        if answer.status() != GOES_ON {
            return reached.api.read(&answer);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn text(receipt: &Receipt) -> String {
    let of = |owned: bool| {
        let of = receipt.conversations.iter();
        of.filter(|conversation| conversation.owned == owned)
            .count() as u64
    };
    let rows = &receipt.erased;
    let mut text = format!(
        "{} of {}: {} erased, {} of others rid of them; removed here: {} kept fields and messages, {}, \
         {}, {}\n",
        receipt.user,
        receipt.tenant,
        count(of(true), "conversation"),
        count(of(false), "conversation"),
        thousands(rows.kept),
        count(rows.attachments, "attachment"),
        count(rows.answers, "stored answer"),
        count(rows.credentials + rows.keys, "credential or key"),
    );
    for held in &receipt.still_held {
        text.push_str(&format!(
            "! still held by {}: {}",
            held.backend, held.conversation
        ));
        if let Some(message) = &held.message {
            text.push_str(&format!(", message {message}"));
        }
        text.push_str(&format!(": {} -> {}\n", held.detail, held.next_step));
    }
    for what in &receipt.not_reached {
        text.push_str(&format!("not reached: {what}\n"));
    }
    if !receipt.is_complete {
        text.push_str("not complete: the same command again tries what is left\n");
    }
    text
}

/// Asks whether it is meant, where somebody can answer.
fn ask(flags: &EraseFlags) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage(
            "nobody can be asked here whether to erase",
            "add --yes; there is no way back",
        ));
    }
    print::error(&format!(
        "This deletes what {} of {} wrote and owns, here and at the vendors. There is no way back.\n\
         Type the user's name to go on: ",
        flags.user, flags.tenant
    ));
    let mut line = String::new();
    stdin
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::runtime(format!("standard input cannot be read: {error}")))?;
    if line.trim() == flags.user {
        return Ok(());
    }
    Err(Failure::left(
        "nothing was erased",
        "another name was typed",
    ))
}

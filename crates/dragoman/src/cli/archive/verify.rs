//! `dragoman verify`: reads an archive whole and says what is wrong with it. Needs no gateway.

use conversation::Digest;
use migration::archive::{self, Damage, Verified};
use serde::Serialize;

use super::directory::Directory;
use crate::cli::arguments::VerifyFlags;
use crate::cli::ending::Ending;
use crate::cli::shown::count;
use crate::cli::{listings, print};
use crate::failure::Failure;

/// More damages than this are counted and not listed in a JSON document.
const DAMAGES_LISTED_MAX: usize = 10_000;

/// What was found, for a program.
#[derive(Serialize)]
struct Found<'a> {
    sound: bool,
    #[serde(flatten)]
    verified: &'a Verified,
    found: &'a [Damage],
}

/// Verifies an archive.
pub(in crate::cli) fn verify(flags: &VerifyFlags) -> Result<Ending, Failure> {
    let expected: Option<Digest> = match &flags.root {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            Failure::usage(
                "--root: this is no digest",
                "write the 64 hexadecimal digits that `export` printed",
            )
        })?),
    };
    let unreadable = |error: std::io::Error| {
        Failure::permanent(
            format!("{} cannot be read: {error}", flags.folder.display()),
            "name the folder that `dragoman export` wrote",
        )
    };
    let folder = Directory::for_reading(&flags.folder).map_err(unreadable)?;
    let mut found = Vec::new();
    let mut failed = Ok(());
    let verified = archive::verify(&folder, expected, &mut |damage| {
        if flags.json {
            if found.len() < DAMAGES_LISTED_MAX {
                found.push(damage);
            }
        } else if failed.is_ok() {
            failed = print::out(&format!("! {damage}\n"));
        }
    })
    .map_err(unreadable)?;
    failed?;
    if flags.json {
        let found = Found {
            sound: verified.is_sound(),
            verified: &verified,
            found: &found,
        };
        print::out(&listings::to_json(&found)?)?;
    } else {
        print::out(&text(&verified))?;
    }
    Ok(Ending::unless(!verified.is_sound()))
}

fn text(verified: &Verified) -> String {
    let mut text = contents(verified);
    for exception in &verified.exceptions {
        text.push_str(&format!(
            "not in it: {}: {}: {}\n",
            exception.conversation, exception.reason, exception.detail
        ));
    }
    text.push_str(&match verified.damages {
        0 => "intact\n".to_owned(),
        damages => format!("not intact: {}\n", count(damages, "damage")),
    });
    text
}

fn contents(verified: &Verified) -> String {
    let counts = &verified.counts;
    let mut text = format!(
        "{}, {}, {}",
        count(counts.conversations, "conversation"),
        count(counts.messages, "message"),
        count(counts.attachments, "attachment"),
    );
    if counts.exceptions > 0 {
        text.push_str(&format!(", {}", count(counts.exceptions, "exception")));
    }
    text.push('\n');
    if let Some(root) = &verified.root {
        text.push_str(&format!("root {root}\n"));
    }
    text
}

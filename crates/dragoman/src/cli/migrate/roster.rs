//! Files with one entry per line: rosters of end users, and ids of conversations.

use std::fs;
use std::path::Path;

use backend::ports::RosterEntry;
use conversation::ConversationId;

use crate::failure::Failure;

/// Largest file of entries, in bytes: the users of a large app.
const FILE_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// The end users in a roster file: one per line, as plain text or as `{"tenant":…,"user":…}`.
pub(super) fn roster(path: &Path, tenant: Option<&str>) -> Result<Vec<RosterEntry>, Failure> {
    let mut entries = lines(path, |line| entry(line, tenant))?;
    entries.sort();
    entries.dedup();
    Ok(entries)
}

/// The ids in a file, one per line.
pub(super) fn ids(path: &Path) -> Result<Vec<ConversationId>, Failure> {
    lines(path, |line| {
        line.parse().map_err(|_| {
            (
                "this is no conversation's id".to_owned(),
                "write one id per line, as lists of conversations show them",
            )
        })
    })
}

/// What is wrong with a line, and what to write instead.
type Wrong = (String, &'static str);

fn entry(line: &str, tenant: Option<&str>) -> Result<RosterEntry, Wrong> {
    if line.starts_with('{') {
        let entry: RosterEntry = serde_json::from_str(line).map_err(|error| {
            (
                format!("this is no roster entry: {error}"),
                "write {\"tenant\":\"acme\",\"user\":\"user-42\"}, or the user alone",
            )
        })?;
        return match tenant {
            Some(tenant) if *tenant != *entry.tenant => Err((
                "the entry names another tenant than --tenant".to_owned(),
                "leave --tenant out, or keep entries of one tenant only",
            )),
            _ if entry.user.is_empty() || entry.tenant.is_empty() => Err((
                "the entry names nobody".to_owned(),
                "write {\"tenant\":\"acme\",\"user\":\"user-42\"}",
            )),
            _ => Ok(entry),
        };
    }
    Ok(RosterEntry {
        tenant: tenant.unwrap_or("default").into(),
        user: line.into(),
    })
}

/// Reads a file line by line; empty lines are left out.
fn lines<T>(path: &Path, read: impl Fn(&str) -> Result<T, Wrong>) -> Result<Vec<T>, Failure> {
    let shown = path.display();
    let unreadable = |reason: String| {
        Failure::usage(
            format!("{shown} cannot be read: {reason}"),
            "name a readable text file",
        )
    };
    let size = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if size.len() > FILE_MAX_BYTES {
        return Err(unreadable(format!(
            "it is larger than {FILE_MAX_BYTES} bytes"
        )));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        Failure::usage(
            format!("{shown}:{line}: this line is not UTF-8"),
            "save the file as UTF-8 text",
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut found = Vec::new();
    for (position, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let entry = read(line).map_err(|(message, help)| {
            Failure::usage(format!("{shown}:{}: {message}", position + 1), help)
        })?;
        found.push(entry);
    }
    if found.is_empty() {
        return Err(Failure::usage(
            format!("{shown} holds no entry"),
            "write one entry per line, or leave the file out",
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, tenant: Option<&str>) -> Result<Vec<RosterEntry>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.txt");
        fs::write(&path, text).unwrap();
        roster(&path, tenant).map_err(|failure| match failure {
            Failure::Usage { message, .. } => {
                message.replace(&format!("{}", folder.path().display()), "")
            }
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn users_stand_alone_or_with_their_tenant() {
        let text = "\u{feff}bob\r\n\n  alice  \nbob\n{\"tenant\":\"acme\",\"user\":\"carol\"}\n";
        let entry = |tenant: &str, user: &str| RosterEntry {
            tenant: tenant.into(),
            user: user.into(),
        };
        let expected = vec![
            entry("acme", "carol"),
            entry("default", "alice"),
            entry("default", "bob"),
        ];
        assert_eq!(read(text, None), Ok(expected));
        assert_eq!(read("bob", Some("acme")), Ok(vec![entry("acme", "bob")]));
    }

    #[test]
    fn mistakes_name_file_and_line() {
        let table = [
            (
                "a\n\n{\"user\":\"b\"}\n",
                None,
                "/users.txt:3: this is no roster entry",
            ),
            (
                "a\n{\"tenant\":\"t\",\"user\":\"b\"}\n",
                Some("acme"),
                "/users.txt:2: the entry names another tenant",
            ),
            (
                "{\"tenant\":\"\",\"user\":\"b\"}\n",
                None,
                "/users.txt:1: the entry names nobody",
            ),
            ("\n \n", None, "/users.txt holds no entry"),
        ];
        for (text, tenant, expected) in table {
            let error = read(text, tenant).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latin.txt");
        fs::write(&path, b"ok\n\xe4\n").unwrap();
        let failure = roster(&path, None).unwrap_err();
        assert!(
            format!("{failure:?}").contains("latin.txt:2: this line is not UTF-8"),
            "{failure:?}"
        );
        let failure = ids(&path).unwrap_err();
        assert!(
            format!("{failure:?}").contains("latin.txt:2"),
            "{failure:?}"
        );
    }
}

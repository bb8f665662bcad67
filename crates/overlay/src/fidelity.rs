//! What became of each field: told to the caller on every read and write, refused under `strict`.

use backend::ports::{Change, KeptField};
use backend::{Context, Error, FidelityPolicy, FieldFate, Kind, Result};
use conversation::Violation;

use crate::fields::{Seen, pointers};
use crate::ratings;

/// Notes what was seen of an object's rows. A field that the backend holds by now as it is shown is exact.
pub(crate) fn note_seen(cx: &Context, of: &str, seen: &[Seen]) {
    let fates = seen.iter().filter(|one| !one.is_held()).map(|one| {
        let detail = match (one.is_drifted, one.is_shown) {
            (false, _) => "kept beside the backend",
            (true, true) => "kept beside the backend, where it was changed since",
            (true, false) => {
                "was kept beside the backend, where it was changed since: the backend's is shown"
            }
        };
        FieldFate {
            unexpected: one.row.unexpected,
            drifted: one.is_drifted,
            ..FieldFate::overlay(shown_pointer(&one.row.pointer), detail)
        }
    });
    cx.trace.note_fates(of, fates.collect());
}

/// Notes what became of the fields of a write: of `changes` each row, in the words of the fate that foretold it.
pub(crate) fn note_written(cx: &Context, of: &str, changes: &[Change], foretold: &[FieldFate]) {
    let rows = changes.iter().filter_map(|change| match change {
        Change::Field(field) => Some(field),
        _ => None,
    });
    note_rows(cx, of, rows, foretold);
}

/// Notes the fates of the fields that rows are kept of, in the words of the fates that foretold them.
pub(crate) fn note_rows<'a>(
    cx: &Context,
    of: &str,
    rows: impl IntoIterator<Item = &'a KeptField>,
    foretold: &[FieldFate],
) {
    let rows = rows.into_iter().filter(|row| row.value != row.base);
    cx.trace
        .note_fates(of, rows.map(|row| fate(row, foretold)).collect());
}

fn fate(row: &KeptField, foretold: &[FieldFate]) -> FieldFate {
    let known = foretold
        .iter()
        .find(|fate| pointers::overlap(&fate.pointer, &row.pointer));
    let detail = match known {
        Some(fate) => fate.detail.as_str(),
        None if row.unexpected => {
            "kept beside the backend, which holds it otherwise than it was given"
        }
        None => "kept beside the backend",
    };
    FieldFate {
        exceeds: known.and_then(|fate| fate.exceeds),
        unexpected: row.unexpected,
        ..FieldFate::overlay(shown_pointer(&row.pointer), detail)
    }
}

/// The pointer that a caller knows: votes are told as the rating.
fn shown_pointer(pointer: &str) -> &str {
    if ratings::is_vote(pointer) {
        "/rating"
    } else {
        pointer
    }
}

/// Refuses under `strict` what is done here because the backend cannot do it.
///
/// # Errors
/// [`Kind::NotHeld`] under `strict`, with the fate's pointer.
pub(crate) fn allow(cx: &Context, backend: &str, fate: &FieldFate) -> Result<()> {
    if cx.fidelity == FidelityPolicy::Lenient {
        return Ok(());
    }
    let violation = Violation {
        pointer: fate.pointer.clone(),
        code: "not-held",
        detail: fate.detail.clone(),
        exceeds: fate.exceeds,
    };
    let message = format!("backend `{backend}` cannot hold what was sent");
    let mut error = Error::new(Kind::NotHeld, message).violations(vec![violation]);
    error.backend = Some(backend.into());
    Err(error)
}

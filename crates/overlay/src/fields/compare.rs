//! What differs between what was wanted and what a backend holds.

use std::collections::BTreeSet;

use backend::FieldFate;
use backend::ports::{Change, KeptField};
use conversation::{MessageId, RawJson};

use super::members::Members;
use super::{Compared, pointers};

/// A field that the backend does not hold as it is to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    pub(crate) pointer: Box<str>,
    /// What is to be shown.
    pub(crate) value: Option<RawJson>,
    /// What the backend holds.
    pub(crate) base: Option<RawJson>,
}

/// The fields among `judged` in which two objects differ.
pub(crate) fn differences(
    wanted: &Members,
    held: &Members,
    judged: &BTreeSet<Box<str>>,
) -> Vec<Difference> {
    judged
        .iter()
        .filter_map(|pointer| {
            let (value, base) = (wanted.get(pointer), held.get(pointer));
            (value != base).then(|| Difference {
                pointer: pointer.clone(),
                value,
                base,
            })
        })
        .collect()
}

/// The rows of `differences`, and the changes that put them in place of those of `rows` that `is_judged`: of these, what
/// differs no more is dropped and what stands just so already is left alone.
pub(crate) fn compared(
    message: Option<&MessageId>,
    differences: Vec<Difference>,
    rows: &[KeptField],
    is_judged: impl Fn(&str) -> bool,
    foretold: &[FieldFate],
) -> Compared {
    let kept: Vec<KeptField> = differences
        .into_iter()
        .map(|difference| {
            let before = rows.iter().find(|row| row.pointer == difference.pointer);
            // A field that was kept before is one that the backend does not hold: that is no news.
            let is_unexpected = before.map_or_else(
                || !is_foretold(&difference.pointer, foretold),
                |row| row.unexpected,
            );
            KeptField {
                message: message.cloned(),
                pointer: difference.pointer,
                value: difference.value,
                base: difference.base,
                unexpected: is_unexpected,
                drift: None,
            }
        })
        .collect();
    let differs = |row: &KeptField| kept.iter().any(|one| one.pointer == row.pointer);
    let dropped = rows
        .iter()
        .filter(|row| is_judged(&row.pointer) && !differs(row))
        .map(|row| Change::DropField {
            message: message.cloned(),
            pointer: row.pointer.clone(),
        });
    let new = kept
        .iter()
        .filter(|one| !rows.contains(one))
        .cloned()
        .map(Change::Field);
    let changes = dropped.chain(new).collect();
    Compared {
        rows: kept,
        changes,
    }
}

fn is_foretold(pointer: &str, foretold: &[FieldFate]) -> bool {
    foretold
        .iter()
        .any(|fate| pointers::overlap(&fate.pointer, pointer))
}

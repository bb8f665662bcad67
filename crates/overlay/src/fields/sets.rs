//! Labels and participants: sets, so that what the backend adds to them stays to be seen.

use std::collections::{BTreeMap, BTreeSet};

use backend::Result;
use backend::ports::KeptField;
use conversation::{Participant, RawJson};

use super::compare::Difference;
use super::members::{read, write};
use super::pointers;

const LABELS: &str = "/labels";
/// The row of the participants' order; each participant's own is below it.
pub(crate) const PARTICIPANTS: &str = "/participants";

/// The labels that are in one list and not in the other.
pub(crate) fn label_differences(wanted: &[Box<str>], held: &[Box<str>]) -> Vec<Difference> {
    let [wanted, held] = [wanted, held].map(|list| list.iter().collect::<BTreeSet<_>>());
    wanted
        .symmetric_difference(&held)
        .map(|label| {
            let there = |list: &BTreeSet<_>| list.contains(label).then(is_there);
            Difference {
                pointer: pointers::member(LABELS, label),
                value: there(&wanted),
                base: there(&held),
            }
        })
        .collect()
}

/// `held`, with the labels that rows add and without those that they take away.
pub(crate) fn lay_labels(held: Vec<Box<str>>, rows: &[&KeptField]) -> Vec<Box<str>> {
    let mut labels: BTreeSet<Box<str>> = held.into_iter().collect();
    for row in rows {
        let Some(label) = pointers::name_below(LABELS, &row.pointer) else {
            continue;
        };
        if row.value.is_some() {
            labels.insert(label.into());
        } else {
            labels.remove(label.as_str());
        }
    }
    labels.into_iter().collect()
}

fn is_there() -> RawJson {
    RawJson::parse("true").unwrap_or_default()
}

/// Which of `held` each of `wanted` stands for, by its place: the one with the same id, else the one with an equal
/// handle, else, for one without an id, the one that has the same in every other field that is given.
pub(crate) fn pair(wanted: &[Participant], held: &[Participant]) -> Vec<Option<usize>> {
    let mut pairs: Vec<Option<usize>> = vec![None; wanted.len()];
    let is_same: [fn(&Participant, &Participant) -> bool; 3] =
        [has_same_id, shares_handle, is_alike];
    for is_same in is_same {
        for (place, one) in wanted.iter().enumerate() {
            if pairs.get(place).copied().flatten().is_some() {
                continue;
            }
            let found = held.iter().enumerate().position(|(other, candidate)| {
                !pairs.contains(&Some(other)) && is_same(one, candidate)
            });
            if let Some(pair) = pairs.get_mut(place) {
                *pair = found;
            }
        }
    }
    pairs
}

fn has_same_id(wanted: &Participant, held: &Participant) -> bool {
    wanted.id.is_some() && wanted.id == held.id
}

fn shares_handle(wanted: &Participant, held: &Participant) -> bool {
    wanted
        .handles
        .iter()
        .any(|handle| held.handles.contains(handle))
}

fn is_alike(wanted: &Participant, held: &Participant) -> bool {
    wanted.id.is_none()
        && wanted.name == held.name
        && wanted.handles.is_empty()
        && (wanted.side.is_none() || wanted.side == held.side)
}

/// The rows that make `held` read as `wanted`, of which each has an id.
pub(crate) fn participant_differences(
    wanted: &[Participant],
    held: &[Participant],
) -> Result<Vec<Difference>> {
    let pairs = pair(wanted, held);
    let mut differences = Vec::new();
    for (one, pair) in wanted.iter().zip(&pairs) {
        let base = pair.and_then(|place| held.get(place));
        if base != Some(one) {
            differences.push(Difference {
                pointer: pointers::member(PARTICIPANTS, one.id.as_deref().unwrap_or_default()),
                value: Some(write(one)?),
                base: base.map(write).transpose()?,
            });
        }
    }
    let unwanted = held
        .iter()
        .enumerate()
        .filter(|(place, _)| !pairs.contains(&Some(*place)));
    for (_, one) in unwanted {
        differences.push(Difference {
            pointer: pointers::member(PARTICIPANTS, one.id.as_deref().unwrap_or_default()),
            value: None,
            base: Some(write(one)?),
        });
    }
    differences.sort_by(|one, other| one.pointer.cmp(&other.pointer));
    let rows: Vec<Row> = differences
        .iter()
        .map(|one| Row::of(&one.pointer, one.value.as_ref(), one.base.as_ref()))
        .collect::<Result<_>>()?;
    let without_order = lay(held, &rows, |_, _| true);
    if ids(&without_order) != ids(wanted) {
        differences.push(Difference {
            pointer: PARTICIPANTS.into(),
            value: Some(write(&ids(wanted))?),
            base: Some(write(&ids(held))?),
        });
    }
    Ok(differences)
}

/// `held` as rows make it read. `is_ours` says of each row, and of what the backend holds in its place, whether the row
/// is shown.
pub(crate) fn lay_participants(
    held: &[Participant],
    rows: &[&KeptField],
    mut is_ours: impl FnMut(&KeptField, Option<RawJson>) -> Result<bool>,
) -> Result<Vec<Participant>> {
    let (order, own): (Vec<&KeptField>, Vec<&KeptField>) =
        rows.iter().partition(|row| &*row.pointer == PARTICIPANTS);
    let mut own = own;
    own.sort_by(|one, other| one.pointer.cmp(&other.pointer));
    let parsed: Vec<Row> = own
        .iter()
        .map(|row| Row::of(&row.pointer, row.value.as_ref(), row.base.as_ref()))
        .collect::<Result<_>>()?;
    let mut failure = None;
    let mut laid = lay(held, &parsed, |place, current| {
        let Some(row) = own.get(place) else {
            return true;
        };
        let decided = current
            .map(write)
            .transpose()
            .and_then(|current| is_ours(row, current));
        decided.unwrap_or_else(|error| {
            failure = Some(error);
            true
        })
    });
    if let Some(error) = failure {
        return Err(error);
    }
    if let Some(order) = order.first().and_then(|row| row.value.as_ref()) {
        let order: Vec<Option<Box<str>>> = read(order)?;
        let places: BTreeMap<&Option<Box<str>>, usize> = order
            .iter()
            .enumerate()
            .map(|(place, id)| (id, place))
            .collect();
        // Who came later stands behind, in the order in which the backend has them.
        laid.sort_by_key(|one| places.get(&one.id).copied().unwrap_or(usize::MAX));
    }
    Ok(laid)
}

/// A participant's row, read.
struct Row {
    id: Box<str>,
    value: Option<Participant>,
    base: Option<Participant>,
}

impl Row {
    fn of(pointer: &str, value: Option<&RawJson>, base: Option<&RawJson>) -> Result<Self> {
        Ok(Self {
            id: pointers::name_below(PARTICIPANTS, pointer)
                .unwrap_or_default()
                .into(),
            value: value.map(read).transpose()?,
            base: base.map(read).transpose()?,
        })
    }

    /// The id of whom it stands for at the backend.
    fn native(&self) -> Option<&str> {
        match &self.base {
            Some(base) => base.id.as_deref(),
            None => Some(&self.id),
        }
    }
}

/// Rows, sorted by pointer, over what is held: whom one replaces keeps the place, who is new comes last.
fn lay(
    held: &[Participant],
    rows: &[Row],
    mut is_ours: impl FnMut(usize, Option<&Participant>) -> bool,
) -> Vec<Participant> {
    let mut slots: Vec<Option<Participant>> = held.iter().cloned().map(Some).collect();
    let mut taken = vec![false; held.len()];
    let mut added = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let free = |slot: usize| !taken.get(slot).copied().unwrap_or(true);
        let slot = held
            .iter()
            .enumerate()
            .position(|(slot, one)| free(slot) && one.id.as_deref() == row.native());
        let current = slot.and_then(|slot| held.get(slot));
        if let Some(is_taken) = slot.and_then(|slot| taken.get_mut(slot)) {
            *is_taken = true;
        }
        if !is_ours(place, current) {
            continue;
        }
        match slot.and_then(|slot| slots.get_mut(slot)) {
            Some(slot) => *slot = row.value.clone(),
            None => added.extend(row.value.clone()),
        }
    }
    slots.into_iter().flatten().chain(added).collect()
}

fn ids(participants: &[Participant]) -> Vec<Option<&str>> {
    participants.iter().map(|one| one.id.as_deref()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn participants(json: &str) -> Vec<Participant> {
        serde_json::from_str(json).unwrap()
    }

    fn rows(differences: Vec<Difference>) -> Vec<KeptField> {
        let row = |one: Difference| KeptField {
            message: None,
            pointer: one.pointer,
            value: one.value,
            base: one.base,
            unexpected: false,
            drift: None,
        };
        differences.into_iter().map(row).collect()
    }

    fn laid(held: &[Participant], rows: &[KeptField]) -> Vec<Participant> {
        let rows: Vec<&KeptField> = rows.iter().collect();
        lay_participants(held, &rows, |_, _| Ok(true)).unwrap()
    }

    #[test]
    fn a_participant_stands_for_the_one_with_its_id_else_with_its_handle() {
        let held = participants(
            r#"[{"id":"u1","handles":[{"type":"email","value":"a@x"}]},{"id":"p1","name":"Ann"},{"id":"u2"}]"#,
        );
        let wanted = participants(
            r#"[{"id":"p1","name":"Anna"},{"id":"mine","name":"Bob","handles":[{"type":"email","value":"a@x"}]},{"id":"new"}]"#,
        );
        assert_eq!(pair(&wanted, &held), [Some(1), Some(0), None]);
        let rows = rows(participant_differences(&wanted, &held).unwrap());
        let pointers: Vec<&str> = rows.iter().map(|row| &*row.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/participants/mine",
                "/participants/new",
                "/participants/p1",
                "/participants/u2",
                "/participants"
            ]
        );
        assert_eq!(laid(&held, &rows), wanted);
    }

    #[test]
    fn who_joins_and_leaves_at_the_backend_is_seen() {
        let held = participants(r#"[{"id":"u1","name":"one"},{"id":"u2","name":"two"}]"#);
        let wanted = participants(r#"[{"id":"u2","name":"two"},{"id":"u1","name":"first"}]"#);
        let rows = rows(participant_differences(&wanted, &held).unwrap());
        let later = participants(
            r#"[{"id":"u9","name":"nine"},{"id":"u1","name":"one"},{"id":"u2","name":"two"}]"#,
        );
        let mut shown = wanted.clone();
        shown.extend(participants(r#"[{"id":"u9","name":"nine"}]"#));
        assert_eq!(laid(&later, &rows), shown);
        let gone = participants(r#"[{"id":"u1","name":"one"}]"#);
        assert_eq!(laid(&gone, &rows), wanted[1..]);
    }

    #[test]
    fn labels_are_added_and_taken_away_one_by_one() {
        let labels =
            |list: &[&str]| -> Vec<Box<str>> { list.iter().map(|one| (*one).into()).collect() };
        let rows = rows(label_differences(
            &labels(&["a", "b/c"]),
            &labels(&["a", "auto"]),
        ));
        let rows: Vec<&KeptField> = rows.iter().collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            lay_labels(labels(&["a", "auto"]), &rows),
            labels(&["a", "b/c"])
        );
        assert_eq!(
            lay_labels(labels(&["new", "auto"]), &rows),
            labels(&["b/c", "new"])
        );
    }
}

//! What is not the same in two portraits, field by field.

use std::collections::HashMap;

use backend::ports::{DifferenceKind, FieldDifference};
use conversation::MessageId;

use super::portrait::{Portrait, Row};

/// The most fields that one difference names.
const FIELDS_MAX: usize = 50;

/// Every field in which `shadow` is not like `primary`, at most [`FIELDS_MAX`]; none where they are the same.
pub(super) fn difference(primary: &Portrait, shadow: &Portrait) -> Vec<FieldDifference> {
    let mut fields = match pairs_by_id(primary, shadow) {
        Some(pairs) => by_id(primary, shadow, &pairs),
        None => by_position(primary, shadow),
    };
    fields.truncate(FIELDS_MAX);
    fields
}

/// The second backend has nothing of what was read.
pub(super) fn unreadable(message: Option<&MessageId>) -> FieldDifference {
    FieldDifference {
        message: message.cloned(),
        ..whole(None, DifferenceKind::Unreadable)
    }
}

/// Where each message of `primary` is in `shadow`; `None` where no id is on both sides, and their places must tell.
fn pairs_by_id(primary: &Portrait, shadow: &Portrait) -> Option<Vec<Option<usize>>> {
    let ids = shadow.rows.iter().enumerate();
    let positions: HashMap<&MessageId, usize> = ids
        .filter_map(|(position, row)| Some((row.message.as_ref()?, position)))
        .collect();
    let pairs: Vec<Option<usize>> = primary
        .rows
        .iter()
        .map(|row| positions.get(row.message.as_ref()?).copied())
        .collect();
    pairs.iter().any(Option::is_some).then_some(pairs)
}

fn by_id(primary: &Portrait, shadow: &Portrait, pairs: &[Option<usize>]) -> Vec<FieldDifference> {
    // Behind the last message that both pages show, a page that goes on may have the others on its next one.
    let last = pairs.iter().rposition(Option::is_some);
    let last_there = pairs.iter().flatten().max().copied();
    let mut fields = Vec::new();
    let mut furthest = None;
    for (position, (row, pair)) in primary.rows.iter().zip(pairs).enumerate() {
        match pair {
            Some(there) => {
                fields.extend(of_rows(row, &shadow.rows[*there]));
                if furthest.is_some_and(|furthest| furthest > *there) {
                    fields.push(FieldDifference {
                        primary: Some(format!("place {position} of the page").into()),
                        shadow: Some(format!("place {there} of the page").into()),
                        ..whole(Some(row), DifferenceKind::Changed)
                    });
                }
                furthest = furthest.max(Some(*there));
            }
            None if shadow.has_more && Some(position) > last => {}
            None => fields.push(whole(Some(row), DifferenceKind::Missing)),
        }
    }
    for (position, row) in shadow.rows.iter().enumerate() {
        let is_theirs_alone = !pairs.contains(&Some(position));
        if is_theirs_alone && !(primary.has_more && Some(position) > last_there) {
            fields.push(whole(Some(row), DifferenceKind::Added));
        }
    }
    fields
}

fn by_position(primary: &Portrait, shadow: &Portrait) -> Vec<FieldDifference> {
    let both = primary.rows.iter().zip(&shadow.rows);
    let mut fields: Vec<FieldDifference> =
        both.flat_map(|(one, other)| of_rows(one, other)).collect();
    let count = primary.rows.len().min(shadow.rows.len());
    let rest = |portrait: &Portrait, kind| -> Vec<FieldDifference> {
        let rows = portrait.rows[count..].iter();
        rows.map(|row| whole(Some(row), kind)).collect()
    };
    if !shadow.has_more {
        fields.extend(rest(primary, DifferenceKind::Missing));
    }
    if !primary.has_more {
        fields.extend(rest(shadow, DifferenceKind::Added));
    }
    fields
}

fn of_rows<'a>(
    primary: &'a Row,
    shadow: &'a Row,
) -> impl Iterator<Item = FieldDifference> + use<'a> {
    let both = primary.fields.iter().zip(&shadow.fields);
    both.filter(|(one, other)| one != other)
        .map(|((pointer, one), (_, other))| FieldDifference {
            message: primary.message.clone(),
            pointer: (*pointer).into(),
            kind: match (one, other) {
                (Some(_), None) => DifferenceKind::Missing,
                (None, Some(_)) => DifferenceKind::Added,
                (Some(_), Some(_)) | (None, None) => DifferenceKind::Changed,
            },
            primary: one.clone(),
            shadow: other.clone(),
        })
}

fn whole(row: Option<&Row>, kind: DifferenceKind) -> FieldDifference {
    FieldDifference {
        message: row.and_then(|row| row.message.clone()),
        pointer: "".into(),
        kind,
        primary: None,
        shadow: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of messages such as `a:1 b:2`: id and text. One that ends with `…` goes on.
    fn page(text: &str) -> Portrait {
        let words = text.split_whitespace();
        let rows = words.filter(|word| *word != "…").map(|word| {
            let (id, text) = word.split_once(':').unwrap();
            Row {
                message: Some(id.parse().unwrap()),
                fields: vec![
                    ("/role", Some("user".into())),
                    ("/parts", Some(text.into())),
                ],
            }
        });
        Portrait {
            rows: rows.collect(),
            has_more: text.ends_with('…'),
        }
    }

    fn told(primary: &str, shadow: &str) -> Vec<String> {
        let fields = difference(&page(primary), &page(shadow)).into_iter();
        let told = fields.map(|field| {
            let id = field.message.map(|id| id.as_str().to_owned());
            let id = id.unwrap_or_default();
            format!("{:?} {id}{}", field.kind, field.pointer)
        });
        told.collect()
    }

    #[test]
    fn every_difference_is_named() {
        for (primary, shadow, expected) in [
            ("a:1 b:2", "a:1 b:2", vec![]),
            ("", "", vec![]),
            ("a:1 b:2", "a:1 b:x", vec!["Changed b/parts"]),
            ("a:1 b:2 c:3", "a:1 c:3", vec!["Missing b"]),
            ("a:1 c:3", "a:1 b:2 c:3", vec!["Added b"]),
            ("a:1 b:2", "b:2 a:1", vec!["Changed b"]),
            ("a:1", "", vec!["Missing a"]),
            ("", "a:1", vec!["Added a"]),
            ("a:1 b:2", "a:1", vec!["Missing b"]),
            // Without a common id the places tell.
            ("a:1 b:2", "x:1 y:2", vec![]),
            ("a:1 b:2", "x:1 y:3", vec!["Changed b/parts"]),
            ("a:1 b:2", "x:1", vec!["Missing b"]),
        ] {
            assert_eq!(told(primary, shadow), expected, "{primary} | {shadow}");
        }
    }

    #[test]
    fn a_page_that_goes_on_may_have_the_rest_on_its_next_one() {
        for (primary, shadow, expected) in [
            ("a:1 b:2 c:3", "a:1 b:2 …", vec![]),
            ("a:1 b:2 …", "a:1 b:2 c:3", vec![]),
            ("a:1 b:2 c:3 …", "a:1 c:3 d:4 …", vec!["Missing b"]),
            ("a:1 c:3 d:4 …", "a:1 b:2 c:3 …", vec!["Added b"]),
            ("a:1 b:2", "x:1 …", vec![]),
            ("a:1 …", "x:1 y:2", vec![]),
        ] {
            assert_eq!(told(primary, shadow), expected, "{primary} | {shadow}");
        }
    }

    #[test]
    fn what_one_side_lacks_is_missing_or_added() {
        let of = |title: Option<&str>| Portrait {
            rows: vec![Row {
                message: None,
                fields: vec![("/title", title.map(Into::into))],
            }],
            has_more: false,
        };
        let kind = |one, other| difference(&of(one), &of(other))[0].kind;
        assert_eq!(kind(Some("a"), None), DifferenceKind::Missing);
        assert_eq!(kind(None, Some("a")), DifferenceKind::Added);
        assert_eq!(kind(Some("a"), Some("b")), DifferenceKind::Changed);
    }

    #[test]
    fn only_so_many_fields_are_named() {
        let ids = |text: &str| {
            (0..200)
                .map(|id| format!("m{id}:{text} "))
                .collect::<String>()
        };
        assert_eq!(told(&ids("a"), &ids("b")).len(), FIELDS_MAX);
    }
}

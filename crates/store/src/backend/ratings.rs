//! Ratings: one vote per message and principal, on top of what a message was imported with.

use backend::{Context, Error, Kind, Location, Principal, Result};
use conversation::{Message, MessageId, Rating, Violation};

use super::writes::{self, Operation};
use super::{Admission, StoreBackend, messages};
use crate::failure::Attempt;
use crate::sql::{Connection, OptionalExtension as _, params};

/// The highest vote; the lowest is 0.
const VOTE_MAX: f64 = 5.0;

/// Whose vote it is: the end user's, or the key's where there is none.
pub(super) fn voter(principal: &Principal) -> String {
    match &principal.user {
        Some(user) => voter_of_user(&principal.tenant, user),
        None => name(&principal.tenant, "key", &principal.key),
    }
}

/// The votes of an end user are theirs.
pub(crate) fn voter_of_user(tenant: &str, user: &str) -> String {
    name(tenant, "user", user)
}

/// The separator is in no tenant's name, so that no two principals meet.
fn name(tenant: &str, sort: &str, name: &str) -> String {
    format!("{tenant}\u{1f}{sort}\u{1f}{name}")
}

/// What at least one row of votes, which together add `sum`, makes of an imported rating. The importer's own vote is
/// one of the rows, and counted in the import already.
pub(super) fn combine(
    imported: Option<&Rating>,
    votes: u64,
    sum: f64,
    mine: Option<f64>,
) -> Rating {
    let (base_mean, base_count) = imported.map_or((None, 0), |rating| (rating.mean, rating.count));
    let count = base_count.saturating_add(votes) - u64::from(counts_own_vote(imported));
    #[expect(clippy::cast_precision_loss, reason = "fewer votes than 2^53")]
    let mean = if count == base_count && sum == 0.0 {
        base_mean
    } else {
        Some((base_mean.unwrap_or_default() * base_count as f64 + sum) / count as f64)
    };
    Rating { mean, count, mine }
}

/// True where an imported rating counts the importer's own vote.
fn counts_own_vote(imported: Option<&Rating>) -> bool {
    imported.is_some_and(|rating| rating.mine.is_some() && rating.count > 0)
}

/// What an imported rating leaves in the columns `votes` and `votes_sum`, and the importer's own vote.
pub(super) fn of_import(imported: Option<&Rating>) -> (u64, f64, Option<f64>) {
    match imported.and_then(|rating| rating.mine) {
        None => (0, 0.0, None),
        Some(mine) => (
            1,
            if counts_own_vote(imported) { 0.0 } else { mine },
            Some(mine),
        ),
    }
}

/// Stores a vote, which replaces the principal's last one, and returns that.
pub(super) fn store_vote(
    connection: &Connection,
    message: i64,
    voter: &str,
    value: f64,
) -> Attempt<Option<f64>> {
    let before = own_vote(connection, message, voter)?;
    connection
        .prepare_cached(
            "INSERT INTO ratings (message, principal, value) VALUES (?1, ?2, ?3) \
             ON CONFLICT (message, principal) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![message, voter, value])?;
    Ok(before)
}

/// The principal's vote.
pub(super) fn own_vote(connection: &Connection, message: i64, voter: &str) -> Attempt<Option<f64>> {
    Ok(connection
        .prepare_cached("SELECT value FROM ratings WHERE message = ?1 AND principal = ?2")?
        .query_row(params![message, voter], |row| row.get(0))
        .optional()?)
}

impl StoreBackend {
    pub(super) async fn rate(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        if !(0.0..=VOTE_MAX).contains(&value) {
            let detail = format!("between 0 and {VOTE_MAX}");
            let violation = Violation {
                pointer: "/value".to_owned(),
                code: "out-of-range",
                detail,
                exceeds: None,
            };
            return Err(
                Error::new(Kind::InvalidRequest, "the rating is out of range")
                    .violations(vec![violation]),
            );
        }
        let write = writes::Reference::new(cx, self.name(), Operation::Rate, &at.native);
        let (at, id) = (at.clone(), id.clone());
        let (voter, admission) = (voter(&cx.principal), Admission::of(cx));
        self.store
            .write_beside(move |connection, now| {
                admission.check(connection, &write.backend, &at)?;
                let stored = messages::find(connection, &write.backend, &at, &id, &voter)?;
                let before = store_vote(connection, stored.number, &voter, value)?;
                connection
                    .prepare_cached(
                        "UPDATE messages SET votes = votes + ?2, votes_sum = votes_sum + ?3 WHERE number = ?1",
                    )?
                    .execute(params![stored.number, u8::from(before.is_none()), value - before.unwrap_or_default()])?;
                messages::moved(connection, stored.conversation, now)?;
                write.store(connection, Some(&id), now)?;
                Ok(messages::find(connection, &write.backend, &at, &id, &voter)?.message)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_rating_is_shown_as_it_came_until_somebody_votes() {
        let imported = Rating {
            mean: Some(4.3),
            count: 3,
            mine: Some(5.0),
        };
        let (votes, sum, mine) = of_import(Some(&imported));
        assert_eq!(combine(Some(&imported), votes, sum, mine), imported);
        // The importer changes the vote from 5 to 2: the mean moves, the count stays.
        let changed = combine(Some(&imported), votes, sum + 2.0 - 5.0, Some(2.0));
        assert_eq!((changed.count, changed.mine), (3, Some(2.0)));
        assert!((changed.mean.unwrap() - (4.3 * 3.0 - 3.0) / 3.0).abs() < 1e-9);
        // Somebody else votes: one more.
        let other = combine(Some(&imported), votes + 1, sum + 1.0, Some(1.0));
        assert_eq!(other.count, 4);
        // A count beyond reason stays where it is.
        let huge = Rating {
            count: u64::MAX,
            ..Rating::default()
        };
        assert_eq!(combine(Some(&huge), 1, 1.0, None).count, u64::MAX);
    }

    #[test]
    fn an_own_vote_that_an_import_does_not_count_is_counted() {
        let imported = Rating {
            mean: None,
            count: 0,
            mine: Some(3.0),
        };
        let (votes, sum, mine) = of_import(Some(&imported));
        assert_eq!(
            combine(Some(&imported), votes, sum, mine),
            Rating {
                mean: Some(3.0),
                count: 1,
                mine
            }
        );
    }

    #[test]
    fn voters_of_different_tenants_and_sorts_never_meet() {
        let principal = |tenant: &str, key: &str, user: Option<&str>| Principal {
            tenant: tenant.into(),
            key: key.into(),
            user: user.map(Into::into),
            scopes: Vec::new(),
        };
        let voters = [
            voter(&principal("a", "k", None)),
            voter(&principal("b", "k", None)),
            voter(&principal("a", "k", Some("k"))),
        ];
        assert!(voters[0] != voters[1] && voters[0] != voters[2] && voters[1] != voters[2]);
        assert_eq!(voter(&principal("a", "other", Some("k"))), voters[2]);
    }
}

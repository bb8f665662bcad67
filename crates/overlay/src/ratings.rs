//! Ratings: one vote per principal. The first goes to the backend where it takes votes, later ones live here.

use backend::ports::{Change, Holder, KeptField};
use backend::{Context, Error, FieldFate, Kind, Location, Outcome, Principal, Result, Write};
use conversation::{Message, MessageId, Rating, RawJson, Time, Violation};

use crate::fields::members::write;
use crate::fields::pointers;
use crate::index::{impersonal, not_applied, under};
use crate::{Overlay, fidelity};

/// The highest vote; the lowest is 0.
const VOTE_MAX: f64 = 5.0;

/// Where the votes of a message are kept, one row for each voter.
const VOTES: &str = "/rating/votes";

/// Whose vote it is: the end user's, or the key's where there is none.
pub(crate) fn voter(principal: &Principal) -> String {
    // A tenant's name has no slash, so that no two principals meet.
    match &principal.user {
        Some(user) => format!("{}/user/{user}", principal.tenant),
        None => format!("{}/key/{}", principal.tenant, principal.key),
    }
}

/// True for the row of a vote.
pub(crate) fn is_vote(pointer: &str) -> bool {
    pointers::name_below(VOTES, pointer).is_some()
}

/// The vote of who asks, among a message's rows.
pub(crate) fn vote_of<'a>(cx: &Context, rows: &'a [KeptField]) -> Option<&'a KeptField> {
    let own = pointers::member(VOTES, &voter(&cx.principal));
    rows.iter().find(|row| row.pointer == own)
}

/// The row of a vote of who asks that the backend was told.
pub(crate) fn told_vote(cx: &Context, id: &MessageId, value: f64) -> Result<KeptField> {
    let own = pointers::member(VOTES, &voter(&cx.principal));
    let value = write(&value)?;
    Ok(row(id, &own, &value, Some(value.clone())))
}

/// The change that forgets a row.
pub(crate) fn drop_of(row: &KeptField) -> Change {
    Change::DropField {
        message: row.message.clone(),
        pointer: row.pointer.clone(),
    }
}

fn row(id: &MessageId, pointer: &str, value: &RawJson, base: Option<RawJson>) -> KeptField {
    KeptField {
        message: Some(id.clone()),
        pointer: pointer.into(),
        value: Some(value.clone()),
        base,
        unexpected: false,
        drift: None,
    }
}

/// What votes make of a rating, as it is shown to `voter`. A vote with a base is counted by the backend already.
pub(crate) fn with_votes(
    held: Option<Rating>,
    votes: &[&KeptField],
    voter: &str,
) -> Option<Rating> {
    let held = held.unwrap_or_default();
    let number = |json: &Option<RawJson>| json.as_ref().and_then(|json| json.to::<f64>().ok());
    let own = pointers::member(VOTES, voter);
    let (mut added, mut moved, mut mine) = (0_u64, 0.0, held.mine);
    for vote in votes {
        let Some(value) = number(&vote.value) else {
            continue;
        };
        // What a backend that shows no votes counted is not in its count.
        match number(&vote.base).filter(|_| held.count > 0) {
            Some(base) => moved += value - base,
            None => {
                added += 1;
                moved += value;
            }
        }
        if *vote.pointer == *own {
            mine = Some(value);
        }
    }
    let count = held.count.saturating_add(added);
    #[expect(clippy::cast_precision_loss, reason = "fewer votes than 2^53")]
    let mean = if added == 0 && moved == 0.0 {
        held.mean
    } else {
        Some((held.mean.unwrap_or_default() * held.count as f64 + moved) / count as f64)
    };
    (count > 0 || mean.is_some() || mine.is_some()).then_some(Rating { mean, count, mine })
}

/// Takes the importer's own vote out of an imported rating: kept as a row of its own, it is shown to nobody else.
pub(crate) fn take_own_vote(cx: &Context, message: &mut Message) -> Result<Option<Change>> {
    let Some(rating) = &mut message.rating else {
        return Ok(None);
    };
    let Some(mine) = rating.mine.take() else {
        return Ok(None);
    };
    let is_counted = rating.count > 0;
    if !is_counted && rating.mean.is_none() {
        message.rating = None;
    }
    let value = write(&mine)?;
    Ok(Some(Change::Field(KeptField {
        message: Some(message.id.clone()),
        pointer: pointers::member(VOTES, &voter(&cx.principal)),
        base: is_counted.then(|| value.clone()),
        value: Some(value),
        unexpected: false,
        drift: None,
    })))
}

impl Overlay {
    pub(crate) async fn vote(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        if !(0.0..=VOTE_MAX).contains(&value) {
            return Err(out_of_range());
        }
        let kept = self.kept(at).await?;
        let own = pointers::member(VOTES, &voter(&cx.principal));
        let rows = self
            .state()
            .message_fields(&self.beside(at), std::slice::from_ref(id))
            .await?;
        let before = rows.iter().find(|row| row.pointer == own);
        let ask = Write::RateMessage {
            id: id.clone(),
            value,
        };
        let native = self.below().preview(&ask);
        let told = before.is_none()
            && native.is_held
            && self.below().capabilities().message_rate.works()
            && !kept.has_ended
            && self.is_held_below(at, id).await?;
        let held = if told {
            let row = told_vote(cx, id, value)?;
            self.vote_below(cx, at, row, value).await?
        } else {
            // Also where it is unknown: that is found out before anything is kept.
            self.one_message(cx, at, id).await?;
            None
        };
        if held.is_none() {
            fidelity::allow(cx, self.name(), &kept_here())?;
        }
        let value = write(&value)?;
        let base = match (&held, before) {
            (Some(_), _) => Some(value.clone()),
            (None, Some(before)) => before.base.clone(),
            (None, None) => None,
        };
        let mut changes = vec![
            Change::Field(row(id, &own, &value, base)),
            Change::Touch {
                updated_at: Time::now(),
                last_message_at: None,
            },
        ];
        if let (Some(held), Some(_)) = (&held, &kept.index) {
            changes.push(Change::Message {
                time: held.sent_at,
                holder: Holder::Backend(at.native.clone()),
                message: Box::new(impersonal(held.clone())),
            });
        }
        let applied = self.apply(cx, at, changes).await;
        match held {
            Some(held) => {
                applied.map_err(|error| error.outcome(Outcome::Applied))?;
                let kept = self.kept(at).await?;
                let mut laid = self.lay_messages(cx, at, &kept, vec![held]).await?;
                laid.pop().ok_or_else(Error::message_not_found)
            }
            None => {
                applied?;
                self.one_message(cx, at, id).await
            }
        }
    }

    /// True where the backend has the message itself.
    async fn is_held_below(&self, at: &Location, id: &MessageId) -> Result<bool> {
        let found = self.state().message(&self.beside(at), id).await?;
        Ok(found.is_none_or(|found| {
            found.message.id == *id
                && !found.is_hidden
                && found.holder == Holder::Backend(at.native.clone())
        }))
    }

    /// Votes at the backend; nothing where it does not take this vote. The vote is kept before it is sent, so that
    /// whatever becomes of it nobody sends it again, and only forgotten where it is certain that it was not taken.
    async fn vote_below(
        &self,
        cx: &Context,
        at: &Location,
        row: KeptField,
        value: f64,
    ) -> Result<Option<Message>> {
        let Some(id) = row.message.clone() else {
            return Ok(None);
        };
        let forget = drop_of(&row);
        self.apply(cx, at, vec![Change::Field(row)])
            .await
            .map_err(not_applied)?;
        let error = match self.below().rate_message(&under(cx), at, &id, value).await {
            Ok(held) => return Ok(Some(held)),
            Err(error) => error,
        };
        if error.outcome == Outcome::NotApplied {
            self.apply(cx, at, vec![forget])
                .await
                .map_err(not_applied)?;
        }
        if is_refusal(&error) {
            self.one_message(cx, at, &id).await?;
            return Ok(None);
        }
        Err(error)
    }
}

/// True where the backend does not take a write, and nothing of it was done.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(error.kind, Kind::NotHeld | Kind::Unsupported) && error.outcome == Outcome::NotApplied
}

fn kept_here() -> FieldFate {
    FieldFate::overlay(
        "/rating",
        "kept beside the backend, which takes no vote like this",
    )
}

fn out_of_range() -> Error {
    Error::new(Kind::InvalidRequest, "the rating is out of range").violations(vec![Violation {
        pointer: "/value".to_owned(),
        code: "out-of-range",
        detail: format!("between 0 and {VOTE_MAX}"),
        exceeds: None,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(voter: &str, value: f64, base: Option<f64>) -> KeptField {
        KeptField {
            message: None,
            pointer: pointers::member(VOTES, voter),
            value: Some(write(&value).unwrap()),
            base: base.map(|base| write(&base).unwrap()),
            unexpected: false,
            drift: None,
        }
    }

    fn rating(mean: f64, count: u64) -> Rating {
        Rating {
            mean: Some(mean),
            count,
            mine: None,
        }
    }

    #[test]
    fn a_vote_is_counted_once_wherever_it_is() {
        let (ann, bob) = (
            vote("t/user/ann", 4.0, Some(4.0)),
            vote("t/user/bob", 1.0, None),
        );
        for (held, votes, wanted) in [
            (None, vec![&bob], (1.0, 1, None)),
            (Some(rating(4.0, 1)), vec![&ann], (4.0, 1, Some(4.0))),
            (Some(rating(4.0, 1)), vec![&ann, &bob], (2.5, 2, Some(4.0))),
            (
                Some(rating(4.5, 2)),
                vec![&ann, &bob],
                (10.0 / 3.0, 3, Some(4.0)),
            ),
            // A backend that took the vote and shows none.
            (None, vec![&ann], (4.0, 1, Some(4.0))),
        ] {
            let shown = with_votes(held, &votes, "t/user/ann").unwrap();
            assert_eq!((shown.count, shown.mine), (wanted.1, wanted.2), "{votes:?}");
            assert!((shown.mean.unwrap() - wanted.0).abs() < 1e-9, "{votes:?}");
        }
        // The first vote was 4, and is 2 now.
        let changed = vote("t/user/ann", 2.0, Some(4.0));
        let shown = with_votes(Some(rating(4.0, 1)), &[&changed], "t/user/ann").unwrap();
        assert_eq!(
            (shown.mean, shown.count, shown.mine),
            (Some(2.0), 1, Some(2.0))
        );
    }

    #[test]
    fn an_imported_rating_is_shown_as_it_came_until_somebody_votes() {
        let imported = Rating {
            mean: Some(4.3),
            count: 3,
            mine: Some(5.0),
        };
        let ours = vote("t/key/k", 5.0, Some(5.0));
        let base = Rating {
            mine: None,
            ..imported.clone()
        };
        assert_eq!(with_votes(Some(base), &[&ours], "t/key/k"), Some(imported));
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
            voter(&principal("a", "k", Some("user/k"))),
        ];
        for (place, one) in voters.iter().enumerate() {
            assert!(!voters[..place].contains(one), "{one}");
        }
        assert_eq!(voter(&principal("a", "other", Some("k"))), voters[2]);
    }
}

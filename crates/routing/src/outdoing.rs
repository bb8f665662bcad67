//! A change that was made outdoes older ones whose end is not known: settled later, they must not come out on top.

use backend::ports::{IntentQuery, IntentRecord};
use backend::{Intent, Result, Write};
use conversation::{ConversationId, JsonMap, RawJson};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Router;
use crate::writing::Writing;

/// The most noted writes of one conversation that are looked at.
const OLDER_MAX: usize = 1_000;

/// What is left of an older change.
#[derive(Debug, PartialEq)]
enum Left {
    /// All: the newer one changes something else.
    All,
    /// This much.
    Some(Box<Write>),
    /// Nothing.
    Nothing,
}

impl Router {
    /// Takes out of older noted changes what `writing` has changed, where it has.
    pub(crate) async fn outdo<T>(&self, writing: &Writing, written: &Result<T>) {
        if let (Ok(_), Some(newer)) = (written, &writing.follows) {
            self.outdo_older(writing.cx.fence, writing.at().id, newer)
                .await;
        }
    }

    /// Takes out of every noted change of a conversation that is older than `newer` what that one names. The caller holds
    /// the lease with the number `fence`. The newer one is done, so a failure here is only told.
    pub(crate) async fn outdo_older(
        &self,
        fence: Option<u64>,
        conversation: ConversationId,
        newer: &Intent,
    ) {
        if !matches!(
            newer.write,
            Write::UpdateConversation(_) | Write::UpdateMessage { .. }
        ) {
            return;
        }
        if let Err(error) = self.try_to_outdo(fence, conversation, newer).await {
            tracing::warn!(conversation.id = %conversation, %error, "older changes that are not settled could not be reduced");
        }
    }

    async fn try_to_outdo(
        &self,
        fence: Option<u64>,
        conversation: ConversationId,
        newer: &Intent,
    ) -> Result<()> {
        let query = IntentQuery {
            conversation: Some(conversation),
            limit: OLDER_MAX,
            ..IntentQuery::default()
        };
        let noted = self.intents.list(&query).await?.items;
        // A migration writes copies elsewhere, and settles its own.
        let is_older = |record: &IntentRecord| {
            record.migration.is_none()
                && record.intent.id != newer.id
                && record.intent.started_at <= newer.started_at
        };
        for mut record in noted.into_iter().filter(is_older) {
            match left_of(&record.intent.write, &newer.write) {
                Left::All => {}
                Left::Some(write) => {
                    record.intent.write = *write;
                    self.intents.begin_under(fence, &record).await?;
                }
                Left::Nothing => {
                    let id = record.intent.id;
                    self.intents.end_under(fence, id).await?;
                }
            }
        }
        Ok(())
    }
}

fn left_of(older: &Write, newer: &Write) -> Left {
    match (older, newer) {
        (Write::UpdateConversation(older), Write::UpdateConversation(newer)) => {
            left_of_patch(older, newer, Write::UpdateConversation)
        }
        (
            Write::UpdateMessage { id, patch: older },
            Write::UpdateMessage {
                id: same,
                patch: newer,
            },
        ) if id == same => left_of_patch(older, newer, |patch| Write::UpdateMessage {
            id: id.clone(),
            patch,
        }),
        _ => Left::All,
    }
}

fn left_of_patch<P: Serialize + DeserializeOwned + PartialEq>(
    older: &P,
    newer: &P,
    write: impl FnOnce(P) -> Write,
) -> Left {
    let left = members(older)
        .zip(members(newer))
        .and_then(|(older, newer)| {
            let left = without(older, &newer)?;
            let patch = RawJson::from_serialize(&left).ok()?.to::<P>().ok()?;
            Some((left.is_empty(), patch))
        });
    match left {
        // A patch is always an object, so both can be read.
        None => Left::All,
        Some((true, _)) => Left::Nothing,
        Some((false, patch)) if patch == *older => Left::All,
        Some((false, patch)) => Left::Some(Box::new(write(patch))),
    }
}

fn members(patch: &impl Serialize) -> Option<JsonMap> {
    RawJson::from_serialize(patch).ok()?.to().ok()
}

/// The members of a merge patch that a later one does not name. Objects merge, so they are taken apart; of everything
/// else the later one wins.
fn without(older: JsonMap, newer: &JsonMap) -> Option<JsonMap> {
    let mut left = JsonMap::new();
    for (key, value) in older {
        let Some(named) = newer.get(&key) else {
            left.insert(key, value);
            continue;
        };
        if value.get().starts_with('{') && named.get().starts_with('{') {
            let inner = without(value.to().ok()?, &named.to().ok()?)?;
            if !inner.is_empty() {
                left.insert(key, RawJson::from_serialize(&inner).ok()?);
            }
        }
    }
    Some(left)
}

#[cfg(test)]
mod tests {
    use conversation::ConversationPatch;

    use super::*;

    fn change(patch: &str) -> Write {
        Write::UpdateConversation(serde_json::from_str::<ConversationPatch>(patch).unwrap())
    }

    fn edit(id: &str, patch: &str) -> Write {
        Write::UpdateMessage {
            id: id.parse().unwrap(),
            patch: serde_json::from_str(patch).unwrap(),
        }
    }

    #[test]
    fn what_the_newer_change_names_is_taken_out_of_the_older_one() {
        for (older, newer, left) in [
            (
                r#"{"title":"a","labels":["a"]}"#,
                r#"{"labels":["b"]}"#,
                Some(r#"{"title":"a"}"#),
            ),
            (r#"{"title":"a"}"#, r#"{"title":null}"#, None),
            (r#"{"title":null}"#, r#"{"title":"b"}"#, None),
            (
                r#"{"metadata":{"a":1,"b":2,"c":{"d":1,"e":2}}}"#,
                r#"{"metadata":{"a":null,"c":{"d":3}}}"#,
                Some(r#"{"metadata":{"b":2,"c":{"e":2}}}"#),
            ),
            (r#"{"metadata":{"a":1}}"#, r#"{"metadata":null}"#, None),
            (r#"{"metadata":null}"#, r#"{"metadata":{"a":1}}"#, None),
            // The text of what stays is kept.
            (
                r#"{"title":"a","metadata":{"n":12345678901234567890123}}"#,
                r#"{"title":"b"}"#,
                Some(r#"{"metadata":{"n":12345678901234567890123}}"#),
            ),
        ] {
            let wanted = left.map_or(Left::Nothing, |left| Left::Some(Box::new(change(left))));
            assert_eq!(
                left_of(&change(older), &change(newer)),
                wanted,
                "{older} after {newer}"
            );
        }
    }

    #[test]
    fn changes_of_something_else_stay_whole() {
        let older = change(r#"{"title":"a"}"#);
        for newer in [
            change(r#"{"owner":"b"}"#),
            change("{}"),
            edit("m", r#"{"subject":"b"}"#),
            Write::DeleteConversation,
        ] {
            assert_eq!(left_of(&older, &newer), Left::All);
        }
        let older = edit("m", r#"{"subject":"a"}"#);
        assert_eq!(left_of(&older, &edit("n", r#"{"subject":"b"}"#)), Left::All);
        assert_eq!(
            left_of(&older, &edit("m", r#"{"subject":"b"}"#)),
            Left::Nothing
        );
    }
}

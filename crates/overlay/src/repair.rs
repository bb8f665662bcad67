//! Repair: settling fields that drifted, for operators.

use async_trait::async_trait;
use backend::ports::{Change, DriftQuery, KeptField, Repair, RepairSelection, Resolution};
use backend::{Context, Error, Kind, Location, Result, Write};
use conversation::{ConversationPatch, JsonMap, Message, MessageId, MessagePatch, Patch, RawJson};

use crate::conversations::applied;
use crate::fields::members::{Members, read, write as to_json};
use crate::fields::{Rules, lay_conversation, pointers};
use crate::index::under;
use crate::ratings::is_refusal;
use crate::{DriftPolicy, Overlay};

/// How many drifted fields are read at once.
const DRIFTED_PAGE: usize = 1_000;

/// The members of a message that can be changed at a backend.
const CHANGEABLE: [&str; 5] = ["parts", "subject", "status", "metadata", "extensions"];

#[async_trait]
impl Repair for Overlay {
    /// # Errors
    /// [`Kind::NotFound`] where the field that is named has not drifted, and those of the backend and of the state.
    async fn repair(
        &self,
        cx: &Context,
        at: &Location,
        selection: &RepairSelection,
        resolution: Resolution,
    ) -> Result<u64> {
        let is_meant = |row: &KeptField| {
            (selection.message.is_none() || selection.message == row.message)
                && selection
                    .pointer
                    .as_ref()
                    .is_none_or(|pointer| *pointer == row.pointer)
        };
        let mut rows = self.drifted_of(at).await?;
        rows.retain(is_meant);
        if rows.is_empty() && *selection != RepairSelection::default() {
            return Err(Error::new(Kind::NotFound, "no such field has drifted"));
        }
        match resolution {
            Resolution::KeepBackend => {
                let dropped = rows.iter().map(|row| Change::DropField {
                    message: row.message.clone(),
                    pointer: row.pointer.clone(),
                });
                self.apply(cx, at, dropped.collect()).await?;
            }
            Resolution::SendOurs => self.send_ours(cx, at, &rows).await?,
        }
        Ok(rows.len() as u64)
    }
}

impl Overlay {
    async fn drifted_of(&self, at: &Location) -> Result<Vec<KeptField>> {
        let mut query = DriftQuery {
            backend: Some(self.name().into()),
            conversation: Some(at.id),
            after: None,
            limit: DRIFTED_PAGE,
        };
        let mut rows = Vec::new();
        loop {
            let page = self.state().drifted(&query).await?;
            rows.extend(page.items.into_iter().map(|drifted| drifted.field));
            // A state that gives the same cursor again would be read for ever.
            if page.next.is_none() || page.next == query.after {
                return Ok(rows);
            }
            query.after = page.next;
        }
    }

    async fn send_ours(&self, cx: &Context, at: &Location, rows: &[KeptField]) -> Result<()> {
        let (messages, own): (Vec<&KeptField>, Vec<&KeptField>) =
            rows.iter().partition(|row| row.message.is_some());
        if !own.is_empty() {
            self.send_conversation(cx, at, &own).await?;
        }
        let mut ids: Vec<&MessageId> = messages
            .iter()
            .filter_map(|row| row.message.as_ref())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let own: Vec<&KeptField> = messages
                .iter()
                .copied()
                .filter(|row| row.message.as_ref() == Some(id))
                .collect();
            self.send_message(cx, at, id, &own).await?;
        }
        Ok(())
    }

    async fn send_conversation(
        &self,
        cx: &Context,
        at: &Location,
        rows: &[&KeptField],
    ) -> Result<()> {
        let kept = self.kept(at).await?;
        let (held, kept) = self.held_conversation(&cx.fresh(), at, kept).await?;
        let rules = Rules {
            policy: DriftPolicy::Kept,
            ..self.rules()
        };
        let wanted = lay_conversation(held.clone(), &kept.fields, &rules)?.object;
        let mut patch: ConversationPatch = read(&to_json(&merge_patch(rows, |_| true)?)?)?;
        let names = |field: &str| {
            rows.iter()
                .any(|row| pointers::field(&row.pointer) == field)
        };
        if names("labels") {
            patch.labels = Patch::Set(wanted.labels.clone());
        }
        if names("participants") {
            patch.participants = Patch::Set(wanted.participants.clone());
        }
        let sent = self.update_below(cx, at, &kept, &patch).await?;
        let is_sent = sent.is_some();
        let held = sent.unwrap_or(held);
        let done = self.keep_update(cx, at, &patch, wanted, held, &kept).await;
        done.map(drop)
            .map_err(|error| if is_sent { applied(error) } else { error })
    }

    async fn send_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        rows: &[&KeptField],
    ) -> Result<()> {
        let is_changeable = |row: &KeptField| CHANGEABLE.contains(&pointers::field(&row.pointer));
        let patch: MessagePatch = read(&to_json(&merge_patch(rows, is_changeable)?)?)?;
        let sent = self.change_message(cx, at, id, patch).await?;
        let is_sent = sent.is_some();
        let held = match sent {
            Some(held) => held,
            None => {
                self.below()
                    .get_message(&under(&cx.fresh()), at, id)
                    .await?
            }
        };
        let members = Members::of_message(&held)?;
        let settled = rows
            .iter()
            .map(|row| settled(row, members.get(&row.pointer)));
        let done = self.apply(cx, at, settled.collect()).await;
        done.map_err(|error| if is_sent { applied(error) } else { error })
    }

    /// Changes a message at the backend; nothing where it does not take the change.
    async fn change_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
    ) -> Result<Option<Message>> {
        let projection = self.below().preview(&Write::UpdateMessage {
            id: id.clone(),
            patch,
        });
        let Write::UpdateMessage { patch, .. } = projection.write else {
            return Ok(None);
        };
        if !projection.is_held
            || patch.is_empty()
            || !self.below().capabilities().message_update.works()
        {
            return Ok(None);
        }
        match self
            .below()
            .update_message(&under(cx), at, id, patch, None)
            .await
        {
            Ok(held) => Ok(Some(held)),
            Err(error) if is_refusal(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What becomes of a row, now that the backend holds `current`.
fn settled(row: &KeptField, current: Option<RawJson>) -> Change {
    if current == row.value {
        return Change::DropField {
            message: row.message.clone(),
            pointer: row.pointer.clone(),
        };
    }
    Change::Field(KeptField {
        base: current,
        drift: None,
        ..row.clone()
    })
}

/// The merge patch that gives each field of `rows` its kept value; lists of labels and participants are left out.
fn merge_patch(rows: &[&KeptField], is_wanted: impl Fn(&KeptField) -> bool) -> Result<JsonMap> {
    let mut patch = JsonMap::new();
    for row in rows.iter().copied().filter(|row| is_wanted(row)) {
        let names = pointers::names(&row.pointer);
        let is_list = matches!(pointers::field(&row.pointer), "labels" | "participants");
        if !is_list {
            put(&mut patch, &names, row.value.clone().unwrap_or_default())?;
        }
    }
    Ok(patch)
}

fn put(patch: &mut JsonMap, names: &[String], value: RawJson) -> Result<()> {
    match names {
        [] => {}
        [name] => drop(patch.insert(name.as_str().into(), value)),
        [name, rest @ ..] => {
            let mut inner: JsonMap = match patch.get(name.as_str()) {
                Some(inner) => read(inner)?,
                None => JsonMap::new(),
            };
            put(&mut inner, rest, value)?;
            patch.insert(name.as_str().into(), to_json(&inner)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pointer: &str, value: Option<&str>) -> KeptField {
        KeptField {
            message: None,
            pointer: pointer.into(),
            value: value.map(|text| RawJson::parse(text).unwrap()),
            base: None,
            unexpected: false,
            drift: None,
        }
    }

    #[test]
    fn kept_values_make_a_patch() {
        let rows = [
            row("/title", Some("\"t\"")),
            row("/owner", None),
            row("/metadata/a~1b", Some("{\"c\":1.50}")),
            row("/metadata/gone", None),
            row("/extensions/acme/x", Some("[1]")),
            row("/labels/urgent", Some("true")),
        ];
        let rows: Vec<&KeptField> = rows.iter().collect();
        let patch = merge_patch(&rows, |_| true).unwrap();
        assert_eq!(
            serde_json::to_string(&patch).unwrap(),
            r#"{"extensions":{"acme":{"x":[1]}},"metadata":{"a/b":{"c":1.50},"gone":null},"owner":null,"title":"t"}"#
        );
    }

    #[test]
    fn a_field_that_the_backend_holds_is_kept_no_more() {
        let row = row("/title", Some("\"long\""));
        let there = RawJson::parse("\"long\"").ok();
        assert!(matches!(settled(&row, there), Change::DropField { .. }));
        let short = RawJson::parse("\"lo\"").ok();
        let Change::Field(kept) = settled(&row, short.clone()) else {
            panic!()
        };
        assert_eq!((kept.value, kept.base), (row.value, short));
    }
}

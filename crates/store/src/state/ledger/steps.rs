//! Steps of a copy: what was done, what ended, and what begins, in one transaction.

use backend::Result;
use backend::ports::{CopyAt, IntentRecord, MigrationId, Step};

use super::{copied, items, migrations, places};
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, params};
use crate::state::{intents, overlay};

/// A step that is about to be noted: everything that needs no transaction is done.
pub(super) struct Ready {
    migration: MigrationId,
    at: CopyAt,
    step: Step,
    /// The intent that begins, as text.
    begun: Option<(IntentRecord, String)>,
    instance: Box<str>,
}

impl Ready {
    pub(super) fn new(
        migration: MigrationId,
        at: &CopyAt,
        step: &Step,
        instance: &str,
    ) -> Result<Self> {
        let mut step = step.clone();
        let begun = step
            .begun
            .take()
            .map(|record| json::to_text("intent", &record).map(|text| (record, text)))
            .transpose()?;
        Ok(Self {
            migration,
            at: at.clone(),
            step,
            begun,
            instance: instance.into(),
        })
    }

    /// Notes it. Of a conversation that was deleted only the place and what ended are noted, so that the copy is found
    /// and deleted too; false then, where a write was to begin: it must not.
    pub(super) fn store(&self, connection: &Connection) -> Attempt<bool> {
        let Self { at, step, .. } = self;
        for ended in &step.ended {
            connection
                .prepare_cached("DELETE FROM intents WHERE id = ?1")?
                .execute(params![ended.as_bytes()])?;
        }
        let noted = step
            .place
            .as_ref()
            .map(|location| places::note(connection, location))
            .transpose()?;
        if overlay::is_deleted(connection, &at.conversation.to_string())? {
            return Ok(self.begun.is_none());
        }
        if self.writes() {
            let to = match noted {
                Some(number) => number,
                None => places::enter(connection, at.conversation, &at.to)?,
            };
            self.store_copies(connection, to)?;
            if let Some(number) = migrations::known_number(connection, self.migration)? {
                items::uncheck(connection, number, at.conversation)?;
            }
        }
        if let Some((record, text)) = &self.begun {
            intents::store(connection, record, text, &self.instance)?;
        }
        Ok(true)
    }

    /// True where something changed at the target.
    fn writes(&self) -> bool {
        let Step {
            place: _,
            own,
            copied,
            dropped,
            attachments,
            ended: _,
            begun: _,
        } = &self.step;
        own.is_some() || !(copied.is_empty() && dropped.is_empty() && attachments.is_empty())
    }

    fn store_copies(&self, connection: &Connection, to: i64) -> Attempt<()> {
        let step = &self.step;
        if step.own.is_some() {
            places::note_own(connection, to, step.own.as_ref())?;
        }
        // A message that was written again was taken back before.
        copied::drop_messages(connection, to, &step.dropped)?;
        if step.copied.is_empty() && step.attachments.is_empty() {
            return Ok(());
        }
        let from = places::enter(connection, self.at.conversation, &self.at.from)?;
        copied::store_messages(connection, from, to, &step.copied)?;
        copied::store_attachments(connection, from, to, &step.attachments)
    }
}

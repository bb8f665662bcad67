//! How far each side has read a conversation: kept beside it, because only this vendor tells both.
//!
//! Each mark is an object of its own, so that what is known of a person can be erased with them.

use std::collections::BTreeMap;

use backend::ports::{FacadeObject, ObjectName, ObjectQuery};
use backend::{Error, Kind};
use conversation::{ConversationId, Time};

use super::answer::Refused;
use super::call::Call;

/// What marks are called in the gateway's state.
const MARKS: &str = "marks";
/// How often a change is tried against others.
const TRIES: usize = 8;
/// How many marks are read at once.
const PAGE: usize = 100;

/// When each participant of a conversation last read, by their ids.
pub(super) type Reads = BTreeMap<Box<str>, Time>;

/// What the names of a conversation's marks begin with. The business' mark has nothing more.
fn prefix(conversation: ConversationId) -> String {
    format!("{conversation}\n")
}

fn read(object: &FacadeObject) -> Result<Time, Refused> {
    serde_json::from_str(&object.document).map_err(|error| {
        Error::new(Kind::Internal, "a stored mark cannot be read")
            .source(error)
            .into()
    })
}

impl Call {
    fn mark_name(&self, conversation: ConversationId, person: Option<&str>) -> ObjectName {
        let id = prefix(conversation) + person.unwrap_or_default();
        self.object_name(MARKS, &id)
    }

    /// When the business last read a conversation that the caller may see.
    pub(super) async fn business_read(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Time>, Refused> {
        let name = self.mark_name(conversation, None);
        let found = self.state().object(&name).await?;
        found.as_ref().map(read).transpose()
    }

    /// When the participants last read a conversation that the caller may see.
    pub(super) async fn reads(&self, conversation: ConversationId) -> Result<Reads, Refused> {
        let mut reads = Reads::new();
        for object in self.all_marks(conversation).await? {
            if let Some(person) = &object.person {
                reads.insert(person.clone(), read(&object)?);
            }
        }
        Ok(reads)
    }

    async fn all_marks(&self, conversation: ConversationId) -> Result<Vec<FacadeObject>, Refused> {
        let prefix = prefix(conversation);
        let mut query = ObjectQuery {
            facade: super::KIND.into(),
            tenant: self.tenant().into(),
            kind: MARKS.into(),
            // Right before the business' mark.
            after: Some(conversation.to_string().into()),
            limit: PAGE,
        };
        let mut found = Vec::new();
        loop {
            let page = self.state().objects(&query).await?;
            let is_full = page.len() == PAGE;
            for object in page {
                if !object.name.id.starts_with(&prefix) {
                    return Ok(found);
                }
                query.after = Some(object.name.id.clone());
                found.push(object);
            }
            if !is_full {
                return Ok(found);
            }
        }
    }

    /// Moves the mark of a participant, or of the business, to now.
    pub(super) async fn note_read(
        &self,
        conversation: ConversationId,
        person: Option<&str>,
    ) -> Result<(), Refused> {
        let name = self.mark_name(conversation, person);
        for _ in 0..TRIES {
            let now = Time::now();
            let before = self.state().object(&name).await?;
            let document = serde_json::to_string(&now).map_err(|error| {
                Error::new(Kind::Internal, "a mark cannot be written").source(error)
            })?;
            let after = FacadeObject {
                name: name.clone(),
                alias: None,
                document: document.into(),
                conversation: Some(conversation),
                person: person.map(Into::into),
                created_at: before.as_ref().map_or(now, |object| object.created_at),
                updated_at: now,
            };
            let is_done = match &before {
                Some(before) => self.state().replace_object(before, &after).await?,
                None => match self.state().insert_object(&after).await {
                    Ok(()) => true,
                    Err(error) if error.kind == Kind::Conflict => false,
                    Err(error) => return Err(error.into()),
                },
            };
            if is_done {
                return Ok(());
            }
        }
        Err(Error::new(Kind::Busy, "the marks are being changed by others").into())
    }

    /// Forgets the marks of a conversation that is gone.
    pub(super) async fn forget_marks(&self, conversation: ConversationId) -> Result<(), Refused> {
        for object in self.all_marks(conversation).await? {
            self.state().remove_object(&object.name).await?;
        }
        Ok(())
    }
}

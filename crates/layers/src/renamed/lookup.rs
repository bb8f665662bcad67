//! Which id stands for which: one question for all ids of a call, and a second one only where some have no other id.
//!
//! An id without a name is the same on both sides, unless that would make it another's: a message that the backend calls
//! `7`, while callers know another one as `7`, is shown as `native-7`. The same holds the other way, so that whatever is
//! sent reads back as it was.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::str::FromStr;

use async_trait::async_trait;
use backend::ports::{Names, PlaceQuery};
use backend::{Error, Kind, Result};
use conversation::{AttachmentId, Message, MessageId};

use super::ids::{HasIds, Id};

/// Before an id that would be another's on the other side. No vendor's ids begin like this.
const APART: &str = "native-";

/// Where ids are to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Towards {
    Backend,
    Callers,
}

/// The names of one conversation at one backend.
pub(super) struct Lookup<'a> {
    names: &'a dyn Names,
    at: PlaceQuery,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(names: &'a dyn Names, at: PlaceQuery) -> Self {
        Self { names, at }
    }

    /// Replaces public ids by those that the backend knows.
    pub(super) async fn natives(&self, all: &mut [&mut (dyn HasIds + Send)]) -> Result<()> {
        self.replace(Towards::Backend, all).await
    }

    /// Replaces the backend's ids by public ones.
    pub(super) async fn publics(&self, all: &mut [&mut (dyn HasIds + Send)]) -> Result<()> {
        self.replace(Towards::Callers, all).await
    }

    /// The messages of the backend of which it is not known by which other id callers know them.
    pub(super) async fn unnamed(&self, messages: &[Message]) -> Result<HashSet<MessageId>> {
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id.clone()).collect();
        let found = self.names.message_publics(&self.at, &ids).await?;
        let named = exactly(found, ids.len())?;
        let unnamed = ids.into_iter().zip(named);
        Ok(unnamed
            .filter_map(|(id, name)| name.is_none().then_some(id))
            .collect())
    }

    async fn replace(&self, towards: Towards, all: &mut [&mut (dyn HasIds + Send)]) -> Result<()> {
        let (mut messages, mut attachments) = (Unique::default(), Unique::default());
        for one in all.iter_mut() {
            one.each_id(&mut |id| match id {
                Id::Message(id) | Id::MessageReference(id) => messages.add(id),
                Id::Attachment(id) | Id::AttachmentReference(id) => attachments.add(id),
            });
        }
        let messages = self.table(towards, messages).await?;
        let attachments = self.table(towards, attachments).await?;
        let mut failed = None;
        for one in all.iter_mut() {
            one.each_id(&mut |id| {
                let replaced = match id {
                    Id::Message(id) => messages.replace(id, false),
                    Id::MessageReference(id) => messages.replace(id, true),
                    Id::Attachment(id) => attachments.replace(id, false),
                    Id::AttachmentReference(id) => attachments.replace(id, true),
                };
                if let Err(error) = replaced {
                    failed = Some(error);
                }
            });
        }
        failed.map_or(Ok(()), Err)
    }

    async fn table<I: Named>(&self, towards: Towards, ids: Unique<I>) -> Result<Table<I>> {
        let mut table = Table {
            towards,
            names: HashMap::new(),
            others: HashSet::new(),
        };
        if ids.0.is_empty() {
            return Ok(table);
        }
        let mut asked = ids.0;
        let apart: Vec<I> = asked.iter().filter_map(together).collect();
        asked.extend(apart);
        let found = I::ask(self.names, &self.at, towards, &asked).await?;
        for (id, name) in asked.iter().zip(exactly(found, asked.len())?) {
            if let Some(name) = name {
                table.names.insert(id.clone(), name);
            }
        }
        // An id without a name may be the other side's word for something else.
        let mut unnamed = Unique::default();
        for id in asked.iter().filter(|id| !table.names.contains_key(*id)) {
            unnamed.add(id);
            if let Some(inner) = together(id) {
                unnamed.add(&inner);
            }
        }
        if unnamed.0.is_empty() {
            return Ok(table);
        }
        let back = match towards {
            Towards::Backend => Towards::Callers,
            Towards::Callers => Towards::Backend,
        };
        let found = I::ask(self.names, &self.at, back, &unnamed.0).await?;
        let count = unnamed.0.len();
        for (id, other) in unnamed.0.into_iter().zip(exactly(found, count)?) {
            if other.is_some() {
                table.others.insert(id);
            }
        }
        Ok(table)
    }
}

/// What was found of ids on their way to one side.
struct Table<I> {
    towards: Towards,
    /// Their ids on that side, where they have others.
    names: HashMap<I, I>,
    /// Those that are something else's on that side.
    others: HashSet<I>,
}

impl<I: Named> Table<I> {
    fn replace(&self, id: &mut I, is_reference: bool) -> Result<()> {
        if let Some(name) = self.names.get(id) {
            *id = name.clone();
            return Ok(());
        }
        if self.others.contains(id) {
            // What a message at the backend refers to without a name is what it was sent with: a public id.
            if is_reference && self.towards == Towards::Callers {
                return Ok(());
            }
            *id = format!("{APART}{id}").parse().map_err(|_| too_long())?;
            return Ok(());
        }
        if let Some(inner) = together(id)
            && self.names.contains_key(&inner)
            && !self.others.contains(&inner)
        {
            *id = inner;
        }
        Ok(())
    }
}

/// The id inside of one that was told apart.
fn together<I: Named>(id: &I) -> Option<I> {
    id.as_str().strip_prefix(APART)?.parse().ok()
}

/// Ids, each once.
struct Unique<I>(Vec<I>, HashSet<I>);

impl<I> Default for Unique<I> {
    fn default() -> Self {
        Self(Vec::new(), HashSet::new())
    }
}

impl<I: Named> Unique<I> {
    fn add(&mut self, id: &I) {
        if self.1.insert(id.clone()) {
            self.0.push(id.clone());
        }
    }
}

/// An id that may have another one at a backend.
#[async_trait]
trait Named: Clone + Eq + Hash + Display + FromStr + Send + Sync {
    fn as_str(&self) -> &str;

    async fn ask(
        names: &dyn Names,
        at: &PlaceQuery,
        towards: Towards,
        ids: &[Self],
    ) -> Result<Vec<Option<Self>>>;
}

#[async_trait]
impl Named for MessageId {
    fn as_str(&self) -> &str {
        Self::as_str(self)
    }

    async fn ask(
        names: &dyn Names,
        at: &PlaceQuery,
        towards: Towards,
        ids: &[Self],
    ) -> Result<Vec<Option<Self>>> {
        match towards {
            Towards::Backend => names.message_natives(at, ids).await,
            Towards::Callers => names.message_publics(at, ids).await,
        }
    }
}

#[async_trait]
impl Named for AttachmentId {
    fn as_str(&self) -> &str {
        Self::as_str(self)
    }

    async fn ask(
        names: &dyn Names,
        at: &PlaceQuery,
        towards: Towards,
        ids: &[Self],
    ) -> Result<Vec<Option<Self>>> {
        match towards {
            Towards::Backend => names.attachment_natives(at, ids).await,
            Towards::Callers => names.attachment_publics(at, ids).await,
        }
    }
}

/// As many answers as were asked for.
fn exactly<T>(found: Vec<T>, asked: usize) -> Result<Vec<T>> {
    if found.len() == asked {
        return Ok(found);
    }
    Err(Error::new(
        Kind::Internal,
        "the state told less of ids than it was asked",
    ))
}

fn too_long() -> Error {
    Error::new(
        Kind::InvalidResponse,
        "the id of a message or attachment is too long to be told from another's",
    )
}

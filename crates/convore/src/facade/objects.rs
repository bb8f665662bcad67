//! What only the vendor has, kept beside conversations: one JSON document for each object.

use std::time::Duration;

use backend::ports::{FacadeObject, ObjectName, ObjectQuery};
use backend::{Cursor, Error, Kind};
use conversation::{ConversationId, Time};
use moka::sync::Cache;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::Problem;
use super::{App, KIND};

/// How often a change is tried again that others got in the way of.
const ATTEMPTS_MAX: usize = 5;

/// Objects that are looked at together, and how often for one page.
const SCAN_PAGE: usize = 100;
const SCANNED_PAGES_MAX: usize = 10;

/// What is remembered of objects: that they are there.
pub(super) struct Memory(Cache<Box<str>, Box<str>>);

impl Memory {
    pub(super) fn new() -> Self {
        let remembered = Cache::builder()
            .max_capacity(100_000)
            .time_to_live(Duration::from_secs(60))
            .build();
        Self(remembered)
    }

    pub(super) fn get(&self, key: &str) -> Option<Box<str>> {
        self.0.get(key)
    }

    pub(super) fn put(&self, key: &str, value: &str) {
        self.0.insert(key.into(), value.into());
    }
}

/// What an object is about: it goes with that.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    /// The conversation.
    pub(super) conversation: Option<ConversationId>,
    /// The tenant's person, by the name that participants have.
    pub(super) person: Option<Box<str>>,
}

impl About {
    /// Of the tenant as a whole.
    pub(super) fn nobody() -> Self {
        Self::default()
    }
}

/// Objects of one kind, of one tenant.
pub(super) struct Objects<'a> {
    app: &'a App,
    tenant: &'a str,
    kind: &'a str,
}

/// An object and its document.
#[derive(Debug, Clone)]
pub(super) struct Object<T> {
    pub(super) kept: FacadeObject,
    pub(super) document: T,
}

impl<'a> Objects<'a> {
    pub(super) fn new(app: &'a App, tenant: &'a str, kind: &'a str) -> Self {
        Self { app, tenant, kind }
    }

    fn name(&self, id: &str) -> ObjectName {
        ObjectName {
            facade: KIND.into(),
            tenant: self.tenant.into(),
            kind: self.kind.into(),
            id: id.into(),
        }
    }

    fn query(&self, after: Option<&str>, limit: usize) -> ObjectQuery {
        ObjectQuery {
            facade: KIND.into(),
            tenant: self.tenant.into(),
            kind: self.kind.into(),
            after: after.map(Into::into),
            limit,
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        id: &str,
    ) -> Result<Option<Object<T>>, Problem> {
        let found = self.app.parts.state.object(&self.name(id)).await?;
        found.map(opened).transpose()
    }

    pub(super) async fn by_alias<T: DeserializeOwned>(
        &self,
        alias: &str,
    ) -> Result<Option<Object<T>>, Problem> {
        let state = &self.app.parts.state;
        let found = state.object_by_alias(&self.name(""), alias).await?;
        found.map(opened).transpose()
    }

    /// At most so many behind an id, in the order of their ids.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Object<T>>, Problem> {
        let query = self.query(after, limit);
        let found = self.app.parts.state.objects(&query).await?;
        found.into_iter().map(opened).collect()
    }

    /// At most `limit` that fit, and the cursor behind what was looked at. A page may be short, and still not the last.
    pub(super) async fn fitting<T: DeserializeOwned>(
        &self,
        cursor: Option<&str>,
        limit: usize,
        fits: impl Fn(&T) -> bool,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        let mut after = self.after(cursor)?;
        let mut found = Vec::new();
        for _ in 0..SCANNED_PAGES_MAX {
            let page = self.page::<T>(after.as_deref(), SCAN_PAGE + 1).await?;
            let has_more = page.len() > SCAN_PAGE;
            for object in page.into_iter().take(SCAN_PAGE) {
                if found.len() == limit {
                    let next = after.as_deref().map(|id| self.cursor(id)).transpose()?;
                    return Ok((found, next));
                }
                after = Some(object.kept.name.id.to_string());
                if fits(&object.document) {
                    found.push(object.document);
                }
            }
            if !has_more {
                return Ok((found, None));
            }
        }
        let next = after.as_deref().map(|id| self.cursor(id)).transpose()?;
        Ok((found, next))
    }

    pub(super) async fn count(&self) -> Result<u64, Problem> {
        let query = self.query(None, 1);
        Ok(self.app.parts.state.count_objects(&query).await?)
    }

    /// Keeps a new object; false where its id or its other name is taken.
    pub(super) async fn insert<T: Serialize>(
        &self,
        id: &str,
        alias: Option<&str>,
        document: &T,
        created_at: Time,
        about: About,
    ) -> Result<bool, Problem> {
        let object = FacadeObject {
            conversation: about.conversation,
            person: about.person,
            name: self.name(id),
            alias: alias.map(Into::into),
            document: written(document)?,
            created_at,
            updated_at: created_at,
        };
        match self.app.parts.state.insert_object(&object).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind == Kind::Conflict => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes an object, again where somebody else has just changed it. `change` tells the other name that it has then.
    pub(super) async fn change<T, F>(&self, id: &str, change: F) -> Result<Option<T>, Problem>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(&mut T) -> Option<String>,
    {
        self.change_with(id, change, |_| None).await
    }

    /// The same, where `person` tells whom it is about from then on; nothing keeps who it was.
    pub(super) async fn change_with<T, F>(
        &self,
        id: &str,
        change: F,
        person: impl Fn(&T) -> Option<Box<str>>,
    ) -> Result<Option<T>, Problem>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(&mut T) -> Option<String>,
    {
        for _ in 0..ATTEMPTS_MAX {
            let Some(Object { kept, mut document }) = self.get::<T>(id).await? else {
                return Ok(None);
            };
            let alias = change(&mut document);
            let after = FacadeObject {
                alias: alias.map(Into::into),
                document: written(&document)?,
                person: person(&document).or_else(|| kept.person.clone()),
                updated_at: Time::now(),
                ..kept.clone()
            };
            if self.app.parts.state.replace_object(&kept, &after).await? {
                return Ok(Some(document));
            }
        }
        Err(Error::new(Kind::Busy, "others change this at the same time").into())
    }

    pub(super) async fn remove(&self, id: &str) -> Result<bool, Problem> {
        Ok(self.app.parts.state.remove_object(&self.name(id)).await?)
    }

    /// The list that a cursor belongs to.
    fn list(&self) -> String {
        format!("{KIND}/{}/{}", self.tenant, self.kind)
    }

    /// The id behind which a page begins.
    pub(super) fn after(&self, cursor: Option<&str>) -> Result<Option<String>, Problem> {
        let read = |cursor: &str| Cursor::from(cursor).decode(&self.list());
        Ok(cursor.map(read).transpose()?)
    }

    /// The cursor behind an id.
    pub(super) fn cursor(&self, id: &str) -> Result<String, Problem> {
        let cursor = Cursor::encode(&self.list(), &id)?;
        Ok(cursor.as_str().to_owned())
    }
}

fn opened<T: DeserializeOwned>(kept: FacadeObject) -> Result<Object<T>, Problem> {
    let document = serde_json::from_str(&kept.document).map_err(|error| {
        Problem::from(Error::new(Kind::Internal, "a kept object cannot be read").source(error))
    })?;
    Ok(Object { kept, document })
}

fn written<T: Serialize>(document: &T) -> Result<Box<str>, Problem> {
    let text = serde_json::to_string(document).map_err(|error| {
        Problem::from(Error::new(Kind::Internal, "an object cannot be written").source(error))
    })?;
    Ok(text.into())
}

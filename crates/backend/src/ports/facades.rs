//! What facades keep beside conversations: things that only their vendor has (users, labels, contacts), and ids that
//! are spelled in a vendor's way.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::{ConversationId, Time};

use crate::Result;

/// Where an object of a facade is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The facade, by its vendor's kind.
    pub facade: Box<str>,
    /// The tenant: nobody sees another tenant's.
    pub tenant: Box<str>,
    /// What it is, such as `user`.
    pub kind: Box<str>,
    /// Its id, as the facade spells it.
    pub id: Box<str>,
}

/// Something that only a vendor's API has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacadeObject {
    /// Where it is kept.
    pub name: ObjectName,
    /// Its other name, where it has one: no two of one kind and tenant have the same.
    pub alias: Option<Box<str>>,
    /// What is kept, as JSON of the facade's own.
    pub document: Box<str>,
    /// The conversation that it is about: erased with it.
    pub conversation: Option<ConversationId>,
    /// The tenant's person whom it is about, by the name that participants have: erased with them.
    pub person: Option<Box<str>>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// Which objects are wanted, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectQuery {
    /// The facade.
    pub facade: Box<str>,
    /// The tenant.
    pub tenant: Box<str>,
    /// What they are.
    pub kind: Box<str>,
    /// Behind this id.
    pub after: Option<Box<str>>,
    /// At most so many.
    pub limit: usize,
}

/// What facades keep.
#[async_trait]
pub trait FacadeState: Debug + Send + Sync + 'static {
    /// An object.
    async fn object(&self, name: &ObjectName) -> Result<Option<FacadeObject>>;

    /// The object of this kind and tenant with this other name; the id in `name` is not looked at.
    async fn object_by_alias(&self, name: &ObjectName, alias: &str)
    -> Result<Option<FacadeObject>>;

    /// Objects of one kind, a page at a time.
    async fn objects(&self, query: &ObjectQuery) -> Result<Vec<FacadeObject>>;

    /// How many there are.
    async fn count_objects(&self, query: &ObjectQuery) -> Result<u64>;

    /// Notes a new object.
    ///
    /// # Errors
    /// [`crate::Kind::Conflict`] where its id or its other name is taken.
    async fn insert_object(&self, object: &FacadeObject) -> Result<()>;

    /// Replaces an object as a whole, where it still is what `before` was: false, and nothing is done, where it is not.
    ///
    /// # Errors
    /// [`crate::Kind::Conflict`] where the other name is taken.
    async fn replace_object(&self, before: &FacadeObject, after: &FacadeObject) -> Result<bool>;

    /// Removes an object; false where there was none.
    async fn remove_object(&self, name: &ObjectName) -> Result<bool>;

    /// Notes how a facade spells the ids of conversations, before anybody is shown them. One that is noted stays.
    async fn spell(&self, facade: &str, spelled: &[(Box<str>, ConversationId)]) -> Result<()>;

    /// The conversation whose id a facade spells like this.
    async fn spelled(&self, facade: &str, spelled: &str) -> Result<Option<ConversationId>>;
}

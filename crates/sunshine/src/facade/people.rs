//! Users, and the participants and authors who they are.
//!
//! A user is an object of the facade's own. As a participant it is a person with the user's external id, else with the
//! user's id: exactly what the adapter makes of the vendor's users, the other way round. Somebody whom only other ways made
//! known becomes a user when shown for the first time, with that name as the external id.

use backend::ports::{FacadeObject, ObjectName};
use backend::{Error, Kind};
use conversation::Time;
use uuid::Uuid;

use super::answer::Refused;
use super::call::Call;
use super::ids::{is_object_id, spell};
use super::known::{Known, document, empty_user, person_of};
use crate::wire::{Member, User};

/// What users are called in the gateway's state.
const USER: &str = "user";
/// How often a change is tried against others.
pub(super) const TRIES: usize = 8;

/// How a user is named by an external id: users of one brand have names of their own. No
/// id that was sent has a control character.
pub(super) fn alias(external_id: &str, brand_id: Option<&str>) -> String {
    match brand_id {
        Some(brand) => format!("{brand}\n{external_id}"),
        // Persons of other backends may be called anything; no brand is called nothing.
        None if external_id.chars().any(char::is_control) => format!("\n{external_id}"),
        None => external_id.to_owned(),
    }
}

impl Call {
    pub(super) fn object_name(&self, kind: &str, id: &str) -> ObjectName {
        ObjectName {
            facade: super::KIND.into(),
            tenant: self.tenant().into(),
            kind: kind.into(),
            id: id.into(),
        }
    }

    /// The user with this id, also a deleted one.
    pub(super) async fn user_object(&self, id: &str) -> Result<Option<Known>, Refused> {
        let found = self.state().object(&self.object_name(USER, id)).await?;
        found.map(Known::read).transpose()
    }

    /// The user with this other name, also a deleted one.
    pub(super) async fn user_alias(&self, alias: &str) -> Result<Option<Known>, Refused> {
        let name = self.object_name(USER, "");
        let found = self.state().object_by_alias(&name, alias).await?;
        found.map(Known::read).transpose()
    }

    /// Whether the caller's key may know of this person.
    pub(super) fn may_know(&self, known: &Known) -> bool {
        let own = self.caller.principal.user.as_deref();
        own.is_none_or(|own| own == known.person())
    }

    /// The user with this id.
    pub(super) async fn user_by_id(&self, id: &str) -> Result<Known, Refused> {
        let found = match self.user_object(id).await? {
            None if is_object_id(id) => self.adopt_from_conversations(id).await?,
            found => found,
        };
        found
            .filter(|known| !known.is_deleted && self.may_know(known))
            .ok_or_else(Refused::no_user)
    }

    /// The user with this external id.
    pub(super) async fn user_by_external_id(
        &self,
        external_id: &str,
        brand_id: Option<&str>,
    ) -> Result<Known, Refused> {
        let found = match self.user_alias(&alias(external_id, brand_id)).await? {
            None if brand_id.is_none() => self.adopt_from_conversations(external_id).await?,
            found => found,
        };
        found
            .filter(|known| !known.is_deleted && self.may_know(known))
            .ok_or_else(Refused::no_user)
    }

    /// The user whom a path names by either id.
    pub(super) async fn user_named(&self, name: &str) -> Result<Known, Refused> {
        let by_id = self.user_object(name).await?;
        if let Some(known) = by_id.filter(|known| !known.is_deleted && self.may_know(known)) {
            return Ok(known);
        }
        self.user_by_external_id(name, self.query.one("brandId"))
            .await
    }

    /// Makes a user.
    pub(super) async fn insert_user(&self, mut user: User) -> Result<Known, Refused> {
        let now = Time::now();
        let id = spell(now, &Uuid::now_v7().to_string());
        user.id = Member::Value(id.clone());
        let alias = user
            .external_id
            .value()
            .map(|external| alias(external, user.brand_id.value().map(String::as_str)));
        if let Some(alias) = &alias
            && let Some(known) = self.user_alias(alias).await?
        {
            if !known.is_deleted {
                return Err(Refused::user_exists());
            }
            // The name is free again; who had it stays the author of what was said, under the new id.
            self.state().remove_object(&known.object.name).await?;
        }
        // Who has no external id is known by the id: nobody else is called so.
        if let Some(external) = user.external_id.value()
            && is_object_id(external)
            && self.user_object(external).await?.is_some()
        {
            return Err(Refused::user_exists());
        }
        let person = person_of(&user, &id).to_owned();
        self.insert(&id, alias, user, &person)
            .await?
            .ok_or_else(Refused::user_exists)
    }

    /// Stores a new user, who is this person in conversations; `None` where a name is taken.
    pub(super) async fn insert(
        &self,
        id: &str,
        alias: Option<String>,
        user: User,
        person: &str,
    ) -> Result<Option<Known>, Refused> {
        let now = Time::now();
        let object = FacadeObject {
            name: self.object_name(USER, id),
            alias: alias.map(Into::into),
            document: document(&user, false)?,
            conversation: None,
            person: Some(person.into()),
            created_at: now,
            updated_at: now,
        };
        let known = Known {
            object,
            user,
            is_deleted: false,
        };
        match self.state().insert_object(&known.object).await {
            Ok(()) => {}
            Err(error) if error.kind == Kind::Conflict => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        self.note_mail(&known).await?;
        Ok(Some(known))
    }

    /// Changes a user.
    pub(super) async fn change_user(
        &self,
        known: &Known,
        change: impl Fn(&mut User) + Send + Sync,
    ) -> Result<Known, Refused> {
        let mut before = known.clone();
        for _ in 0..TRIES {
            let mut user = before.user.clone();
            change(&mut user);
            let after = FacadeObject {
                document: document(&user, false)?,
                updated_at: Time::now(),
                ..before.object.clone()
            };
            if self.state().replace_object(&before.object, &after).await? {
                let changed = Known {
                    object: after,
                    user,
                    is_deleted: false,
                };
                self.note_mail(&changed).await?;
                self.forget_mail(&before, Some(&changed)).await?;
                return Ok(changed);
            }
            before = self.user_by_id(known.id()).await?;
        }
        Err(Error::new(Kind::Busy, "the user is being changed by others").into())
    }

    /// Deletes a user: nothing but both ids is left.
    pub(super) async fn bury_user(&self, known: &Known) -> Result<(), Refused> {
        let mut before = known.clone();
        for _ in 0..TRIES {
            let user = User {
                id: before.user.id.clone(),
                external_id: before.user.external_id.clone(),
                brand_id: before.user.brand_id.clone(),
                ..empty_user()
            };
            let after = FacadeObject {
                document: document(&user, true)?,
                updated_at: Time::now(),
                ..before.object.clone()
            };
            if self.state().replace_object(&before.object, &after).await? {
                return self.forget_mail(&before, None).await;
            }
            match self.user_object(known.id()).await? {
                Some(known) => before = known,
                None => return Ok(()),
            }
        }
        Err(Error::new(Kind::Busy, "the user is being changed by others").into())
    }
}

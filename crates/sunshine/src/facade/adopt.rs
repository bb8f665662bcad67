//! Persons whom other ways made known, as users.

use backend::{ConversationFilter, ConversationQuery, PageRequest, SortKey};
use conversation::{Participant, Time};
use keys::is_user_name;

use super::answer::Refused;
use super::call::Call;
use super::checks;
use super::fit::label;
use super::ids::{is_object_id, spell};
use super::known::{Known, empty_user};
use super::membership::named;
use super::people::alias;
use crate::limits::{EXTERNAL_ID_MAX_CHARS, LABEL_MAX_CHARS};
use crate::mapping::profile_of;
use crate::wire::{Member, Profile, User};

/// A profile as the vendor could have it.
fn fitting(mut profile: Profile) -> Profile {
    label(&mut profile.given_name);
    let is_mail =
        |mail: &String| checks::is_text(mail, LABEL_MAX_CHARS) && checks::is_address(mail);
    profile.email = Member::from(profile.email.into_value().filter(is_mail));
    let url = profile.avatar_url.into_value();
    profile.avatar_url = Member::from(url.filter(|url| checks::is_url(url)));
    profile
}

impl Call {
    /// The user who a participant is, also a deleted one. Whoever is none yet becomes one.
    pub(super) async fn user_of(&self, person: &Participant) -> Result<Option<Known>, Refused> {
        let Some(id) = person.id.as_deref() else {
            return Ok(None);
        };
        let other_name = alias(id, None);
        if let Some(known) = self.user_alias(&other_name).await? {
            return Ok(Some(known));
        }
        if is_object_id(id)
            && let Some(known) = self.user_object(id).await?
        {
            return Ok(Some(known));
        }
        let has_own_form = is_object_id(id);
        let native = if has_own_form {
            id.to_owned()
        } else {
            spell(Time::now(), &format!("{}/{id}", self.tenant()))
        };
        let is_sayable = !has_own_form && id.chars().count() <= EXTERNAL_ID_MAX_CHARS;
        let user = User {
            id: Member::Value(native.clone()),
            external_id: Member::from(is_sayable.then(|| id.to_owned())),
            profile: Member::Value(fitting(profile_of(person).profile)),
            ..empty_user()
        };
        let noted = (!has_own_form).then(|| other_name.clone());
        if let Some(known) = self.insert(&native, noted, user, id).await? {
            return Ok(Some(known));
        }
        // Somebody else was shown the same person at the same moment.
        match self.user_alias(&other_name).await? {
            None => self.user_object(&native).await,
            found => Ok(found),
        }
    }

    /// Somebody who takes part in a conversation under this name and is no user yet.
    pub(super) async fn adopt_from_conversations(
        &self,
        name: &str,
    ) -> Result<Option<Known>, Refused> {
        let cx = self.cx();
        let query = ConversationQuery {
            filter: ConversationFilter {
                participant: Some(name.into()),
                ..ConversationFilter::default()
            },
            sort: SortKey::CreatedAt,
            page: PageRequest::first(1),
        };
        let found = self.backend().list_conversations(&cx, &query).await?;
        let Some(located) = found.page.items.into_iter().next() else {
            return self.adopt_owner(name).await;
        };
        let mut participants = located.conversation.participants;
        if participants.is_empty() {
            participants = self
                .backend()
                .list_participants(&cx, &located.location)
                .await?;
        }
        let is_named = |person: &Participant| person.id.as_deref() == Some(name);
        match participants.into_iter().find(is_named) {
            Some(person) => self.user_of(&person).await,
            None => self.adopt_owner(name).await,
        }
    }

    /// Somebody to whom conversations belong, whoever takes part in them.
    async fn adopt_owner(&self, name: &str) -> Result<Option<Known>, Refused> {
        let Some(acting) = self.caller.acting_for(name).filter(|_| is_user_name(name)) else {
            return Ok(None);
        };
        let cx = acting.context(self.shared.parts.limits.request_timeout);
        let query = ConversationQuery {
            filter: ConversationFilter::default(),
            sort: SortKey::CreatedAt,
            page: PageRequest::first(1),
        };
        let found = self.backend().list_conversations(&cx, &query).await?;
        if found.page.items.is_empty() {
            return Ok(None);
        }
        self.user_of(&named(name)).await
    }
}

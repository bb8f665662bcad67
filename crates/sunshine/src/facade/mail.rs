//! Users by mail address: for each address of a user an object beside the user, which goes with them.
//!
//! The vendor finds users by what they proved to own; a facade has nobody who could prove it, so the address in the
//! profile counts.

use backend::Kind;
use backend::ports::{FacadeObject, ObjectName, ObjectQuery};
use conversation::Time;

use super::answer::Refused;
use super::call::Call;
use super::known::Known;
use crate::wire::User;

/// What the objects are called in the gateway's state.
const MAIL: &str = "email";
/// How many are read at once.
const PAGE: usize = 100;

impl Call {
    /// The users with this mail address.
    pub(super) async fn users_by_mail(&self, mail: &str) -> Result<Vec<Known>, Refused> {
        let lower = mail.to_lowercase();
        let prefix = format!("{lower}\n");
        let mut query = ObjectQuery {
            facade: super::KIND.into(),
            tenant: self.tenant().into(),
            kind: MAIL.into(),
            after: Some(prefix.as_str().into()),
            limit: PAGE,
        };
        let mut found = Vec::new();
        loop {
            let page = self.state().objects(&query).await?;
            let is_full = page.len() == PAGE;
            for object in page {
                let Some(id) = object.name.id.strip_prefix(&prefix) else {
                    return Ok(found);
                };
                let known = self.user_object(id).await?;
                // An address that was changed at this moment still leads here.
                found.extend(known.filter(|known| {
                    !known.is_deleted
                        && self.may_know(known)
                        && mail_of(&known.user).as_deref() == Some(&*lower)
                }));
                query.after = Some(object.name.id);
            }
            if !is_full {
                return Ok(found);
            }
        }
    }

    fn mail_name(&self, mail: &str, user_id: &str) -> ObjectName {
        self.object_name(MAIL, &format!("{mail}\n{user_id}"))
    }

    /// Sees to it that a user is found by the mail address.
    pub(super) async fn note_mail(&self, known: &Known) -> Result<(), Refused> {
        let Some(mail) = mail_of(&known.user) else {
            return Ok(());
        };
        let now = Time::now();
        let object = FacadeObject {
            name: self.mail_name(&mail, known.id()),
            alias: None,
            document: "true".into(),
            conversation: None,
            person: Some(known.person().into()),
            created_at: now,
            updated_at: now,
        };
        match self.state().insert_object(&object).await {
            Err(error) if error.kind != Kind::Conflict => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Sees to it that a user is found no longer by the address of `before`, unless it is the one of `after` too.
    pub(super) async fn forget_mail(
        &self,
        before: &Known,
        after: Option<&Known>,
    ) -> Result<(), Refused> {
        let old = mail_of(&before.user);
        if let Some(mail) = old.filter(|old| {
            let new = after.and_then(|after| mail_of(&after.user));
            new.as_ref() != Some(old)
        }) {
            let name = self.mail_name(&mail, before.id());
            self.state().remove_object(&name).await?;
        }
        Ok(())
    }
}

/// A mail address as it is compared.
fn mail_of(user: &User) -> Option<String> {
    let mail = user.profile.value()?.email.value()?;
    Some(mail.to_lowercase())
}

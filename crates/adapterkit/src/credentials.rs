//! With whose credential a backend is called: the end user's, else the tenant's, else the backend's own.
//!
//! The choice is made where a conversation is created, and its location names it from then on. Nothing is remembered
//! here: a secret that is replaced is the next call's.

use backend::ports::{CredentialName, Credentials, was_removed_since};
use backend::{Applied, Error, Intent, Kind, Located, Outcome, Principal, Result, Settled};
use secrecy::SecretString;

/// A stored credential, chosen for a caller.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What the location of a conversation that is made with it carries.
    pub reference: Box<str>,
    /// The secret itself.
    pub secret: SecretString,
}

/// The name of the credential that all callers of a tenant share at a backend.
#[must_use]
pub fn of_tenant(backend: &str, tenant: &str) -> CredentialName {
    CredentialName {
        backend: backend.into(),
        reference: format!("tenant:{tenant}").into(),
    }
}

/// The stored credential with which this caller makes conversations at a backend: the end user's, else the tenant's;
/// `None`: the backend's own.
///
/// # Errors
/// Where the state fails; nothing was sent then.
pub async fn chosen(
    credentials: &dyn Credentials,
    backend: &str,
    principal: &Principal,
) -> Result<Option<Chosen>> {
    let tenant = &principal.tenant;
    let of_user = principal
        .user
        .as_deref()
        .map(|user| CredentialName::of_user(backend, tenant, user));
    for name in of_user.into_iter().chain([of_tenant(backend, tenant)]) {
        let secret = credentials.get(&name).await;
        if let Some(secret) = secret.map_err(|error| error.outcome(Outcome::NotApplied))? {
            return Ok(Some(Chosen {
                reference: name.reference,
                secret,
            }));
        }
    }
    Ok(None)
}

/// The credential that a location names.
///
/// # Errors
/// [`Kind::UpstreamAuth`] where it is not stored any more; nothing was sent then.
pub async fn named(
    credentials: &dyn Credentials,
    backend: &str,
    reference: &str,
) -> Result<SecretString> {
    let name = CredentialName {
        backend: backend.into(),
        reference: reference.into(),
    };
    let secret = credentials.get(&name).await;
    secret
        .map_err(|error| error.outcome(Outcome::NotApplied))?
        .ok_or_else(|| {
            let message =
                "the credential with which this conversation was made is missing: store it again";
            Error::new(Kind::UpstreamAuth, message)
                .outcome(Outcome::NotApplied)
                .at(backend, "credentials")
        })
}

/// Every credential that a create of this caller can have been sent with, as far as they are stored, the likeliest
/// first; `None` is the backend's own. Whose credential is chosen can have changed since. The looks with them are to be
/// told to what comes with it: it knows whether one of them was removed since the create.
///
/// # Errors
/// Where the state fails.
pub async fn possible(
    credentials: Option<&dyn Credentials>,
    backend: &str,
    principal: &Principal,
    create: &Intent,
) -> Result<(Vec<Option<Chosen>>, Looks)> {
    let mut all = Vec::new();
    let mut looks = Looks::default();
    if let Some(credentials) = credentials {
        let of_user = principal
            .user
            .as_deref()
            .map(|user| CredentialName::of_user(backend, &principal.tenant, user));
        let names = of_user
            .into_iter()
            .chain([of_tenant(backend, &principal.tenant)]);
        for name in names {
            looks.is_one_missing |=
                was_removed_since(credentials, &name, create.started_at).await?;
            if let Some(secret) = credentials.get(&name).await? {
                all.push(Some(Chosen {
                    reference: name.reference,
                    secret,
                }));
            }
        }
    }
    all.push(None);
    Ok((all, looks))
}

/// What several looks for one lost create tell together, each with another credential: it was done where all that find
/// one find the same, and not done only where none of them finds it and each of them could see everything.
#[derive(Debug, Default)]
pub struct Looks {
    taken: usize,
    found: Option<Box<Located>>,
    /// True where there is more than one that it may be, or something that cannot be read.
    is_unsure: bool,
    /// True where a credential is gone that it may have been made with.
    is_one_missing: bool,
    refused: Option<Error>,
    failed: Option<Error>,
}

impl Looks {
    /// Takes what one look has found.
    pub fn take(&mut self, look: Result<Settled>) {
        self.taken += 1;
        match look {
            Ok(Settled::Applied(Applied::Conversation(located))) => match &self.found {
                None => self.found = Some(located),
                // Two credentials of one account.
                Some(found) if found.location.native == located.location.native => {}
                Some(_) => self.is_unsure = true,
            },
            Ok(Settled::NotApplied) => {}
            // Of a create nothing else is found.
            Ok(Settled::Unknown | Settled::Applied(_)) => self.is_unsure = true,
            // What was made with a credential that is refused by now is out of sight.
            Err(error) if matches!(error.kind, Kind::UpstreamAuth | Kind::AccessEnded) => {
                self.refused = Some(error);
            }
            Err(error) => self.failed = Some(error),
        }
    }

    /// What all of the looks tell.
    ///
    /// # Errors
    /// Where one of them failed, and may see more when it is repeated.
    pub fn end(self) -> Result<Settled> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.is_unsure {
            return Ok(Settled::Unknown);
        }
        if let Some(found) = self.found {
            return Ok(Settled::Applied(Applied::Conversation(found)));
        }
        match self.refused {
            _ if self.is_one_missing => Ok(Settled::Unknown),
            Some(error) if self.taken == 1 => Err(error),
            Some(_) => Ok(Settled::Unknown),
            None => Ok(Settled::NotApplied),
        }
    }
}

#[cfg(test)]
mod tests {
    use backend::Location;
    use conversation::{ConversationId, NewConversation, Time};

    use super::*;

    fn found(native: &str, credential: Option<&str>) -> Result<Settled> {
        let location = Location {
            id: ConversationId::from_bits(7),
            backend: "vendor".into(),
            native: native.into(),
            credential: credential.map(Into::into),
            renamed: false,
        };
        let new = NewConversation::default();
        Ok(Settled::Applied(Applied::Conversation(Box::new(Located {
            conversation: new.into_conversation(location.id, "vendor", Time::now()),
            location,
        }))))
    }

    fn refused() -> Result<Settled> {
        Err(Error::new(Kind::UpstreamAuth, "no"))
    }

    fn told(looks: impl IntoIterator<Item = Result<Settled>>, is_one_missing: bool) -> String {
        let mut all = Looks {
            is_one_missing,
            ..Looks::default()
        };
        looks.into_iter().for_each(|look| all.take(look));
        match all.end() {
            Ok(Settled::Applied(Applied::Conversation(located))) => {
                let credential = located.location.credential.as_deref().unwrap_or("own");
                format!("{} with {credential}", located.location.native)
            }
            Ok(Settled::NotApplied) => "not applied".to_owned(),
            Ok(_) => "unknown".to_owned(),
            Err(error) => error.kind.as_str().to_owned(),
        }
    }

    #[test]
    fn looks_in_several_accounts_tell_one_thing_together() {
        let nothing = || Ok(Settled::NotApplied);
        let unsure = || Ok(Settled::Unknown);
        let away = || Err(Error::new(Kind::Unavailable, "away"));
        for (looks, wanted) in [
            (vec![nothing(), nothing()], "not applied"),
            (vec![nothing(), found("a", None)], "a with own"),
            // Two keys of one account see the same conversation.
            (
                vec![found("a", Some("tenant:t")), found("a", None)],
                "a with tenant:t",
            ),
            // One in each account: one of them is somebody else's.
            (
                vec![found("a", Some("tenant:t")), found("b", None)],
                "unknown",
            ),
            (vec![found("a", Some("tenant:t")), unsure()], "unknown"),
            (vec![unsure(), nothing()], "unknown"),
            (vec![refused(), found("a", None)], "a with own"),
            (vec![refused(), nothing()], "unknown"),
            (vec![refused()], "upstream-auth"),
            (vec![found("a", None), away()], "unavailable"),
        ] {
            let case = format!("{looks:?}");
            assert_eq!(told(looks, false), wanted, "{case}");
        }
        // One that was removed may have made it where nobody looks.
        assert_eq!(told([nothing()], true), "unknown");
        assert_eq!(told([refused()], true), "unknown");
        assert_eq!(told([found("a", None)], true), "a with own");
    }
}

//! Makes a new conversation at the first backend that can be reached, of those to which it may go.

use backend::{Context, Error, Kind, Located, Origin, Outcome, Result, Write};
use conversation::NewConversation;
use metrics::counter;

use crate::Router;
use crate::placing::Candidate;

impl Router {
    /// Makes a conversation where its rule leads. Where that backend has certainly not made it because it cannot be
    /// reached or does not work, the rule's fallbacks are tried, each after the note of the one before was ended: no two
    /// backends are ever asked while it is open whether one of them did it.
    ///
    /// # Errors
    /// That of the last backend that was tried.
    pub(crate) async fn make(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let mut candidates = self.place(cx, &new).await?.into_iter().peekable();
        while let Some(candidate) = candidates.next() {
            cx.trace.note_attempt();
            let Some(next) = candidates.peek() else {
                tell(cx, &candidate);
                return self.make_at(cx, &candidate, new).await;
            };
            match self.make_at(cx, &candidate, new.clone()).await {
                Err(error) if leads_on(&error) && !cx.remaining().is_zero() => {
                    let (from, to) = (candidate.slot.name(), next.slot.name());
                    tracing::warn!(
                        request.id = &*cx.request_id,
                        backend.name = from,
                        error.kind = error.kind.as_str(),
                        fallback = to,
                        "a new conversation goes to the fallback: its backend cannot be reached"
                    );
                    let labels = [("from", from.to_owned()), ("to", to.to_owned())];
                    counter!("dragoman_route_fallbacks_total", &labels).increment(1);
                }
                made => {
                    tell(cx, &candidate);
                    return made;
                }
            }
        }
        // A place is never empty.
        Err(Error::new(Kind::Internal, "there is no place for it"))
    }

    async fn make_at(
        &self,
        cx: &Context,
        candidate: &Candidate<'_>,
        new: NewConversation,
    ) -> Result<Located> {
        let Candidate {
            slot,
            route: _,
            overridden_by,
        } = candidate;
        // Until the directory knows it, discovery must not take it for somebody else's.
        let _creating = slot.begin_create();
        let write = || Write::CreateConversation(new.clone());
        let creating = self.begin_create(cx, slot, overridden_by, write).await?;
        let cx = creating.cx();
        let created = match slot.backend.create_conversation(cx, new).await {
            Ok(located) => self.own_made(&creating, located, overridden_by).await,
            Err(error) => Err(error),
        };
        creating.end(&created).await;
        created
    }
}

/// Tells the caller who was asked, and by which rule.
fn tell(cx: &Context, candidate: &Candidate<'_>) {
    cx.trace.note_backend(candidate.slot.name());
    cx.trace.note_route(&candidate.route);
}

/// True where another backend may get the conversation: certainly nothing was made, and the vendor could not be reached
/// or has a fault that passes. What it refuses is the caller's answer. A certificate that is refused stays so, which is
/// why nobody tries again there; but the vendor was not asked, so it is no refusal.
fn leads_on(error: &Error) -> bool {
    let is_theirs = match error.origin {
        Origin::Network => true,
        Origin::Upstream => error.is_temporary(),
        Origin::Client | Origin::Gateway => false,
    };
    is_theirs && error.outcome == Outcome::NotApplied
}

#[cfg(test)]
mod tests {
    use backend::Retry;

    use super::*;

    #[test]
    fn only_an_outage_before_anything_was_made_leads_on() {
        let outage = || Error::new(Kind::Unavailable, "down").origin(Origin::Upstream);
        assert!(leads_on(&outage()));
        assert!(leads_on(&outage().origin(Origin::Network)));
        assert!(leads_on(&outage().retry(Retry::Exhausted)));
        // As for a certificate that is refused.
        let untrusted = outage().origin(Origin::Network).retry(Retry::Permanent);
        assert!(leads_on(&untrusted));
        // What it asks is too much at the moment: another one has room.
        assert!(leads_on(
            &Error::new(Kind::RateLimited, "slow down").origin(Origin::Upstream)
        ));
        for stays in [
            outage().outcome(Outcome::Unknown),
            outage().outcome(Outcome::Applied),
            outage().origin(Origin::Gateway),
            outage().origin(Origin::Client),
            outage().retry(Retry::Permanent),
            Error::new(Kind::NotHeld, "too long"),
            Error::new(Kind::UpstreamAuth, "our credential"),
            Error::new(Kind::Timeout, "too late"),
            Error::new(Kind::Busy, "somebody writes"),
            Error::new(Kind::Overloaded, "full"),
        ] {
            assert!(!leads_on(&stays), "{stays:?}");
        }
    }
}

//! Where migrations lead: new conversations by route overrides, questions about the past to earlier homes.

use std::borrow::Cow;
use std::sync::Arc;

use backend::ports::{Ledger, MigrationId, RouteOverride, RouteOverrides};
use backend::{
    AttachmentContent, Context, Error, Intent, Kind, Location, Order, Outcome, Page, PageRequest,
    Position, Principal, Result, Settled,
};
use conversation::{AttachmentId, ConversationId, Message, MessageId};

use crate::Router;
use crate::writing::Found;

/// How many messages before a place are tried as its beginning: some may have been deleted since.
const ANCHORS_MAX: usize = 20;

/// What migrations have changed: given to the router by whoever has them.
#[derive(Debug, Clone)]
pub(crate) struct Overriding {
    pub(crate) overrides: Arc<dyn RouteOverrides>,
    pub(crate) ledger: Arc<dyn Ledger>,
}

impl Router {
    /// Notes that overrides led a new conversation to where it is.
    ///
    /// # Errors
    /// With the outcome `applied`: it was made.
    pub(crate) async fn note_born(&self, by: &[MigrationId], id: ConversationId) -> Result<()> {
        let Some(overriding) = &self.overriding else {
            return Ok(());
        };
        for migration in by {
            let noted = overriding.overrides.born(*migration, id).await;
            noted.map_err(|error| error.outcome(Outcome::Applied))?;
        }
        Ok(())
    }

    /// Where a conversation that was switched lived before, with the backends that are still configured.
    pub(crate) async fn earlier_homes(&self, now: &Location) -> Result<Vec<Found>> {
        let Some(overriding) = self.overriding.as_ref().filter(|_| now.renamed) else {
            return Ok(Vec::new());
        };
        let places = overriding.ledger.places(now.id).await?.into_iter();
        let earlier = places.filter(|place| place.backend != now.backend);
        Ok(earlier
            .filter_map(|location| {
                let slot = self.slots.get(&location.backend)?.clone();
                Some(Found { slot, location })
            })
            .collect())
    }

    /// An attachment that an earlier home of the conversation has: it was put there before a switch, and no message named
    /// it yet. `refused` is what the present home said; where the conversation itself is gone from there, nothing of it is
    /// told any more.
    pub(crate) async fn attachment_of_earlier_home(
        &self,
        cx: &Context,
        found: &Found,
        id: &AttachmentId,
        refused: Error,
    ) -> Result<AttachmentContent> {
        let homes = self.earlier_homes(&found.location).await?;
        if homes.is_empty() {
            return Err(refused);
        }
        found
            .backend()
            .get_conversation(cx, &found.location)
            .await?;
        let mut failed = None;
        for home in homes {
            let opened = home.backend().open_attachment(cx, &home.location, id);
            match opened.await {
                Ok(content) => return Ok(content),
                // Whoever cannot be asked now may have it.
                Err(error) if error.is_temporary() => failed = Some(error),
                Err(_) => {}
            }
        }
        Err(failed.unwrap_or(refused))
    }

    /// What became of a write that may have been sent before its conversation was switched. Its present home has not
    /// had it.
    pub(crate) async fn settle_at_earlier_homes(
        &self,
        cx: &Context,
        now: &Location,
        intent: &Intent,
        settled: Settled,
    ) -> Result<Settled> {
        let look = Context {
            looks_only: true,
            ..cx.clone()
        };
        let mut is_known = settled == Settled::NotApplied;
        for home in self.earlier_homes(now).await? {
            let intent = Intent {
                location: Some(home.location.clone()),
                ..intent.clone()
            };
            match home.backend().settle(&look, &intent).await? {
                Settled::Applied(applied) => return Ok(Settled::Applied(applied)),
                Settled::NotApplied => {}
                Settled::Unknown => is_known = false,
            }
        }
        Ok(if is_known {
            Settled::NotApplied
        } else {
            Settled::Unknown
        })
    }

    /// The page at a cursor that an earlier home of the conversation gave: a walk that began before a switch goes on
    /// after it. `refused` is what the present home said.
    pub(crate) async fn page_of_earlier_home(
        &self,
        cx: &Context,
        found: &Found,
        page: &PageRequest,
        refused: Error,
    ) -> Result<Page<Message>> {
        for home in self.earlier_homes(&found.location).await? {
            let anchors = match anchors(cx, &home, page).await {
                Ok(anchors) => anchors,
                Err(error) if error.kind == Kind::InvalidCursor => continue,
                Err(error) => return Err(error),
            };
            for position in anchors {
                let page = PageRequest {
                    position,
                    ..page.clone()
                };
                let listed = found
                    .backend()
                    .list_messages(cx, &found.location, &page)
                    .await;
                match listed {
                    // That message is gone by now: the next one nearby.
                    Err(error) if error.kind == Kind::NotFound => {}
                    listed => return listed,
                }
            }
        }
        Err(refused)
    }
}

/// Positions that mean the same as the cursor of `page` at an earlier home, the best first.
async fn anchors(cx: &Context, home: &Found, page: &PageRequest) -> Result<Vec<Option<Position>>> {
    // What is being written there counts as well, though readers do not see it: it has its place in the list.
    let cx = &Context {
        copying: true,
        ..cx.clone()
    };
    let is_after = matches!(page.position, Some(Position::After(_)));
    // The message on the far side of the cursor, whose neighbours on the near side are the anchors.
    let far = nearby(cx, home, 1, page.order, page.position.clone()).await?;
    let nearby = match (far.ids.into_iter().next(), is_after) {
        (Some(far), true) => {
            let before = Some(Position::BeforeMessage(far));
            let mut nearby = nearby(cx, home, ANCHORS_MAX, page.order, before).await?;
            nearby.ids.reverse();
            nearby
        }
        (Some(far), false) => {
            let after = Some(Position::AfterMessage(far));
            nearby(cx, home, ANCHORS_MAX, page.order, after).await?
        }
        // At an end of the list.
        (None, true) => nearby(cx, home, ANCHORS_MAX, reverse(page.order), None).await?,
        (None, false) => nearby(cx, home, ANCHORS_MAX, page.order, None).await?,
    };
    let begins_list = is_after && nearby.are_all;
    let mut positions: Vec<Option<Position>> = nearby
        .ids
        .into_iter()
        .map(|id| {
            Some(match is_after {
                true => Position::AfterMessage(id),
                false => Position::BeforeMessage(id),
            })
        })
        .collect();
    if begins_list {
        positions.push(None);
    }
    Ok(positions)
}

/// Messages next to a place.
struct Nearby {
    /// In the list's order; none only where there are none.
    ids: Vec<MessageId>,
    /// True where the list ends behind them.
    are_all: bool,
}

/// The messages next to a position, on its side. A page may be empty though more follow.
async fn nearby(
    cx: &Context,
    home: &Found,
    limit: usize,
    order: Order,
    mut position: Option<Position>,
) -> Result<Nearby> {
    loop {
        let is_backwards = matches!(
            position,
            Some(Position::Before(_) | Position::BeforeMessage(_))
        );
        let page = PageRequest {
            limit,
            order,
            position,
        };
        let listed = home.backend().list_messages(cx, &home.location, &page);
        let listed = listed.await?;
        let onwards = match is_backwards {
            true => listed.previous.map(Position::Before),
            false => listed.next.map(Position::After),
        };
        if listed.items.is_empty() && onwards.is_some() {
            position = onwards;
            continue;
        }
        return Ok(Nearby {
            ids: listed.items.into_iter().map(|one| one.id).collect(),
            are_all: onwards.is_none(),
        });
    }
}

fn reverse(order: Order) -> Order {
    match order {
        Order::Asc => Order::Desc,
        Order::Desc => Order::Asc,
    }
}

/// Where overrides lead.
#[derive(Debug, PartialEq)]
pub(crate) struct Led<'a> {
    pub(crate) to: Cow<'a, str>,
    pub(crate) route: Cow<'a, str>,
    pub(crate) by: Vec<MigrationId>,
}

/// Follows overrides, oldest first, from where a rule leads.
pub(crate) fn follow<'a>(
    to: &'a str,
    route: &'a str,
    principal: &Principal,
    overrides: &[RouteOverride],
) -> Led<'a> {
    let mut led = Led {
        to: to.into(),
        route: route.into(),
        by: Vec::new(),
    };
    for one in overrides {
        let is_theirs = one
            .tenant
            .as_deref()
            .is_none_or(|tenant| tenant == &*principal.tenant);
        if is_theirs && *one.from == *led.to {
            led.to = one.to.to_string().into();
            led.route = format!("{}, override {}", led.route, one.migration).into();
            led.by.push(one.migration);
        }
    }
    led
}

#[cfg(test)]
mod tests {
    use conversation::Time;

    use super::*;

    fn one(from: &str, to: &str, tenant: Option<&str>) -> RouteOverride {
        RouteOverride {
            migration: MigrationId::generate(),
            from: from.into(),
            to: to.into(),
            tenant: tenant.map(Into::into),
            since: Time::now(),
        }
    }

    fn principal() -> Principal {
        Principal {
            tenant: "acme".into(),
            key: "k".into(),
            user: None,
            scopes: Vec::new(),
        }
    }

    #[test]
    fn overrides_are_followed_from_the_oldest_to_the_newest() {
        let chain = [one("a", "b", None), one("b", "c", None)];
        let led = follow("a", "rule", &principal(), &chain);
        let names = (chain[0].migration, chain[1].migration);
        assert_eq!(&*led.to, "c");
        assert_eq!(
            &*led.route,
            format!("rule, override {}, override {}", names.0, names.1)
        );
        assert_eq!(led.by, [names.0, names.1]);

        // There and back again ends where it began.
        let back = [one("a", "b", None), one("b", "a", None)];
        assert_eq!(&*follow("a", "rule", &principal(), &back).to, "a");
        assert_eq!(&*follow("b", "rule", &principal(), &back).to, "a");
    }

    #[test]
    fn another_tenants_override_leads_nobody_else() {
        let theirs = [one("a", "b", Some("other"))];
        let led = follow("a", "rule", &principal(), &theirs);
        assert_eq!((&*led.to, &*led.route), ("a", "rule"));
        assert!(led.by.is_empty());
        let ours = [one("a", "b", Some("acme"))];
        assert_eq!(&*follow("a", "rule", &principal(), &ours).to, "b");
    }
}

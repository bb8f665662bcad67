//! Places in a list of messages, as callers carry them.

use backend::ports::Place;
use backend::{Cursor, Location, Order, Page, Result};
use conversation::{Message, MessageId, Time};
use serde::{Deserialize, Serialize};

/// What a cursor of ours leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// A place in the index.
    #[serde(rename = "p")]
    Place(Place),
    /// A place in the backend's own list.
    #[serde(rename = "b")]
    Backend {
        /// The backend's cursor.
        #[serde(rename = "c")]
        cursor: Cursor,
        /// The message that the cursor stands at: where the conversation has an index by then, the page goes on there.
        #[serde(rename = "m")]
        anchor: MessageId,
        /// When it was said, for one that is gone by then.
        #[serde(rename = "t")]
        sent_at: Time,
    },
}

/// The name of a list: everything that selects and orders it.
pub(crate) fn list_name(backend: &str, at: &Location, order: Order) -> String {
    let order = match order {
        Order::Asc => "asc",
        Order::Desc => "desc",
    };
    format!("overlay/{backend}/messages/{}/{order}", at.id)
}

/// The backend's page with cursors of ours.
///
/// # Errors
/// Where a cursor cannot be written.
pub(crate) fn of_backend(list: &str, page: Page<Message>) -> Result<Page<Message>> {
    let mark = |cursor: Option<Cursor>, anchor: Option<&Message>| match (cursor, anchor) {
        (Some(cursor), Some(anchor)) => {
            let mark = Mark::Backend {
                cursor,
                anchor: anchor.id.clone(),
                sent_at: anchor.sent_at,
            };
            Cursor::encode(list, &mark).map(Some)
        }
        // A page without items stands nowhere.
        _ => Ok(None),
    };
    let next = mark(page.next, page.items.last())?;
    let previous = mark(page.previous, page.items.first())?;
    Ok(Page {
        items: page.items,
        next,
        previous,
    })
}

/// A cursor to a place in the index.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn to_place(list: &str, place: Place) -> Result<Cursor> {
    Cursor::encode(list, &Mark::Place(place))
}

/// The place right before all that counts as said at `time`, in the direction of a walk: what is there is met again
/// rather than missed.
pub(crate) fn before_time(time: Time, walk: Order) -> Place {
    match walk {
        Order::Asc => Place {
            time: time.saturating_add_micros(-1),
            arrival: i64::MAX as u64,
        },
        Order::Desc => Place {
            time: time.saturating_add_micros(1),
            arrival: 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use backend::Kind;
    use conversation::{ConversationId, NewMessage, Role};
    use proptest::prelude::*;

    use super::*;

    fn location() -> Location {
        Location {
            id: ConversationId::from_bits(7),
            backend: "b".into(),
            native: "n".into(),
            credential: None,
            renamed: false,
        }
    }

    fn message(id: &str, micros: i64) -> Message {
        let now = Time::from_micros(micros).unwrap();
        NewMessage::text(Role::User, "x").into_message(id.parse().unwrap(), location().id, now)
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back_in_its_own_list_only(
            micros in -1_000_000_000_000_000_i64..4_000_000_000_000_000,
            arrival in 0_u64..(1 << 40),
            inner in "[A-Za-z0-9_-]{0,400}",
        ) {
            let list = list_name("b", &location(), Order::Asc);
            let time = Time::from_micros(micros).unwrap();
            let place = Place { time, arrival };
            let cursor = to_place(&list, place).unwrap();
            prop_assert_eq!(cursor.decode::<Mark>(&list).unwrap(), Mark::Place(place));

            let page = Page {
                items: vec![message("a", micros), message("z", micros)],
                next: Some(Cursor::from(inner.as_str())),
                previous: Some(Cursor::from(inner.as_str())),
            };
            let page = of_backend(&list, page).unwrap();
            for (cursor, anchor) in [(page.next, "z"), (page.previous, "a")] {
                let cursor = cursor.unwrap();
                let wanted = Mark::Backend {
                    cursor: Cursor::from(inner.as_str()),
                    anchor: anchor.parse().unwrap(),
                    sent_at: time,
                };
                prop_assert_eq!(cursor.decode::<Mark>(&list).unwrap(), wanted);
                let other = list_name("b", &location(), Order::Desc);
                prop_assert_eq!(
                    cursor.decode::<Mark>(&other).unwrap_err().kind,
                    Kind::InvalidCursor
                );
            }
        }

        #[test]
        fn what_was_said_at_a_time_comes_behind_the_place_before_it(
            micros in -1_000_000_000_000_i64..1_000_000_000_000,
            arrival in 1_u64..1_000,
        ) {
            let time = Time::from_micros(micros).unwrap();
            let place = Place { time, arrival };
            prop_assert!(before_time(time, Order::Asc) < place);
            prop_assert!(before_time(time, Order::Desc) > place);
        }
    }

    #[test]
    fn a_page_without_items_has_no_cursors() {
        let page = Page {
            items: Vec::new(),
            next: Some(Cursor::from("x")),
            previous: None,
        };
        assert_eq!(of_backend("list", page).unwrap().next, None);
    }
}

//! History that is stored.

mod again;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use backend::ports::{Change, Holder, IndexState, Kept};
use backend::{Context, Error, FieldFate, Kind, Location, Result, Write};
use conversation::{Message, MessageId, NewMessage, Time};

use crate::Overlay;
use crate::fidelity::{self, note_written};
use crate::fields::{Judged, message_changes};
use crate::index::{impersonal, not_applied, under};
use crate::posts::{applied, fates_of, kept_here, rows_of};
use crate::ratings::{is_refusal, take_own_vote};

/// The most messages of one call below where the backend names no number.
const IMPORT_MAX: usize = 1_000;

/// The id of the `nth` message of an import that only the gateway has.
pub(crate) fn kept_id(cx: &Context, nth: usize) -> MessageId {
    MessageId::derive(&["kept", &cx.intent.to_string(), &nth.to_string()])
}

/// One message of an import, and what becomes of it.
pub(crate) struct Item {
    pub(crate) new: NewMessage,
    pub(crate) fates: Vec<FieldFate>,
    pub(crate) way: Way,
}

pub(crate) enum Way {
    /// Refused before anything was sent, or by the backend.
    Failed(Error),
    /// To be kept here.
    Here,
    /// To be sent, like this.
    Below(Box<NewMessage>),
    /// Stored by the backend, like this.
    Stored(Box<Message>),
    /// The backend has it, like this, and it is hidden here: it is shown again, and takes its place anew.
    Again(Box<Message>),
}

/// What is to be stored here of an import, and what is told of each message.
struct Noted {
    changes: Vec<Change>,
    told: Vec<Result<(Message, Vec<backend::ports::KeptField>)>>,
    newest: Option<Time>,
}

impl Overlay {
    /// Stores history: at the backend what it holds, in runs, the rest here.
    pub(crate) async fn import(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let mut kept = self.known_for_import(cx, at).await.map_err(not_applied)?;
        let mut items = Vec::with_capacity(messages.len());
        for new in messages {
            items.push(self.way_of(cx, at, &kept, new).await?);
        }
        if kept.index.is_none() && items.iter().any(needs_place) {
            kept = self.indexed(cx, at).await?.0;
        }
        if cx.copying && kept.index.is_some() {
            self.find_hidden(at, &mut items)
                .await
                .map_err(not_applied)?;
        }
        self.send_runs(cx, at, &kept, &mut items).await?;
        let is_sent = items.iter().any(|item| matches!(item.way, Way::Stored(_)));
        let outcome = if is_sent { applied } else { not_applied };
        if kept.index.is_none() && items.iter().any(|item| matches!(item.way, Way::Here)) {
            self.indexed_apart_from(cx, at, &stored(&items))
                .await
                .map_err(outcome)?;
        }
        self.note_imported(cx, at, items).await.map_err(outcome)
    }

    /// What is kept of a conversation into which history is imported. A copy comes in many calls: where there is an index
    /// they put themselves into it, by their own times, and nothing needs to be read for each of them.
    async fn known_for_import(&self, cx: &Context, at: &Location) -> Result<Arc<Kept>> {
        if cx.copying {
            let kept = self.kept(at).await?;
            let is_indexed = |index: &IndexState| index.native == at.native;
            if kept.index.as_ref().is_some_and(is_indexed) {
                return Ok(kept);
            }
        }
        self.refreshed(cx, at).await
    }

    /// What is to become of a message.
    async fn way_of(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        new: NewMessage,
    ) -> Result<Item> {
        let foretold = self.foretell(&Write::ImportMessage(new.clone()));
        let refused = foretold.check(cx, self.name()).err();
        let mut fates = foretold.fates;
        if let Some(error) = refused {
            let way = Way::Failed(error);
            return Ok(Item { new, fates, way });
        }
        let sent = if cx.beside {
            None
        } else {
            self.held_of(at, kept, &new, Write::ImportMessage).await?
        };
        let Some(mut sent) = sent else {
            let way = self.way_here(cx);
            return Ok(Item { new, fates, way });
        };
        let mut way = None;
        if let Some(fate) = self.refer(at, kept, &mut sent).await? {
            way = self.must_hold(cx, std::slice::from_ref(&fate)).err();
            fates.push(fate);
        }
        let way = match way {
            Some(error) => Way::Failed(error),
            None => Way::Below(Box::new(sent)),
        };
        Ok(Item { new, fates, way })
    }

    /// Keeps a message here, where the caller allows it.
    fn way_here(&self, cx: &Context) -> Way {
        match fidelity::allow(cx, self.name(), &kept_here()) {
            Ok(()) => Way::Here,
            Err(error) => Way::Failed(error),
        }
    }

    /// Sends what goes below, at most so many at once as the backend takes. Fails only where nothing was stored before.
    async fn send_runs(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        items: &mut [Item],
    ) -> Result<()> {
        let limit = self
            .below()
            .capabilities()
            .limits
            .import_max_messages
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(IMPORT_MAX)
            .max(1);
        let places: Vec<usize> = items
            .iter()
            .enumerate()
            .filter_map(|(place, item)| matches!(item.way, Way::Below(_)).then_some(place))
            .collect();
        let mut is_first = true;
        for run in places.chunks(limit) {
            let sent: Vec<NewMessage> = run
                .iter()
                .filter_map(|place| match items.get(*place).map(|item| &item.way) {
                    Some(Way::Below(sent)) => Some((**sent).clone()),
                    _ => None,
                })
                .collect();
            let results = self.below().import_messages(&under(cx), at, sent).await;
            let mut results: VecDeque<Result<Message>> = match results {
                Ok(results) if results.len() == run.len() => results.into(),
                Ok(_) => {
                    return Err(Error::new(
                        Kind::InvalidResponse,
                        "the backend tells another number of results than messages were sent",
                    )
                    .at(self.name(), "import_messages"));
                }
                Err(error) if self.has_ended(kept, &error) => {
                    self.note_ended(cx, at).await?;
                    for place in run {
                        if let Some(item) = items.get_mut(*place) {
                            item.way = self.way_here(cx);
                        }
                    }
                    continue;
                }
                Err(error) if is_first && !is_refusal(&error) => return Err(error),
                Err(error) => run.iter().map(|_| Err(error.clone())).collect(),
            };
            is_first = false;
            for place in run {
                let (Some(item), Some(result)) = (items.get_mut(*place), results.pop_front())
                else {
                    continue;
                };
                item.way = match result {
                    Ok(message) => Way::Stored(Box::new(message)),
                    Err(error) if is_refusal(&error) => {
                        let fates = fates_of(&error.violations);
                        match self.must_hold(cx, &fates) {
                            Ok(()) => {
                                item.fates.extend(fates);
                                self.way_here(cx)
                            }
                            Err(error) => Way::Failed(error),
                        }
                    }
                    Err(error) => Way::Failed(error),
                };
            }
        }
        Ok(())
    }

    /// Stores here what the backend does not hold, and tells what became of each message. The same for an import whose
    /// answer was lost and that was found.
    pub(crate) async fn note_imported(
        &self,
        cx: &Context,
        at: &Location,
        items: Vec<Item>,
    ) -> Result<Vec<Result<Message>>> {
        let now = Time::now();
        let is_indexed = self.kept(at).await?.index.is_some();
        let mut noted = Noted {
            changes: Vec::new(),
            told: Vec::with_capacity(items.len()),
            newest: None,
        };
        for (nth, item) in items.into_iter().enumerate() {
            let is_again = matches!(item.way, Way::Again(_));
            match item.way {
                Way::Failed(error) => noted.told.push(Err(error)),
                Way::Here | Way::Below(_) => {
                    let mut message = item.new.into_message(kept_id(cx, nth), at.id, now);
                    cx.trace.note_fates(message.id.as_str(), item.fates);
                    noted.newest = noted.newest.max(Some(message.sent_at));
                    let vote = take_own_vote(cx, &mut message)?;
                    noted.changes.push(Change::Message {
                        time: message.sent_at,
                        holder: Holder::Gateway,
                        message: Box::new(message.clone()),
                    });
                    let rows = rows_of(vote.as_slice());
                    noted.changes.extend(vote);
                    noted.told.push(Ok((message, rows)));
                }
                Way::Stored(held) | Way::Again(held) => {
                    let held = impersonal(*held);
                    if is_again {
                        noted.changes.push(Change::Remove(held.id.clone()));
                    }
                    let changes = imported(cx, at, &item.new, &held, &item.fates)?;
                    let rows = rows_of(&changes);
                    note_written(cx, held.id.as_str(), &changes, &item.fates);
                    noted.changes.extend(changes);
                    if is_indexed {
                        noted.changes.push(Change::Message {
                            time: item.new.sent_at.unwrap_or(held.sent_at),
                            holder: Holder::Backend(at.native.clone()),
                            message: Box::new(held.clone()),
                        });
                    }
                    noted.told.push(Ok((held, rows)));
                }
            }
        }
        if let Some(newest) = noted.newest {
            noted.changes.push(Change::Touch {
                updated_at: now,
                last_message_at: Some(newest),
            });
        }
        self.apply(cx, at, noted.changes).await?;
        let told = noted.told.into_iter().map(|told| {
            let (message, rows) = told?;
            self.shows(cx, message, &rows)
        });
        Ok(told.collect())
    }
}

/// The rows that an imported message has beside what the backend holds of it.
fn imported(
    cx: &Context,
    at: &Location,
    new: &NewMessage,
    held: &Message,
    fates: &[FieldFate],
) -> Result<Vec<Change>> {
    let mut wanted = new
        .clone()
        .into_message(held.id.clone(), at.id, held.sent_at);
    let vote = take_own_vote(cx, &mut wanted)?;
    let mut changes = message_changes(&wanted, Judged::Whole, held, fates)?;
    changes.extend(vote);
    Ok(changes)
}

/// The messages that the backend has just stored.
pub(crate) fn stored(items: &[Item]) -> HashSet<MessageId> {
    let stored = items.iter().filter_map(|item| match &item.way {
        Way::Stored(message) => Some(message.id.clone()),
        Way::Here | Way::Below(_) | Way::Again(_) | Way::Failed(_) => None,
    });
    stored.collect()
}

/// True for a message whose place only an index can tell: it is kept here, or the backend does not know when it was
/// said.
fn needs_place(item: &Item) -> bool {
    match item.way {
        Way::Here => true,
        Way::Below(_) => item.fates.iter().any(|fate| fate.pointer == "/sent_at"),
        Way::Failed(_) | Way::Stored(_) | Way::Again(_) => false,
    }
}

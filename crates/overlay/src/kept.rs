//! What is kept of conversations: read once per page, held in memory within a bound, right after every change.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::ports::{Change, Held, Kept, KeptAt, KeptField};
use backend::{Context, Error, Kind, Location, Outcome, Result};
use conversation::{ConversationId, MessageId};
use moka::sync::Cache;
use tracing::Instrument as _;

use crate::Overlay;
use crate::fields::pointers;

/// How long rows stay in memory. Every change made here forgets them at once; the limit is for one that was made
/// elsewhere.
const CACHE_MAX_AGE: Duration = Duration::from_secs(300);

/// How long is waited for another process that changes rows of the same conversation: longer than a dead one's lease lasts.
const CHANGE_PATIENCE: Duration = Duration::from_secs(20);

/// How many watches there are over changes: two conversations that share one wait for each other's changes, and cost
/// each other a reading.
const WATCHES: usize = 1_024;

/// Rows in memory, by conversation, within a number of bytes; also that there are none.
///
/// A reader who began before a change must not put back what it read: it takes a ticket first, and what it read is
/// held only where nothing has begun or ended to change under that ticket.
#[derive(Debug)]
pub(crate) struct KeptCache {
    /// Absent where other processes change the same rows: nobody would tell.
    rows: Option<Cache<ConversationId, Arc<Kept>>>,
    watches: Vec<Watch>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Watch {
    /// Whose turn it is to change: who decides by what it reads must not be overtaken.
    turn: tokio::sync::Mutex<()>,
    count: Mutex<Count>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    /// How many changes have begun or ended.
    changes: u64,
    /// How many run now.
    running: u32,
}

impl Watch {
    fn count(&self) -> MutexGuard<'_, Count> {
        // Two counters are whole after every step.
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reader takes before it reads.
#[derive(Debug, Clone, Copy)]
struct Ticket(u64);

impl KeptCache {
    pub(crate) fn new(max_bytes: u64) -> Self {
        let rows = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, kept: &Arc<Kept>| u32::try_from(bytes(kept)).unwrap_or(u32::MAX))
            .time_to_live(CACHE_MAX_AGE)
            .build();
        Self {
            rows: Some(rows),
            ..Self::off()
        }
    }

    /// One that holds nothing.
    pub(crate) fn off() -> Self {
        Self {
            rows: None,
            watches: (0..WATCHES).map(|_| Watch::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    fn get(&self, id: ConversationId) -> Option<Arc<Kept>> {
        self.rows.as_ref()?.get(&id)
    }

    fn ticket(&self, id: ConversationId) -> Ticket {
        Ticket(self.watch(id).map_or(0, |watch| watch.count().changes))
    }

    /// Holds what was read under `ticket`, unless it may be old by now.
    fn put(&self, id: ConversationId, ticket: Ticket, kept: &Arc<Kept>) {
        let (Some(rows), Some(watch)) = (&self.rows, self.watch(id)) else {
            return;
        };
        // The lock is held while inserting, so that no change can come between.
        let count = watch.count();
        if count.changes == ticket.0 && count.running == 0 {
            rows.insert(id, kept.clone());
        }
    }

    /// Begins a change, when no other of the conversation runs here; it ends with what is given back.
    async fn change(&self, id: ConversationId) -> Changing<'_> {
        let watch = self.watch(id);
        let turn = match watch {
            Some(watch) => Some(watch.turn.lock().await),
            None => None,
        };
        if let Some(watch) = watch {
            let mut count = watch.count();
            count.changes += 1;
            count.running += 1;
        }
        Changing {
            cache: self,
            id,
            watch,
            _turn: turn,
        }
    }

    fn watch(&self, id: ConversationId) -> Option<&Watch> {
        let place = usize::try_from(self.hasher.hash_one(id) % WATCHES as u64).ok()?;
        self.watches.get(place)
    }
}

/// A change that runs.
struct Changing<'a> {
    cache: &'a KeptCache,
    id: ConversationId,
    watch: Option<&'a Watch>,
    _turn: Option<tokio::sync::MutexGuard<'a, ()>>,
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        if let Some(watch) = self.watch {
            let mut count = watch.count();
            count.changes += 1;
            count.running -= 1;
            if let Some(rows) = &self.cache.rows {
                rows.invalidate(&self.id);
            }
        }
    }
}

/// About how much memory rows take.
fn bytes(kept: &Kept) -> usize {
    let json =
        |value: &Option<conversation::RawJson>| value.as_ref().map_or(0, |json| json.get().len());
    let field = |field: &KeptField| {
        size_of::<KeptField>()
            + field.pointer.len()
            + json(&field.value)
            + json(&field.base)
            + field.drift.as_ref().map_or(0, |drift| json(&drift.value))
    };
    let copy = kept.copy.as_ref().map_or(0, |copy| {
        // As text it is about as long as in memory.
        serde_json::to_vec(copy).map_or(0, |text| text.len()) + size_of_val(&**copy)
    });
    size_of::<Kept>() + kept.fields.iter().map(field).sum::<usize>() + copy
}

impl Overlay {
    /// Beside what something of this conversation is kept.
    pub(crate) fn beside(&self, at: &Location) -> KeptAt {
        KeptAt {
            conversation: at.id,
            backend: self.name().into(),
        }
    }

    /// What is kept of a conversation; from memory where it is there.
    pub(crate) async fn kept(&self, at: &Location) -> Result<Arc<Kept>> {
        if let Some(kept) = self.cache().get(at.id) {
            return Ok(kept);
        }
        let all = self.kept_of_each(std::slice::from_ref(at)).await?;
        all.into_iter().next().ok_or_else(too_few)
    }

    /// Forgets what memory holds of a conversation, where a writer begins who holds its lease: whoever held it before may
    /// have written elsewhere, and from now on nobody but this writer changes what a write decides by.
    pub(crate) async fn begin_write(&self, cx: &Context, at: &Location) {
        if cx.fence.is_some() {
            drop(self.cache().change(at.id).await);
        }
    }

    /// What is kept of each of these conversations, in their order: at most one query.
    pub(crate) async fn kept_of_each(&self, at: &[Location]) -> Result<Vec<Arc<Kept>>> {
        let mut known: Vec<Option<Arc<Kept>>> = at
            .iter()
            .map(|location| self.cache().get(location.id))
            .collect();
        let missing: Vec<&Location> = at
            .iter()
            .zip(&known)
            .filter_map(|(location, known)| known.is_none().then_some(location))
            .collect();
        if !missing.is_empty() {
            let tickets: Vec<Ticket> = missing
                .iter()
                .map(|location| self.cache().ticket(location.id))
                .collect();
            let beside: Vec<KeptAt> = missing
                .iter()
                .map(|location| self.beside(location))
                .collect();
            let read = self.state().kept(&beside).await?;
            if read.len() != missing.len() {
                return Err(too_few());
            }
            let mut read = read.into_iter().map(Arc::new);
            for (kept, (location, ticket)) in read.by_ref().zip(missing.iter().zip(tickets)) {
                self.cache().put(location.id, ticket, &kept);
                if let Some(place) = known.iter_mut().find(|place| place.is_none()) {
                    *place = Some(kept);
                }
            }
        }
        known
            .into_iter()
            .map(|kept| kept.ok_or_else(too_few))
            .collect()
    }

    /// Makes these changes under the writer's fence, and forgets what memory held of the conversation. Nothing is
    /// written where there are no changes.
    ///
    /// # Errors
    /// Those of the state, with the outcome `not_applied`: who calls this after the backend was changed says `applied`.
    pub(crate) async fn apply(
        &self,
        cx: &Context,
        at: &Location,
        changes: Vec<Change>,
    ) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.tell_unexpected(at, &changes);
        self.change(cx, at, changes, Vec::new()).await?;
        Ok(())
    }

    /// Makes these changes, and replaces rows, of which each pair is one as it was seen and as it is to be: only where it
    /// still is as it was seen. Tells the rows that were replaced.
    pub(crate) async fn change(
        &self,
        cx: &Context,
        at: &Location,
        changes: Vec<Change>,
        rows: Vec<(KeptField, KeptField)>,
    ) -> Result<Vec<KeptField>> {
        let (this, beside, fence) = (self.clone(), self.beside(at), cx.fence);
        let work = async move {
            let _changing = this.cache().change(beside.conversation).await;
            let held = match this.leases().filter(|_| !rows.is_empty()) {
                Some(leases) => {
                    let name = format!("kept/{}/{}", beside.backend, beside.conversation);
                    Some(Held::take(leases, &name, CHANGE_PATIENCE).await?)
                }
                None => None,
            };
            let done = this.change_now(&beside, fence, changes, rows).await;
            if let Some(held) = held {
                held.release().await;
            }
            done
        };
        // A task of its own: where the caller goes, the change still ends here, and memory forgets what was before it.
        let work = tokio::spawn(work.in_current_span());
        work.await.map_err(|error| {
            Error::new(Kind::Internal, "a change of what is kept ended early")
                .outcome(Outcome::NotApplied)
                .source(error)
        })?
    }

    async fn change_now(
        &self,
        beside: &KeptAt,
        fence: Option<u64>,
        mut changes: Vec<Change>,
        rows: Vec<(KeptField, KeptField)>,
    ) -> Result<Vec<KeptField>> {
        let rows = self.still_as_seen(beside, rows).await?;
        changes.extend(rows.iter().cloned().map(Change::Field));
        if !changes.is_empty() {
            self.state().apply(beside, fence, changes).await?;
        }
        Ok(rows)
    }

    async fn still_as_seen(
        &self,
        beside: &KeptAt,
        rows: Vec<(KeptField, KeptField)>,
    ) -> Result<Vec<KeptField>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let kept = self.state().kept(std::slice::from_ref(beside)).await?;
        let mut now: Vec<KeptField> = kept.into_iter().flat_map(|kept| kept.fields).collect();
        let ids: Vec<MessageId> = rows
            .iter()
            .filter_map(|(seen, _)| seen.message.clone())
            .collect();
        if !ids.is_empty() {
            now.extend(self.state().message_fields(beside, &ids).await?);
        }
        let still = rows.into_iter().filter(|(seen, _)| now.contains(seen));
        Ok(still.map(|(_, row)| row).collect())
    }

    /// Counts and logs what no preview foretold: the backend answered something else than what it was given.
    fn tell_unexpected(&self, at: &Location, changes: &[Change]) {
        for change in changes {
            if let Change::Field(field) = change
                && field.unexpected
            {
                let name = pointers::field(&field.pointer).to_owned();
                tracing::warn!(
                    backend.name = self.name(),
                    conversation.id = %at.id,
                    field = name,
                    "the backend holds a field otherwise than it was given"
                );
                metrics::counter!("dragoman_overlay_unexpected_total", "backend" => self.name().to_owned(), "field" => name)
                    .increment(1);
            }
        }
    }
}

fn too_few() -> Error {
    Error::new(Kind::Internal, "the state told less than it was asked").outcome(Outcome::NotApplied)
}

#[cfg(test)]
mod tests {
    use conversation::Time;

    use super::*;

    fn at(bits: u128) -> ConversationId {
        ConversationId::from_bits(bits)
    }

    fn kept() -> Arc<Kept> {
        Arc::new(Kept {
            updated_at: Some(Time::now()),
            ..Kept::default()
        })
    }

    #[tokio::test]
    async fn what_is_read_is_held_until_it_changes() {
        let cache = KeptCache::new(1 << 20);
        let ticket = cache.ticket(at(1));
        cache.put(at(1), ticket, &kept());
        assert!(cache.get(at(1)).is_some());
        drop(cache.change(at(1)).await);
        assert_eq!(cache.get(at(1)), None);
    }

    #[tokio::test]
    async fn a_reader_that_began_before_a_change_puts_nothing_back() {
        let cache = KeptCache::new(1 << 20);
        let before = cache.ticket(at(1));
        let changing = cache.change(at(1)).await;
        let during = cache.ticket(at(1));
        cache.put(at(1), before, &kept());
        cache.put(at(1), during, &kept());
        assert_eq!(cache.get(at(1)), None, "the change runs");
        drop(changing);
        cache.put(at(1), before, &kept());
        cache.put(at(1), during, &kept());
        assert_eq!(cache.get(at(1)), None, "the change came between");
        let after = cache.ticket(at(1));
        cache.put(at(1), after, &kept());
        assert!(cache.get(at(1)).is_some());
    }

    #[tokio::test]
    async fn where_other_processes_change_rows_nothing_is_held() {
        let cache = KeptCache::off();
        let ticket = cache.ticket(at(1));
        cache.put(at(1), ticket, &kept());
        assert_eq!(cache.get(at(1)), None);
        // Changes of one process still come one after the other.
        let changing = cache.change(at(1)).await;
        assert!(cache.watch(at(1)).unwrap().turn.try_lock().is_err());
        drop(changing);
    }

    #[test]
    fn memory_has_a_bound() {
        let cache = KeptCache::new(100_000);
        let field = KeptField {
            message: None,
            pointer: "/title".into(),
            value: Some(conversation::RawJson::string(&"x".repeat(1_000))),
            base: None,
            unexpected: false,
            drift: None,
        };
        let large = Arc::new(Kept {
            fields: vec![field],
            ..Kept::default()
        });
        for bits in 0..10_000 {
            let ticket = cache.ticket(at(bits));
            cache.put(at(bits), ticket, &large);
        }
        let rows = cache.rows.unwrap();
        rows.run_pending_tasks();
        assert!(rows.weighted_size() <= 100_000);
        assert_ne!(rows.entry_count(), 0);
    }
}

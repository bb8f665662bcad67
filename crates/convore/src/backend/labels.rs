//! Labels: callers say names, the vendor wants ids.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend::{Context, Error, Kind, Origin, Outcome, Result};
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::Convore;
use crate::error::{Effect, Target};
use crate::wire::{Extra, Label, LabelCreate, LabelType, Member};

/// How long the names are taken to be as they were read.
const NAMES_MAX_AGE: Duration = Duration::from_secs(60);
/// The most labels that are remembered; of an account with more, all are read each time.
const NAMES_MAX: usize = 20_000;

/// Every label of the account, by name.
type Names = BTreeMap<String, Vec<Label>>;

/// The labels as they were a moment ago.
pub(super) struct LabelNames {
    known: Cache<(), Arc<Names>>,
    /// Whoever finds a label missing makes it alone: two at once would make two of one name.
    making: Mutex<()>,
}

impl LabelNames {
    pub(super) fn new() -> Self {
        Self {
            known: Cache::builder()
                .max_capacity(1)
                .time_to_live(NAMES_MAX_AGE)
                .build(),
            making: Mutex::new(()),
        }
    }

    /// Forgets everything: a label that we know may be gone.
    pub(super) fn forget(&self) {
        self.known.invalidate(&());
    }

    fn note(&self, names: &Arc<Names>) {
        if names.len() <= NAMES_MAX {
            self.known.insert((), Arc::clone(names));
        }
    }
}

impl Convore {
    /// The ids of the labels with these names. Those that the conversation has already stay as they are, twins
    /// included; others must be shared or belong to its channel, and are made where there are none.
    ///
    /// A failure here means that the write itself was never sent; a label that was made may be left behind.
    pub(super) async fn label_ids(
        &self,
        cx: &Context,
        names: &[Box<str>],
        held: &[Label],
        channel_id: &str,
        operation: &'static str,
    ) -> Result<Vec<String>> {
        let mut ids: Vec<String> = held
            .iter()
            .filter(|label| names.iter().any(|name| **name == *label.name))
            .map(|label| label.id.clone())
            .collect();
        let mut missing: Vec<&str> = names
            .iter()
            .map(|name| &**name)
            .filter(|name| held.iter().all(|label| label.name != *name))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(ids);
        }
        let not_applied = |error: Error| error.outcome(Outcome::NotApplied);
        if let Some(known) = self.1.labels.known.get(&()) {
            missing.retain(|name| take(&known, name, channel_id, &mut ids).is_none());
        }
        if missing.is_empty() {
            return Ok(ids);
        }
        let alone = tokio::time::timeout_at(cx.deadline.into(), self.1.labels.making.lock());
        let _alone = alone.await.map_err(|_| {
            let message = "the labels were not looked up in time, because others are";
            not_applied(Error::new(Kind::Timeout, message).origin(Origin::Gateway))
                .at(self.name(), operation)
        })?;
        let mut all = self.read_labels(cx, operation).await.map_err(not_applied)?;
        missing.retain(|name| take(&all, name, channel_id, &mut ids).is_none());
        for name in missing {
            let made = self
                .make_label(cx, name, operation)
                .await
                .map_err(not_applied)?;
            ids.push(made.id.clone());
            all.entry(name.to_owned()).or_default().push(made);
        }
        self.1.labels.note(&Arc::new(all));
        Ok(ids)
    }

    async fn read_labels(&self, cx: &Context, operation: &'static str) -> Result<Names> {
        let mut names = Names::new();
        let read = |cursor: Option<String>| async move {
            self.client()
                .list_labels(cx.deadline, cursor.as_deref())
                .await
        };
        self.read_all(operation, read, |raw| {
            if let Some(label) = self.record::<Label>(&raw, operation) {
                let same: &mut Vec<Label> = names.entry(label.name.clone()).or_default();
                if same.iter().all(|other| other.id != label.id) {
                    same.push(label);
                }
            }
            Ok(())
        })
        .await?;
        Ok(names)
    }

    async fn make_label(&self, cx: &Context, name: &str, operation: &'static str) -> Result<Label> {
        let request = LabelCreate {
            name: name.to_owned(),
            description: Member::Absent,
            kind: Member::Value(LabelType::Shared),
            channel_id: Member::Absent,
            external_label_id: Member::Absent,
            shared_label_id: Member::Absent,
            extra: Extra::new(),
        };
        self.client()
            .create_label(cx.deadline, &request)
            .await
            .map_err(|failure| self.failed(failure, operation, Target::Collection, Effect::Write))
    }
}

/// Adds the id of the label with this name, where one fits: a shared one before one of the channel, then the oldest.
fn take(names: &Names, name: &str, channel_id: &str, ids: &mut Vec<String>) -> Option<()> {
    let rank = |label: &&Label| match label.kind {
        LabelType::Shared => Some(0),
        _ if label.channel_id.value().map(String::as_str) == Some(channel_id) => Some(1),
        _ => None,
    };
    let label = names
        .get(name)?
        .iter()
        .filter(|label| rank(label).is_some())
        .min_by_key(|label| (rank(label), label.id.clone()))?;
    ids.push(label.id.clone());
    Some(())
}

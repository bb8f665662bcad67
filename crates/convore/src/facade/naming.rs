//! Labels by name and by id: conversations have names, the vendor has ids.

use adapterkit::Extra;
use conversation::Time;
use serde::{Deserialize, Serialize};

use super::App;
use super::answer::Problem;
use super::labels::present;
use super::objects::{About, Objects};
use crate::wire::{Label, LabelType, spelled_time};

/// The kind of its objects.
pub(super) const LABEL: &str = "label";

/// A label as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptLabel {
    /// The label.
    pub(super) label: Label,
    /// True where it was first seen in a conversation, and not made as a label.
    #[serde(default)]
    pub(super) is_seen: bool,
    /// Names that it had, which some conversations may still have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) was: Vec<String>,
}

/// The other name of a label: no two shared ones, and no two of one channel, have the same name.
pub(super) fn alias(label: &Label) -> String {
    match (&label.kind, label.channel_id.value()) {
        (LabelType::ChannelPrivate, Some(channel)) => private(channel, &label.name),
        _ => shared(&label.name),
    }
}

fn shared(name: &str) -> String {
    format!("shared:{name}")
}

fn private(channel: &str, name: &str) -> String {
    format!("private:{channel}:{name}")
}

/// The labels of a conversation as they are shown: those that are known by these names, in all channels and in its own.
/// One that nobody has seen yet becomes known.
pub(super) async fn shown(
    app: &App,
    tenant: &str,
    channel: &str,
    labels: Vec<Label>,
) -> Result<Vec<Label>, Problem> {
    let objects = Objects::new(app, tenant, LABEL);
    let mut all: Vec<Label> = Vec::with_capacity(labels.len());
    for label in labels.into_iter().filter(|label| !label.name.is_empty()) {
        let created_at = label.created_at.parse::<Time>();
        let created_at = created_at.unwrap_or_else(|_| Time::now());
        let label = in_known_words(label, created_at);
        let mut known = Vec::new();
        for alias in [shared(&label.name), private(channel, &label.name)] {
            if let Some(object) = objects.by_alias::<KeptLabel>(&alias).await? {
                known.push(object.document.label);
            }
        }
        if known.is_empty() {
            let kept = KeptLabel {
                label: label.clone(),
                is_seen: true,
                was: Vec::new(),
            };
            let alias = alias(&label);
            let is_new = objects
                .insert(&label.id, Some(&alias), &kept, created_at, About::nobody())
                .await?;
            // Somebody else may have made it in this moment.
            let other = match is_new {
                true => None,
                false => objects.by_alias::<KeptLabel>(&alias).await?,
            };
            known.push(other.map_or(label, |object| object.document.label));
        }
        for label in known {
            if all.iter().all(|other| other.id != label.id) {
                all.push(label);
            }
        }
    }
    Ok(all)
}

/// A label without what its client might not read.
fn in_known_words(label: Label, created_at: Time) -> Label {
    Label {
        kind: match label.kind {
            LabelType::Other(_) => LabelType::Shared,
            known => known,
        },
        description: present(label.description),
        created_at: spelled_time(created_at),
        channel_id: present(label.channel_id),
        external_label_id: present(label.external_label_id),
        shared_label_id: present(label.shared_label_id),
        extra: Extra::new(),
        ..label
    }
}

/// The names of labels, sorted, each once.
pub(super) async fn names(
    app: &App,
    tenant: &str,
    ids: &[String],
) -> Result<Vec<Box<str>>, Problem> {
    let objects = Objects::new(app, tenant, LABEL);
    let mut names: Vec<Box<str>> = Vec::with_capacity(ids.len());
    for id in ids {
        let found = objects.get::<KeptLabel>(id).await?;
        let found = found.ok_or_else(|| Problem::not_found("label not found"))?;
        names.push(found.document.label.name.into());
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The names of those labels that are known.
pub(super) async fn known_names(
    app: &App,
    tenant: &str,
    ids: &[&str],
) -> Result<Vec<Box<str>>, Problem> {
    let objects = Objects::new(app, tenant, LABEL);
    let mut names = Vec::new();
    for id in ids {
        if let Some(found) = objects.get::<KeptLabel>(id).await? {
            names.push(found.document.label.name.into());
        }
    }
    Ok(names)
}

//! Drift: a field that was changed at the backend, past the gateway.

use backend::Capabilities;
use backend::ports::{Drift, KeptField};
use conversation::{RawJson, Time};

use super::pointers;
use super::sets::PARTICIPANTS;
use crate::DriftPolicy;

/// What decides which fields can drift and what is shown of one that did.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// What the backend can do by itself.
    pub(crate) capabilities: Capabilities,
    /// What is shown of a field that drifted.
    pub(crate) policy: DriftPolicy,
    /// False where what was read may be older than a row: then it tells nothing of drift, and what is kept is shown.
    pub(crate) is_current: bool,
}

/// A row, and what the backend holds in its place now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// The row.
    pub(crate) row: KeptField,
    /// What the backend holds.
    pub(crate) current: Option<RawJson>,
    /// True where that is neither what it held when the row was made, nor what is shown.
    pub(crate) is_drifted: bool,
    /// False where the backend's value is shown.
    pub(crate) is_shown: bool,
}

impl Rules {
    /// Judges a row by what the backend holds now.
    pub(crate) fn judge(&self, row: &KeptField, current: Option<RawJson>) -> Seen {
        let is_changed = current != row.base && current != row.value;
        let is_drifted = self.is_current && is_changed && self.can_drift(row);
        Seen {
            row: row.clone(),
            current,
            is_drifted,
            is_shown: !is_drifted || self.policy == DriftPolicy::Kept,
        }
    }

    /// A field that the backend cannot hold never drifts: whatever it shows there is its own. Nor does the order of a
    /// set, which changes whenever somebody joins.
    fn can_drift(&self, row: &KeptField) -> bool {
        if &*row.pointer == PARTICIPANTS {
            return false;
        }
        let can = &self.capabilities;
        let field = pointers::field(&row.pointer);
        let level = match (row.message.is_some(), field) {
            (false, "kind") => can.conversation_kind,
            (false, "title") => can.conversation_title,
            (false, "description") => can.conversation_description,
            (false, "status") => can.conversation_status,
            (false, "priority") => can.conversation_priority,
            (false, "labels") => can.conversation_labels,
            (false, "participants") => can.conversation_participants,
            (false, "owner") => can.conversation_owner,
            (false, "icon_url") => can.conversation_icon_url,
            (false, "assistant") => can.conversation_assistant,
            (false, "metadata") => can.conversation_metadata,
            (false, "extensions") => can.conversation_extensions,
            (true, "role") => can.message_role,
            (true, "author") => can.message_author,
            (true, "direction") => can.message_direction,
            (true, "recipients") => can.message_recipients,
            (true, "subject") => can.message_subject,
            // Every backend holds parts of some sort.
            (true, "parts") => return true,
            (true, "in_reply_to") => can.message_in_reply_to,
            (true, "status") => can.message_status,
            (true, "rating") => can.message_rating,
            (true, "usage") => can.message_usage,
            (true, "model") => can.message_model,
            (true, "provider") => can.message_provider,
            (true, "finish_reason") => can.message_finish_reason,
            (true, "latency_ms") => can.message_latency_ms,
            (true, "source") => can.message_source,
            (true, "metadata") => can.message_metadata,
            (true, "client_message_id") => can.message_client_message_id,
            (true, "sent_at") => can.message_sent_at,
            (true, "edited_at") => can.message_edited_at,
            (true, "extensions") => can.message_extensions,
            _ => return false,
        };
        level.works()
    }
}

impl Seen {
    /// The row as it is to be marked, where its mark changes: drift that is new, that went on or that is over.
    pub(crate) fn marked(&self, now: Time) -> Option<KeptField> {
        let drift = self.is_drifted.then(|| Drift {
            since: self.row.drift.as_ref().map_or(now, |drift| drift.since),
            value: self.current.clone(),
        });
        (drift != self.row.drift).then(|| KeptField {
            drift,
            ..self.row.clone()
        })
    }

    /// True where the drift was not known yet.
    pub(crate) fn is_news(&self) -> bool {
        self.is_drifted && self.row.drift.is_none()
    }

    /// True where the backend holds by now what is shown: the row changes nothing.
    pub(crate) fn is_held(&self) -> bool {
        self.current == self.row.value
    }
}

#[cfg(test)]
mod tests {
    use backend::Level;

    use super::*;

    fn json(text: &str) -> Option<RawJson> {
        Some(RawJson::parse(text).unwrap())
    }

    fn row(value: Option<RawJson>, base: Option<RawJson>) -> KeptField {
        KeptField {
            message: None,
            pointer: "/title".into(),
            value,
            base,
            unexpected: false,
            drift: None,
        }
    }

    fn rules(title: Level, policy: DriftPolicy) -> Rules {
        Rules {
            capabilities: Capabilities {
                conversation_title: title,
                ..Capabilities::default()
            },
            policy,
            is_current: true,
        }
    }

    #[test]
    fn a_field_drifts_when_the_backend_holds_neither_base_nor_value() {
        let row = row(json("\"long\""), json("\"lo\""));
        for (current, wanted) in [
            (json("\"lo\""), false),
            (json("\"long\""), false),
            (json("\"other\""), true),
            (json("null"), true),
            (None, true),
        ] {
            for level in [Level::Full, Level::Partial, Level::Converted] {
                let seen = rules(level, DriftPolicy::Backend).judge(&row, current.clone());
                assert_eq!(seen.is_drifted, wanted, "{current:?}");
                assert_eq!(seen.is_shown, !wanted);
                let kept = rules(level, DriftPolicy::Kept).judge(&row, current.clone());
                assert_eq!((kept.is_drifted, kept.is_shown), (wanted, true));
            }
            for level in [Level::Rejected, Level::None] {
                assert!(
                    !rules(level, DriftPolicy::Backend)
                        .judge(&row, current.clone())
                        .is_drifted
                );
            }
        }
    }

    #[test]
    fn what_may_be_older_than_a_row_tells_nothing_of_drift() {
        let rules = Rules {
            is_current: false,
            ..rules(Level::Full, DriftPolicy::Backend)
        };
        let seen = rules.judge(&row(json("1"), None), json("2"));
        assert_eq!((seen.is_drifted, seen.is_shown), (false, true));
    }

    #[test]
    fn absent_is_not_null() {
        let rules = rules(Level::Full, DriftPolicy::Backend);
        assert!(rules.judge(&row(json("1"), None), json("null")).is_drifted);
        assert!(rules.judge(&row(json("1"), json("null")), None).is_drifted);
        assert!(
            !rules
                .judge(&row(json("1"), json("null")), json("null"))
                .is_drifted
        );
    }

    #[test]
    fn a_mark_keeps_its_first_time_and_goes_when_the_backend_is_back() {
        let rules = rules(Level::Full, DriftPolicy::Backend);
        let (first, later) = (Time::now(), Time::now().saturating_add_micros(1));
        let seen = rules.judge(&row(json("1"), None), json("2"));
        assert!(seen.is_news());
        let marked = seen.marked(first).unwrap();
        let again = rules.judge(&marked, json("2"));
        assert_eq!((again.is_news(), again.marked(later)), (false, None));
        let on = rules.judge(&marked, json("3")).marked(later).unwrap();
        assert_eq!(
            on.drift,
            Some(Drift {
                since: first,
                value: json("3")
            })
        );
        let back = rules.judge(&on, None).marked(later).unwrap();
        assert_eq!(back.drift, None);
    }
}

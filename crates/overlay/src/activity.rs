//! Activity: told where the backend tells it, else accepted.

use backend::ports::KeptField;
use backend::{Context, Error, FieldFate, Kind, Location, Result};
use conversation::{Activity, ActivityKind, Participant, Violation};

use crate::fields::members::read;
use crate::fields::pointers;
use crate::index::under;
use crate::ratings::is_refusal;
use crate::{Overlay, fidelity};

impl Overlay {
    pub(crate) async fn act(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        if !is_told(&activity.activity) {
            return Err(not_told());
        }
        let kept = self.kept(at).await?;
        if kept.has_ended || !self.below().capabilities().activity.works() {
            return self.accept(cx, at).await;
        }
        let Some(activity) = as_there(activity, &kept.fields) else {
            return self.accept(cx, at).await;
        };
        match self.below().send_activity(&under(cx), at, activity).await {
            Err(error) if is_refusal(&error) || self.has_ended(&kept, &error) => {
                self.accept(cx, at).await
            }
            told => told,
        }
    }

    /// Nobody is told: activity is of the moment, and nothing of it is kept. That the conversation is there is found out
    /// all the same.
    async fn accept(&self, cx: &Context, at: &Location) -> Result<()> {
        let fate = FieldFate::overlay(
            "/activity",
            "accepted, and told to nobody: the backend does not tell it",
        );
        fidelity::allow(cx, self.name(), &fate)?;
        let kept = self.kept(at).await?;
        self.held_conversation(&cx.fresh(), at, kept).await?;
        cx.trace.note_fates(&at.id.to_string(), vec![fate]);
        Ok(())
    }
}

/// An activity with its participant as the backend knows them; nothing where it does not.
fn as_there(activity: Activity, rows: &[KeptField]) -> Option<Activity> {
    let Some(id) = activity.participant_id.as_deref() else {
        return Some(activity);
    };
    let pointer = pointers::member("/participants", id);
    let Some(row) = rows.iter().find(|row| row.pointer == pointer) else {
        return Some(activity);
    };
    let base: Participant = read(row.base.as_ref()?).ok()?;
    Some(Activity {
        participant_id: base.id,
        ..activity
    })
}

fn is_told(kind: &ActivityKind) -> bool {
    matches!(
        kind,
        ActivityKind::Read | ActivityKind::TypingStart | ActivityKind::TypingStop
    )
}

fn not_told() -> Error {
    Error::new(Kind::InvalidRequest, "this is not told as activity").violations(vec![Violation {
        pointer: "/activity".to_owned(),
        code: "unknown-value",
        detail: "use one of: read, typing_start, typing_stop; participants are added and removed"
            .to_owned(),
        exceeds: None,
    }])
}

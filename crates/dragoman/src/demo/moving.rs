//! The part of the tour that moves the conversation from one vendor to another.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::call::{Auth, Call};
use super::reading::text;
use super::stage::{FIRST_HOME, NEXT_HOME};
use super::tour::{Names, Tour, lives_at};
use crate::failure::Failure;

const MIGRATIONS: &str = "/admin/v1/migrations";

/// How often a job of a migration is looked at, and how long it may take.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
const JOB_LIMIT: Duration = Duration::from_secs(120);

impl Tour<'_> {
    /// Moves everything from Chatter to Convore.
    pub(super) async fn moved(&mut self, names: &Names) -> Result<(), Failure> {
        self.begin("Everything is to move from Chatter to Convore: what would that be?")?;
        let spec = json!({"from": FIRST_HOME, "to": NEXT_HOME});
        let planned = self
            .ask(&Call::post(MIGRATIONS, Auth::Bearer, spec))
            .await?;
        let id = text(&planned, "/id")?.to_owned();
        let planned = self.ended(&id, "plan", "planned").await?;
        self.came(&format!(
            "{} conversation, {} messages",
            planned["plan"]["conversations"], planned["plan"]["messages"]
        ))?;

        self.begin("It is copied; callers go on, customers hear nothing")?;
        self.job(&id, "copy", "copied").await?;
        self.came("every message is at Convore too")?;

        self.begin("Both sides are read whole and compared")?;
        let checked = self.job(&id, "check", "copied").await?;
        let found = &checked["check"];
        if (&found["same"], &found["is_complete"]) != (&json!(1), &json!(true))
            || ["missing", "extra", "different", "failed"]
                .iter()
                .any(|sign| found[*sign] != 0)
        {
            return Err(Failure::runtime(format!("they are not the same: {found}")));
        }
        self.came("= the same, message by message")?;

        self.begin("It is switched: the conversation lives at Convore from now on")?;
        self.job(&id, "switch", "switched").await?;
        let path = format!("/v1/conversations/{}", names.public);
        let shown = self.ask(&Call::get(path, Auth::Bearer)).await?;
        let home = text(&shown, "/backend")?;
        lives_at(home, NEXT_HOME)?;
        self.came(&format!(
            "{} lives at {home}; no id has changed",
            names.public
        ))
    }

    async fn job(&mut self, id: &str, word: &str, phase: &str) -> Result<Value, Failure> {
        let begin = Call::post(format!("{MIGRATIONS}/{id}/{word}"), Auth::Bearer, json!({}));
        self.ask(&begin).await?;
        self.ended(id, word, phase).await
    }

    /// Waits until this job has ended, and holds that the migration came to this phase.
    async fn ended(&mut self, id: &str, word: &str, phase: &str) -> Result<Value, Failure> {
        let look = Call::get(format!("{MIGRATIONS}/{id}"), Auth::Bearer);
        let until = Instant::now() + JOB_LIMIT;
        loop {
            let status = look.send(&self.gateway).await?;
            if let Some(why) = status["stopped"].as_str() {
                return Err(Failure::runtime(format!("it stopped: {why}")));
            }
            let has_ended = !status["job"].is_object() && status["last"]["kind"] == word;
            if has_ended && status["phase"] == phase {
                return Ok(status);
            }
            if Instant::now() > until {
                return Err(Failure::runtime(format!("it is not {phase}: {status}")));
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }
}

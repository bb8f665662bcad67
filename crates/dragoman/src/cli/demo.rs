//! `dragoman demo`: the tour, and what stays up behind it.

use std::sync::Arc;

use tokio::sync::Notify;

use super::arguments::DemoFlags;
use super::print;
use super::serve::{in_runtime, listen};
use super::signals::Signals;
use crate::demo::{Stage, tour};
use crate::failure::Failure;

/// Runs the demonstration.
pub(super) fn run(flags: &DemoFlags) -> Result<(), Failure> {
    in_runtime(demo(flags))
}

async fn demo(flags: &DemoFlags) -> Result<(), Failure> {
    let listener = listen(flags.listen).await?;
    let mut signals = Signals::new()
        .map_err(|error| Failure::runtime(format!("signals cannot be received: {error}")))?;
    let stage = Stage::start(listener).await?;
    let (shutdown, hurry) = (stage.shutdown(), Arc::new(Notify::new()));
    let mut out = print::out;
    let done = tokio::select! {
        done = tour(&stage, &mut out) => done,
        () = signals.next() => Err(Failure::runtime("stopped before the tour was over")),
    };
    let done = match done {
        Ok(()) if !flags.once => {
            let shown = print::out(&staying(&stage));
            if shown.is_ok() {
                signals.next().await;
            }
            shown.map_err(Failure::from)
        }
        done => done,
    };
    shutdown.begin();
    let (cut, now) = (shutdown.clone(), Arc::clone(&hurry));
    tokio::spawn(async move {
        signals.next().await;
        cut.cut();
        now.notify_one();
    });
    let ended = stage.end(&hurry).await;
    done.and(ended)
}

/// What there is to try.
fn staying(stage: &Stage) -> String {
    let mut text = String::from("\nEverything stays up until Ctrl-C.\n\n");
    let gateway = stage.base_url();
    text.push_str(&format!("  {:<11} {gateway}\n", "gateway"));
    text.push_str(&format!("  {:<11} {gateway}/docs\n", "API"));
    for simulator in &stage.simulators {
        let access = &simulator.access;
        text.push_str(&format!(
            "  {:<11} {}  key {}\n",
            access.vendor, access.base_url, access.key
        ));
    }
    text.push_str("\nIn another terminal, after the two lines at the top:\n\n");
    for command in [
        "curl -s -H \"authorization: Bearer $KEY\" \"$GATEWAY/v1/conversations\"".to_owned(),
        "curl -s -H \"authorization: Bearer $KEY\" -H 'content-type: application/json' \
         -d '{\"title\":\"mine\"}' \"$GATEWAY/v1/conversations\""
            .to_owned(),
        "curl -s -H \"authorization: Bearer $KEY\" \"$GATEWAY/v1/backends\"".to_owned(),
        "DRAGOMAN_KEY=\"$KEY\" dragoman migrate status latest --server \"$GATEWAY\"".to_owned(),
    ] {
        text.push_str(&format!("  {command}\n"));
    }
    text.push_str(&format!(
        "\nThe gateway's configuration, to copy from: {}\n",
        stage.file().display()
    ));
    text
}

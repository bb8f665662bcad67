//! Answers that fail or break off.

use async_trait::async_trait;
use backend::ports::{Responder, Turn};
use backend::{Context, Error, Kind, Outcome, Result, Upstream};
use futures_util::stream::{self, BoxStream, StreamExt as _};

/// How an answer goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Script {
    FailsAtOnce(Kind),
    FailsBeforeAnyWord(Kind),
    BreaksOff,
}

#[derive(Debug)]
pub(crate) struct Scripted(pub(crate) Script);

#[async_trait]
impl Responder for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn answer(
        &self,
        _cx: &Context,
        _turn: Turn,
    ) -> Result<BoxStream<'static, Result<String>>> {
        let failure = |kind| {
            Error::new(kind, "the model failed")
                .outcome(Outcome::NotApplied)
                .upstream(Upstream {
                    code: Some("planted".to_owned()),
                    excerpt: Some("planted".to_owned()),
                    ..Upstream::default()
                })
        };
        Ok(match self.0 {
            Script::FailsAtOnce(kind) => return Err(failure(kind)),
            Script::FailsBeforeAnyWord(kind) => stream::iter([Err(failure(kind))]).boxed(),
            Script::BreaksOff => {
                let words = ["some ", "words"].map(|piece| Ok(piece.to_owned()));
                let end = [Err(failure(Kind::UpstreamFailed))];
                stream::iter(words).chain(stream::iter(end)).boxed()
            }
        })
    }
}

//! A model that fails where the recorded one did.

use backend::ports::{Responder, Turn};
use backend::{Context, Kind};
use conversation::text_of;
use futures_util::stream::BoxStream;
use responders::Echo;

/// Says what it was told, and fails as the recorded model did.
#[derive(Debug)]
pub(super) struct Failing;

#[async_trait::async_trait]
impl Responder for Failing {
    fn name(&self) -> &str {
        "failing"
    }

    async fn answer(&self, cx: &Context, turn: Turn) -> backend::Result<Pieces> {
        let asked = turn.messages.last().map(|last| text_of(&last.parts));
        if asked.is_some_and(|asked| asked.starts_with("[[fail")) {
            let failed = backend::Error::new(Kind::UpstreamFailed, "the model failed");
            return Err(failed);
        }
        Echo.answer(cx, turn).await
    }
}

type Pieces = BoxStream<'static, backend::Result<String>>;

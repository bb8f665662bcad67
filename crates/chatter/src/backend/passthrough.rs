//! The vendor's own API.

use adapterkit::{answer_of, method_of};
use async_trait::async_trait;
use backend::ports::{Passthrough, PassthroughAnswer, PassthroughRequest};
use backend::{Context, Result};

use super::Chatter;
use crate::error::Effect;

const PASS: &str = "pass_through";

#[async_trait]
impl Passthrough for Chatter {
    async fn pass_through(
        &self,
        cx: &Context,
        request: PassthroughRequest,
    ) -> Result<PassthroughAnswer> {
        let (method, effect) = method_of(&request)?;
        let (caller, _) = self.caller_of_principal(cx).await?;
        let effect = match effect {
            adapterkit::Effect::Read => Effect::Read,
            adapterkit::Effect::Write => Effect::Write,
        };
        let answer = self.client().pass_through(&caller, &method, &request).await;
        answer
            .map(answer_of)
            .map_err(|failure| self.failed(failure, PASS, effect))
    }
}

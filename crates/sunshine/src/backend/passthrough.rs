//! The vendor's own API.

use adapterkit::{answer_of, method_of};
use async_trait::async_trait;
use backend::ports::{Passthrough, PassthroughAnswer, PassthroughRequest};
use backend::{Context, Result};

use super::Sunshine;
use crate::error::Subject;

const PASS: &str = "pass_through";

#[async_trait]
impl Passthrough for Sunshine {
    async fn pass_through(
        &self,
        cx: &Context,
        request: PassthroughRequest,
    ) -> Result<PassthroughAnswer> {
        let (method, effect) = method_of(&request)?;
        let seated = self.chosen_for(cx).await?;
        let caller = seated.caller(cx);
        let answer = seated.client().pass_through(caller, method, &request).await;
        answer
            .map(answer_of)
            .map_err(|failure| self.failed(failure, Subject::Conversation, effect, PASS))
    }
}

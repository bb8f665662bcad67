//! The vendor's own API.

use adapterkit::{answer_of, method_of};
use async_trait::async_trait;
use backend::ports::{Passthrough, PassthroughAnswer, PassthroughRequest};
use backend::{Context, Result};

use super::Convore;
use crate::error::Target;

const PASS: &str = "pass_through";

#[async_trait]
impl Passthrough for Convore {
    async fn pass_through(
        &self,
        cx: &Context,
        request: PassthroughRequest,
    ) -> Result<PassthroughAnswer> {
        let (method, effect) = method_of(&request)?;
        let account = self.chosen_for(cx).await?;
        let answer = account
            .client()
            .pass_through(cx.deadline, method, &request)
            .await;
        answer
            .map(answer_of)
            .map_err(|failure| self.failed(failure, PASS, Target::Collection, effect))
    }
}

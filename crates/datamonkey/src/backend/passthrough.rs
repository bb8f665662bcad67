//! The vendor's own API.

use adapterkit::{Effect, answer_of, method_of};
use async_trait::async_trait;
use backend::ports::{Passthrough, PassthroughAnswer, PassthroughRequest};
use backend::{Context, Result};

use super::Datamonkey;
use crate::client::Caller;
use crate::error::Call;

const PASS: &str = "pass_through";

#[async_trait]
impl Passthrough for Datamonkey {
    async fn pass_through(
        &self,
        cx: &Context,
        request: PassthroughRequest,
    ) -> Result<PassthroughAnswer> {
        let (method, effect) = method_of(&request)?;
        let mut caller = Caller {
            deadline: cx.deadline,
            token: None,
        };
        let identity = match self.tenant_identity(cx).await? {
            Some((_, identity)) => identity,
            None => {
                let user = self.user_name(cx);
                self.identity_for_create(&caller, &user).await?.0
            }
        };
        caller.token = Some(identity.token.secret);
        let call = match effect {
            Effect::Read => Call::Read,
            Effect::Write => Call::Send,
        };
        let answer = self.client().pass_through(&caller, method, &request).await;
        answer
            .map(answer_of)
            .map_err(|failure| self.failed(failure, PASS, call, None))
    }
}

//! Who calls, and the context of what it asks for.

use std::sync::Arc;
use std::time::Duration;

use backend::{Context, Principal, Scope};
use uuid::Uuid;

/// Who calls a facade.
#[derive(Debug, Clone)]
pub struct Caller {
    /// For whom everything is done.
    pub principal: Arc<Principal>,
    /// The request's name in logs.
    pub request_id: Arc<str>,
}

impl Caller {
    /// A caller, with a new name for its request.
    #[must_use]
    pub fn new(principal: Arc<Principal>) -> Self {
        Self {
            principal,
            request_id: Uuid::now_v7().to_string().into(),
        }
    }

    /// The same caller for one end user of its tenant. `None` where the key is another user's, or may not act for
    /// users.
    #[must_use]
    pub fn acting_for(&self, user: &str) -> Option<Self> {
        let is_free = match self.principal.user.as_deref() {
            Some(own) => own == user,
            None => self.principal.may(Scope::ActAs),
        };
        is_free.then(|| Self {
            principal: Arc::new(Principal {
                user: Some(user.into()),
                ..(*self.principal).clone()
            }),
            request_id: Arc::clone(&self.request_id),
        })
    }

    /// The context of one call.
    #[must_use]
    pub fn context(&self, timeout: Duration) -> Context {
        Context::new(
            Arc::clone(&self.principal),
            Arc::clone(&self.request_id),
            timeout,
        )
    }
}

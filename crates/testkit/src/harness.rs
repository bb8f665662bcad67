//! What the suite needs to know of a backend under test.

use std::sync::Arc;

use async_trait::async_trait;
use backend::{Backend, Location, Principal, Scope};
use conversation::{ConversationId, MessageId};

/// A backend under test.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Its name in the report, such as `store` or `router over store`.
    fn name(&self) -> &str;

    /// The backend. Asked once per case; a fresh one and a shared one are both right, because every case makes its
    /// own conversations and looks at no others.
    async fn backend(&self) -> Arc<dyn Backend>;

    /// Who calls. Asked once per case; by default another end user each time, with every scope.
    fn principal(&self) -> Principal {
        Principal {
            tenant: "conformance".into(),
            key: "suite".into(),
            user: Some(ConversationId::generate().to_string().into()),
            scopes: Scope::ALL.to_vec(),
        }
    }

    /// A well-formed place where no conversation is. By default a fresh id that only a router looks up.
    fn missing(&self) -> Location {
        Location::unresolved(ConversationId::generate())
    }

    /// A well-formed id that no message has.
    fn missing_message(&self) -> MessageId {
        MessageId::generate()
    }

    /// True where a skipped case is a failure: for stacks that hold everything and can do everything. Rules about
    /// what only some vendors have (templates, tools, refusals) may be skipped all the same.
    fn no_case_may_be_skipped(&self) -> bool {
        false
    }
}

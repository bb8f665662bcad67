//! What `/readyz` says.

use std::sync::Arc;

use async_trait::async_trait;
use server::{Readiness, ReadinessCheck};
use store::Store;

use crate::live::attempts::Attempts;

/// Ready means that the database can be read and written. A configuration that was refused is told beside it: requests
/// are served under the one in use.
#[derive(Debug)]
pub(crate) struct GatewayReadiness {
    pub(crate) store: Store,
    pub(crate) attempts: Arc<Attempts>,
}

#[async_trait]
impl Readiness for GatewayReadiness {
    async fn check(&self) -> Vec<ReadinessCheck> {
        let (ok, detail) = match self.store.status().await {
            Ok(status) => (
                true,
                format!(
                    "{} {}, schema {}",
                    status.engine.as_str(),
                    status.version,
                    status.schema_version
                ),
            ),
            Err(error) => (false, error.to_string()),
        };
        vec![ReadinessCheck {
            name: "store".to_owned(),
            ok,
            detail,
        }]
    }

    async fn notes(&self) -> Vec<ReadinessCheck> {
        let (ok, detail) = self.attempts.in_words();
        vec![ReadinessCheck {
            name: "configuration".to_owned(),
            ok,
            detail,
        }]
    }
}

//! Files that a backend serves by itself: what is known of them, because the vendor tells a file's type and size with every
//! message that names it.

use backend::ports::{FacadeObject, ObjectName};
use backend::{Error, Kind};
use conversation::{ConversationId, Media, Time};
use serde::{Deserialize, Serialize};

use super::answer::Refused;
use super::call::Call;

/// What they are called in the gateway's state.
const REMOTE: &str = "media-url";

/// What is known of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remote {
    media_type: Box<str>,
    size: u64,
}

impl Call {
    fn remote_name(&self, url: &str) -> ObjectName {
        self.object_name(REMOTE, url)
    }

    /// Notes a file of a conversation that its backend serves.
    pub(super) async fn note_remote(
        &self,
        conversation: ConversationId,
        url: &str,
        media_type: &str,
        size: u64,
    ) -> Result<(), Refused> {
        let remote = Remote {
            media_type: media_type.into(),
            size,
        };
        let document = serde_json::to_string(&remote).map_err(|error| {
            Error::new(Kind::Internal, "what is known of a file cannot be written").source(error)
        })?;
        let now = Time::now();
        let object = FacadeObject {
            name: self.remote_name(url),
            alias: None,
            document: document.into(),
            conversation: Some(conversation),
            person: None,
            created_at: now,
            updated_at: now,
        };
        match self.state().insert_object(&object).await {
            Err(error) if error.kind != Kind::Conflict => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Tells of a medium what is known of the file under its URL.
    pub(super) async fn describe_remote(&self, media: &mut Media) -> Result<(), Refused> {
        let Some(url) = media.url.as_deref() else {
            return Ok(());
        };
        let Some(object) = self.state().object(&self.remote_name(url)).await? else {
            return Ok(());
        };
        let remote: Remote = serde_json::from_str(&object.document).map_err(|error| {
            Error::new(Kind::Internal, "what is known of a file cannot be read").source(error)
        })?;
        media.media_type = Some(remote.media_type);
        media.size = Some(remote.size);
        Ok(())
    }
}

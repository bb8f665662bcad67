//! Files that go with the message that names them: their URLs lead nowhere from then on.

use backend::Location;
use conversation::AttachmentId;

use super::answer::Refused;
use super::call::Call;
use super::media::Wanted;
use super::records::Record;

/// How often a record is changed against others.
const TRIES: usize = 4;

impl Call {
    /// Ends the URLs of a deleted message's files. The message is gone, so no failure here asks for a repeat.
    pub(super) async fn end_files(
        &self,
        at: &Location,
        files: &[AttachmentId],
    ) -> Result<(), Refused> {
        for file in files {
            self.end_file(at, file).await.map_err(Refused::afterwards)?;
        }
        Ok(())
    }

    async fn end_file(&self, at: &Location, file: &AttachmentId) -> Result<(), Refused> {
        let stored = (at.id, file.clone());
        for _ in 0..TRIES {
            let Some((token, record)) = self.shared.media_of(self.tenant(), &stored).await? else {
                return Ok(());
            };
            if record.removed || !record.is_of_message {
                return Ok(());
            }
            let wanted = Wanted::new(self.tenant(), &token);
            let Some((object, record)) = self.shared.media(&wanted).await? else {
                return Ok(());
            };
            let gone = Record {
                removed: true,
                ..record
            };
            if self.shared.change_media(&object, &gone).await? {
                return Ok(());
            }
        }
        Err(Refused::internal())
    }
}

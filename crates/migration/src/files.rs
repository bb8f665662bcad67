//! Files that a place of a conversation does not have, from its other places: whoever stores a file first and names it
//! later may have had the conversation moved in between.

use backend::{AttachmentContent, Location, Result};
use conversation::AttachmentId;

use crate::run::{Run, Subject};

/// A file of a conversation that is not at the backend `but`: where it is, and its bytes. Nothing where no place has it.
///
/// # Errors
/// Where a place cannot be asked now. One that is out of reach for good has nothing.
pub(crate) async fn elsewhere(
    run: &Run,
    subject: &Subject,
    id: &AttachmentId,
    but: &str,
) -> Result<Option<(Box<str>, AttachmentContent)>> {
    let parts = &run.parts;
    for place in parts.ledger.places(subject.id).await? {
        let Some(endpoint) = parts.ends.get(&place.backend) else {
            continue;
        };
        if *place.backend == *but {
            continue;
        }
        // A first home, too, may know it by another id.
        let place = Location {
            renamed: true,
            ..place
        };
        match run.end(&endpoint, subject).attachment(&place, id).await {
            Ok(Some(content)) => return Ok(Some((place.backend, content))),
            Err(error) if error.is_temporary() => return Err(error),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(None)
}

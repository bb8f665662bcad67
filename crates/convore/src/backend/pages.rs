//! Reading a vendor's list to its end: cursors that repeat, records that cannot be read.

use std::collections::HashSet;

use adapterkit::{Failure, name_left_out};
use backend::{Error, Kind, Outcome, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Convore;
use crate::error::{Effect, Target};
use crate::wire::{Page, Raw};

/// The most pages of one list. At a hundred records each: far beyond what anybody keeps in one conversation.
const PAGES_MAX: usize = 5_000;
/// The most bytes of records of one list: all of them may be held at once.
const LIST_MAX_BYTES: usize = 256 * 1024 * 1024;

/// The records of a list.
pub(super) struct Listing<T> {
    pub(super) items: Vec<T>,
    /// False where a record was left out: then it proves nothing that something is not among the others.
    pub(super) complete: bool,
}

/// What every record has.
#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Convore {
    /// Every record of a list, page after page, each given to `take`.
    ///
    /// An empty cursor is an end: the vendor's own client would loop for ever. A cursor that comes again is an error:
    /// going on would never end, and stopping would look like the end of the list.
    pub(super) async fn read_all<R>(
        &self,
        operation: &'static str,
        read: impl Fn(Option<String>) -> R,
        mut take: impl FnMut(Raw) -> Result<()>,
    ) -> Result<()>
    where
        R: Future<Output = std::result::Result<Page, Failure>>,
    {
        let mut seen = HashSet::new();
        let mut cursor: Option<String> = None;
        let mut bytes = 0_usize;
        for _ in 0..PAGES_MAX {
            let page = read(cursor.take()).await.map_err(|failure| {
                self.failed(failure, operation, Target::Collection, Effect::Read)
            })?;
            bytes += page.data.iter().map(|raw| raw.text().len()).sum::<usize>();
            if bytes > LIST_MAX_BYTES {
                return Err(self.endless("convore's list is larger than is read", operation));
            }
            page.data.into_iter().try_for_each(&mut take)?;
            let Some(next) = page
                .next_cursor
                .into_value()
                .filter(|next| !next.is_empty())
            else {
                return Ok(());
            };
            if !seen.insert(next.clone()) {
                return Err(self.endless("convore repeats a cursor", operation));
            }
            cursor = Some(next);
        }
        Err(self.endless("convore's list has more pages than are read", operation))
    }

    fn endless(&self, message: &str, operation: &'static str) -> Error {
        Error::new(Kind::InvalidResponse, message)
            .outcome(Outcome::NotApplied)
            .at(self.name(), operation)
    }

    /// A record of a list; nothing where it cannot be read: it is named in the log, and the others survive.
    pub(super) fn record<T: DeserializeOwned>(
        &self,
        raw: &Raw,
        operation: &'static str,
    ) -> Option<T> {
        match raw.decode() {
            Ok(record) => Some(record),
            Err(_) => {
                let id = raw.decode::<Named>().map(|named| named.id);
                name_left_out(self.name(), operation, id.as_deref().ok());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::ConvoreConfig;
    use crate::wire::{Extra, Member};

    #[tokio::test]
    async fn a_list_that_never_ends_is_not_read_into_memory() {
        let config = ConvoreConfig::new("http://127.0.0.1:9", "key", "chnnl_1");
        let convore = Convore::new("convore", &config).unwrap();
        let record = Raw::from_text(format!("\"{}\"", "x".repeat(8 * 1024 * 1024))).unwrap();
        let pages = AtomicUsize::new(0);
        let read = |_| {
            let page = Page {
                data: vec![record.clone()],
                next_cursor: Member::Value(pages.fetch_add(1, Ordering::Relaxed).to_string()),
                total_count: Member::Absent,
                extra: Extra::new(),
            };
            async move { Ok(page) }
        };
        let error = convore.read_all("list_messages", read, |_| Ok(())).await;
        let error = error.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::InvalidResponse, Outcome::NotApplied)
        );
        assert_eq!(pages.into_inner(), 32);
    }
}

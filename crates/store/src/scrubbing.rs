//! Making sure that nothing of removed rows is left.

use backend::Result;

use crate::store::Store;
use crate::upkeep::{SWEEP_MAX_BLOBS, sweep_blobs};

impl Store {
    /// Removes what removed rows left behind: a file is written anew, see `sqlite::scrubbing`; a server is asked to free
    /// the room, which it uses again, and what its log, its copies and its backups still hold ends with those.
    pub(crate) async fn scrub(&self) -> Result<()> {
        loop {
            let swept = self
                .write(|connection, _now| Ok(sweep_blobs(connection)?))
                .await?;
            if swept < SWEEP_MAX_BLOBS {
                break;
            }
        }
        if let Some(sqlite) = self.sqlite() {
            return sqlite.scrub().await;
        }
        match self.postgres() {
            Some(postgres) => postgres.vacuum().await,
            None => Ok(()),
        }
    }
}

//! Touches: rows where several processes serve. One that serves alone tells them in memory, so there is nothing to note and
//! nothing to find.

use async_trait::async_trait;
use backend::Result;
use backend::ports::{Touch, Touches};

use super::State;
use crate::json;

#[async_trait]
impl Touches for State {
    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    async fn touch(&self, touch: &Touch) -> Result<u64> {
        match self.store.postgres() {
            Some(postgres) => postgres.touch(text_of(touch)?).await,
            None => Ok(0),
        }
    }

    async fn since(&self, after: u64, limit: usize) -> Result<Vec<(u64, Touch)>> {
        let Some(postgres) = self.store.postgres() else {
            return Ok(Vec::new());
        };
        let found = postgres.touches_since(after, limit).await?;
        let touches = found
            .into_iter()
            .map(|(number, text)| Ok((number, read(&text)?)));
        touches.collect()
    }

    async fn newest(&self) -> Result<u64> {
        match self.store.postgres() {
            Some(postgres) => postgres.newest_touch().await,
            None => Ok(0),
        }
    }
}

/// A touch as it is noted.
fn text_of(touch: &Touch) -> Result<String> {
    json::to_text("touch", &(touch.conversation, &touch.backend, &touch.what))
}

fn read(text: &str) -> Result<Touch> {
    let (conversation, backend, what) = json::from_text("touch", text)?;
    Ok(Touch {
        conversation,
        backend,
        what,
    })
}

#[cfg(test)]
mod tests {
    use backend::ports::Touched;
    use conversation::ConversationId;

    use super::*;
    use crate::{SealingKey, Store, StoreConfig};

    #[tokio::test]
    async fn a_process_that_serves_alone_notes_no_touch_and_finds_none() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
        let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
        let touch = Touch {
            conversation: ConversationId::from_bits(1),
            backend: "store".into(),
            what: Touched::Said,
        };
        assert_eq!(state.touch(&touch).await.unwrap(), 0);
        assert_eq!(state.since(0, 10).await.unwrap(), Vec::new());
        assert_eq!(state.newest().await.unwrap(), 0);
        assert!(!Touches::is_shared(&state));
        store.close().await.unwrap();
    }
}

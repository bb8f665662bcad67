//! Messages of one time: the target orders them by their arrival, so those behind one that is written are written after it.

use backend::Result;
use conversation::{Message, MessageId};

use super::pages::Pages;
use super::walk::{Waiting, Walk};

impl Walk<'_> {
    /// Takes back what is at the target of the messages of the same time that follow one which is about to be written, the
    /// last first: so they come behind it again, and where this is cut off, the next sync sees it by that one.
    pub(super) async fn clear_behind(&mut self, item: &Waiting, behind: &[Message]) -> Result<()> {
        if self.is_fresh || self.written_at == Some(item.at) {
            return Ok(());
        }
        self.written_at = Some(item.at);
        self.cleared.clear();
        let mut followers = Vec::new();
        let (mut same, mut is_over) = of_time(item.at, behind);
        let last = same.last().unwrap_or(&item.message.id).clone();
        let mut pages = Pages::behind(self.source, self.from, last);
        loop {
            let known = self.known_ids(&same).await?;
            let there = same.into_iter().zip(known);
            followers.extend(there.filter_map(|(id, known)| known.map(|_| id)));
            if is_over {
                break;
            }
            let Some(page) = pages.next().await? else {
                break;
            };
            (same, is_over) = of_time(item.at, &page);
        }
        for id in followers.into_iter().rev() {
            self.flush().await?;
            self.writer.remove(&id).await?;
            self.synced.changed += 1;
            self.cleared.insert(id);
        }
        Ok(())
    }
}

/// The ids of the messages at the front that were said at this time, in milliseconds, and whether others follow.
fn of_time(millis: i64, messages: &[Message]) -> (Vec<MessageId>, bool) {
    let is_same = |message: &&Message| message.sent_at.as_millis() == millis;
    let same = messages.iter().take_while(is_same);
    let same: Vec<MessageId> = same.map(|message| message.id.clone()).collect();
    let is_over = same.len() < messages.len();
    (same, is_over)
}

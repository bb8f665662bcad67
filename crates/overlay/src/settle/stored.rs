//! Settling messages that were posted or imported.

use backend::ports::Kept;
use backend::{Applied, Context, FieldFate, Intent, Location, Result, Settled, Write};
use conversation::{Message, NewMessage};

use super::message_of;
use crate::Overlay;
use crate::imports::{self, Item, Way};
use crate::posts;

impl Overlay {
    /// A post is here, or at the backend.
    pub(super) async fn settle_post(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        new: &NewMessage,
    ) -> Result<Settled> {
        let kept = self.kept(at).await?;
        let id = posts::kept_id(cx);
        if let Some(message) = self.kept_message(cx, at, &kept, &id).await? {
            return Ok(message_of(message));
        }
        // Whoever knows no words of an answer asks by the write's id alone.
        let is_wordless = new.parts.is_empty();
        let sent = if is_wordless {
            Some((new.clone(), Vec::new()))
        } else {
            self.sent_of(at, &kept, new, Write::PostMessage).await?
        };
        let Some((sent, fates)) = sent else {
            return Ok(Settled::NotApplied);
        };
        match self
            .settled_below(cx, intent, Write::PostMessage(sent))
            .await?
        {
            Settled::Applied(Applied::Message(held)) => {
                let mut new = new.clone();
                if is_wordless {
                    new.parts.clone_from(&held.parts);
                }
                self.note_posted(cx, at, &new, (*held).clone(), &fates)
                    .await?;
                let kept = self.kept(at).await?;
                Ok(message_of(self.laid(cx, at, &kept, *held).await?))
            }
            settled => Ok(settled),
        }
    }

    /// What is kept here of an import is written in one step, after the backend has stored its part: it is all there or
    /// not at all.
    pub(super) async fn settle_import(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        messages: &[NewMessage],
    ) -> Result<Settled> {
        let kept = self.kept(at).await?;
        let (mut items, mut places) = (Vec::new(), Vec::new());
        let (mut there, mut sent) = (Vec::new(), Vec::new());
        let (mut missing_here, mut missing_there) = (0_usize, 0_usize);
        for (nth, new) in messages.iter().enumerate() {
            let id = imports::kept_id(cx, nth);
            if let Some(message) = self.kept_message(cx, at, &kept, &id).await? {
                there.push((nth, message));
                continue;
            }
            let sent_as = if cx.beside {
                None
            } else {
                self.sent_of(at, &kept, new, Write::ImportMessage).await?
            };
            let (way, fates) = match sent_as {
                None => {
                    missing_here += 1;
                    let fates = self.foretell(&Write::ImportMessage(new.clone())).fates;
                    (Way::Here, fates)
                }
                Some((one, fates)) => {
                    sent.push(one.clone());
                    (Way::Below(Box::new(one)), fates)
                }
            };
            let new = new.clone();
            places.push(nth);
            items.push(Item { new, fates, way });
        }
        if !sent.is_empty() {
            // Asked for together: the backend pairs equal ones.
            let write = Write::ImportMessages(sent);
            let mut held = match self.settled_below(cx, intent, write).await? {
                Settled::Applied(Applied::Messages(held)) => held,
                Settled::NotApplied => Vec::new(),
                Settled::Applied(_) | Settled::Unknown => return Ok(Settled::Unknown),
            }
            .into_iter();
            for item in &mut items {
                if matches!(item.way, Way::Below(_)) {
                    item.way = match held.next() {
                        // Of others, what was hidden since they were stored stays so.
                        Some(message) if cx.copying => self.way_of_found(at, message).await?,
                        Some(message) => Way::Stored(Box::new(message)),
                        None => {
                            missing_there += 1;
                            Way::Here
                        }
                    };
                }
            }
        }
        let is_stored = |item: &Item| matches!(item.way, Way::Stored(_) | Way::Again(_));
        let is_stored = items.iter().any(is_stored);
        if !is_stored && there.is_empty() && !items.is_empty() {
            return Ok(Settled::NotApplied);
        }
        // In part: nobody may send the rest by itself, and nobody may say that it is there.
        if missing_there > 0 || (!there.is_empty() && missing_here > 0) {
            return Ok(Settled::Unknown);
        }
        if missing_here > 0 {
            self.indexed_apart_from(cx, at, &imports::stored(&items))
                .await?;
        }
        if !items.is_empty() {
            let noted = self.note_imported(cx, at, items).await?;
            for (nth, message) in places.into_iter().zip(noted) {
                there.push((nth, message?));
            }
        }
        there.sort_by_key(|(nth, _)| *nth);
        let all = there.into_iter().map(|(_, message)| message);
        Ok(Settled::Applied(Applied::Messages(all.collect())))
    }

    /// A message that only the gateway has, as it is shown, also where it was deleted since: it was stored.
    async fn kept_message(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        id: &conversation::MessageId,
    ) -> Result<Option<Message>> {
        match self.state().message(&self.beside(at), id).await? {
            Some(row) => self.laid(cx, at, kept, row.message).await.map(Some),
            None => Ok(None),
        }
    }

    /// What was sent of a message to the backend, with the fates of its fields; nothing where all of it was to be kept
    /// here.
    async fn sent_of(
        &self,
        at: &Location,
        kept: &Kept,
        new: &NewMessage,
        write: fn(NewMessage) -> Write,
    ) -> Result<Option<(NewMessage, Vec<FieldFate>)>> {
        let Some(mut sent) = self.held_of(at, kept, new, write).await? else {
            return Ok(None);
        };
        let mut fates = self.foretell(&write(new.clone())).fates;
        fates.extend(self.refer(at, kept, &mut sent).await?);
        Ok(Some((sent, fates)))
    }
}

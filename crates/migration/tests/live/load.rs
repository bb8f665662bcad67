//! Callers who post, edit, delete, read and create all the time, and remember what they were told.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backend::{Backend, Location, Order, PageRequest, Position};
use conversation::{
    ConversationId, Message, MessageId, MessagePatch, NewConversation, NewMessage, Part, Patch,
    Role, text_of,
};
use routing::Router;

use crate::world::{Gateway, PATIENCE, cx};

/// A message as its writer was told that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) id: MessageId,
    pub(crate) text: String,
}

/// What the only writer of a conversation knows of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// What is there, in order.
    pub(crate) messages: Vec<Told>,
    /// What was deleted.
    pub(crate) deleted: HashSet<MessageId>,
    /// A write whose end the writer was not told, because the gateway died: what it may have left.
    pub(crate) doubtful: Option<Doubt>,
}

#[derive(Debug, Clone)]
pub(crate) enum Doubt {
    Posted(String),
    Edited(MessageId, String),
    Deleted(MessageId),
}

/// What all callers know. Survives the gateway.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book(Arc<Mutex<BTreeMap<ConversationId, Known>>>);

impl Book {
    pub(crate) fn of(&self, id: ConversationId) -> Known {
        self.0.lock().unwrap().get(&id).cloned().unwrap_or_default()
    }

    fn edit(&self, id: ConversationId, change: impl FnOnce(&mut Known)) {
        change(self.0.lock().unwrap().entry(id).or_default());
    }

    pub(crate) fn ids(&self) -> Vec<ConversationId> {
        self.0.lock().unwrap().keys().copied().collect()
    }

    /// Learns what is there already.
    pub(crate) async fn learn(&self, gateway: &Gateway, id: ConversationId) {
        let messages = walk(&gateway.router, id, 50).await.unwrap();
        let messages = messages.iter().map(told).collect();
        self.edit(id, |known| known.messages = messages);
    }
}

fn told(message: &Message) -> Told {
    Told {
        id: message.id.clone(),
        text: text_of(&message.parts),
    }
}

/// Callers at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    callers: Vec<tokio::task::JoinHandle<()>>,
    pub(crate) done: Arc<AtomicU64>,
    pub(crate) failed: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Caller {
    router: Arc<Router>,
    book: Book,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    failed: Arc<Mutex<Vec<String>>>,
}

impl Load {
    /// One writer and one reader for each conversation of the book, and one who makes new conversations.
    pub(crate) fn begin(gateway: &Gateway, book: &Book) -> Self {
        let caller = Caller {
            router: gateway.router.clone(),
            book: book.clone(),
            stop: Arc::default(),
            done: Arc::default(),
            failed: Arc::default(),
        };
        let mut callers = Vec::new();
        for id in book.ids() {
            let (writer, reader) = (caller.clone(), caller.clone());
            callers.push(tokio::spawn(async move { writer.write(id).await }));
            callers.push(tokio::spawn(async move { reader.read(id).await }));
        }
        let maker = caller.clone();
        callers.push(tokio::spawn(async move { maker.make().await }));
        Self {
            stop: caller.stop,
            callers,
            done: caller.done,
            failed: caller.failed,
        }
    }

    /// Waits until so many more requests were answered.
    pub(crate) async fn passes(&self, requests: u64) {
        let wanted = self.done.load(Ordering::Relaxed) + requests;
        let began = Instant::now();
        while self.done.load(Ordering::Relaxed) < wanted {
            assert_eq!(*self.failed.lock().unwrap(), Vec::<String>::new());
            assert!(began.elapsed() < PATIENCE, "nobody is answered");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends the load; every request was answered well.
    pub(crate) async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
        assert_eq!(*self.failed.lock().unwrap(), Vec::<String>::new());
    }
}

impl Caller {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn note<T>(&self, what: &str, id: ConversationId, answer: backend::Result<T>) -> Option<T> {
        self.done.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                let failed = format!("{what} of {id}: {:?} {error}", error.kind);
                self.failed.lock().unwrap().push(failed);
                None
            }
        }
    }

    async fn write(&self, id: ConversationId) {
        let at = Location::unresolved(id);
        let mut turn = id.to_string().len();
        while self.goes_on() {
            turn += 1;
            let known = self.book.of(id).messages;
            // Old ones too: a cut-over that looks at the newest only would lose that.
            let chosen = known.get(turn * 7 % known.len().max(1)).cloned();
            match (turn % 5, chosen) {
                (3, Some(chosen)) => self.edit(&at, chosen, turn).await,
                (4, Some(chosen)) if known.len() > 3 => self.delete(&at, chosen).await,
                _ => self.post(&at, turn).await,
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn post(&self, at: &Location, turn: usize) {
        let text = format!("said {turn} at {:?}", conversation::Time::now());
        let doubt = Doubt::Posted(text.clone());
        self.book.edit(at.id, |known| known.doubtful = Some(doubt));
        let new = NewMessage::text(Role::User, text);
        let posted = self.router.post_message(&cx(), at, new).await;
        let posted = self.note("a post", at.id, posted);
        self.book.edit(at.id, |known| {
            known.doubtful = None;
            known.messages.extend(posted.as_ref().map(told));
        });
    }

    async fn edit(&self, at: &Location, chosen: Told, turn: usize) {
        let text = format!("edited {turn}: {}", chosen.id);
        let doubt = Doubt::Edited(chosen.id.clone(), text.clone());
        self.book.edit(at.id, |known| known.doubtful = Some(doubt));
        let patch = MessagePatch {
            parts: Patch::Set(vec![Part::text(text.clone())]),
            ..MessagePatch::default()
        };
        let edited = self
            .router
            .update_message(&cx(), at, &chosen.id, patch, None)
            .await;
        let edited = self.note("an edit", at.id, edited);
        self.book.edit(at.id, |known| {
            known.doubtful = None;
            if edited.is_some() {
                for one in &mut known.messages {
                    if one.id == chosen.id {
                        one.text.clone_from(&text);
                    }
                }
            }
        });
    }

    async fn delete(&self, at: &Location, chosen: Told) {
        let doubt = Doubt::Deleted(chosen.id.clone());
        self.book.edit(at.id, |known| known.doubtful = Some(doubt));
        let deleted = self
            .router
            .delete_message(&cx(), at, &chosen.id, None)
            .await;
        let deleted = self.note("a delete", at.id, deleted);
        self.book.edit(at.id, |known| {
            known.doubtful = None;
            if deleted.is_some() {
                known.messages.retain(|one| one.id != chosen.id);
                known.deleted.insert(chosen.id);
            }
        });
    }

    /// Whoever reads sees everything that was there before they asked.
    async fn read(&self, id: ConversationId) {
        let at = Location::unresolved(id);
        while self.goes_on() {
            let before = self.book.of(id);
            let read = self.router.get_conversation(&cx(), &at).await;
            self.note("a read", id, read);
            let walked = walk(&self.router, id, 3).await;
            if let Some(messages) = self.note("a walk", id, walked) {
                let seen: HashSet<MessageId> =
                    messages.iter().map(|message| message.id.clone()).collect();
                let after = self.book.of(id);
                for told in &before.messages {
                    let may_be_gone = after.deleted.contains(&told.id)
                        || matches!(&after.doubtful, Some(Doubt::Deleted(id)) if *id == told.id)
                        || matches!(&before.doubtful, Some(Doubt::Deleted(id)) if *id == told.id);
                    if !may_be_gone && !seen.contains(&told.id) {
                        let missed = format!("a walk of {id} did not show {}", told.id);
                        self.failed.lock().unwrap().push(missed);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    async fn make(&self) {
        let mut turn = 0;
        while self.goes_on() {
            turn += 1;
            let new = NewConversation {
                title: Some(format!("made {turn}").into()),
                ..NewConversation::default()
            };
            let nobody = ConversationId::from_bits(0);
            let made = self.router.create_conversation(&cx(), new).await;
            if let Some(made) = self.note("a create", nobody, made) {
                self.book.edit(made.location.id, |_| {});
                self.post(&Location::unresolved(made.location.id), turn)
                    .await;
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
}

/// All messages of a conversation, by pages of so many.
pub(crate) async fn walk(
    router: &Router,
    id: ConversationId,
    limit: usize,
) -> backend::Result<Vec<Message>> {
    let at = Location::unresolved(id);
    let mut page = PageRequest {
        limit,
        order: Order::Asc,
        position: None,
    };
    let mut all = Vec::new();
    loop {
        let listed = router.list_messages(&cx(), &at, &page).await?;
        all.extend(listed.items);
        let Some(next) = listed.next else {
            return Ok(all);
        };
        page.position = Some(Position::After(next));
    }
}

/// Every conversation of the book holds exactly what its writer was told, in order.
pub(crate) async fn assert_as_told(gateway: &Gateway, book: &Book) {
    for id in book.ids() {
        let known = book.of(id);
        let found: Vec<Told> = walk(&gateway.router, id, 50)
            .await
            .unwrap()
            .iter()
            .map(told)
            .collect();
        if found == known.messages {
            continue;
        }
        let mut wanted = known.messages.clone();
        match &known.doubtful {
            None => {}
            Some(Doubt::Posted(text)) => {
                let posted = found.iter().find(|one| one.text == *text);
                wanted.extend(posted.cloned());
            }
            Some(Doubt::Edited(edited, text)) => {
                for one in &mut wanted {
                    if one.id == *edited {
                        one.text.clone_from(text);
                    }
                }
            }
            Some(Doubt::Deleted(deleted)) => wanted.retain(|one| one.id != *deleted),
        }
        assert_eq!(
            found,
            wanted,
            "{id}, which lives on {}",
            gateway.home(id).await
        );
    }
}

/// Nothing of what was told is in doubt any more: what is there now is what was done.
pub(crate) async fn settle_doubts(gateway: &Gateway, book: &Book) {
    for id in book.ids() {
        if book.of(id).doubtful.is_some() {
            book.learn(gateway, id).await;
            book.edit(id, |known| known.doubtful = None);
        }
    }
}

//! A vendor that fails as it is told to, and does not hold titles: a store of its own.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use backend::ports::{IntentQuery, Intents};
use backend::{
    Backend, Capabilities, Context, Error, FieldFate, Layer, Located, Location, Page, PageRequest,
    Projection, Result, Write,
};
use conversation::{Conversation, Message, NewConversation};
use store::State;
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Vendor {
    store: Arc<dyn Backend>,
    /// The gateway's state, where writes are noted.
    state: Arc<State>,
    fault: Mutex<Option<Error>>,
    /// The fate of a title here, where it is not held.
    title: Mutex<Option<FieldFate>>,
    /// For each create: which backends were noted for open writes when it came.
    noted: Mutex<Vec<Vec<String>>>,
    reads: watch::Sender<u32>,
}

impl Vendor {
    pub(crate) fn new(store: Arc<dyn Backend>, state: Arc<State>) -> Self {
        Self {
            store,
            state,
            fault: Mutex::default(),
            title: Mutex::default(),
            noted: Mutex::default(),
            reads: watch::Sender::new(0),
        }
    }

    /// Every call fails so from now on.
    pub(crate) fn fail(&self, fault: Option<Error>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// What becomes of a title here.
    pub(crate) fn treat_titles(&self, fate: Option<FieldFate>) {
        *self.title.lock().unwrap() = fate;
    }

    /// How many creates came.
    pub(crate) fn creates(&self) -> usize {
        self.noted.lock().unwrap().len()
    }

    /// For each create: which backends were noted when it came.
    pub(crate) fn noted(&self) -> Vec<Vec<String>> {
        self.noted.lock().unwrap().clone()
    }

    /// How many reads came.
    pub(crate) fn reads(&self) -> u32 {
        *self.reads.borrow()
    }

    pub(crate) async fn wait_for_reads(&self, count: u32) {
        let mut reads = self.reads.subscribe();
        reads.wait_for(|reads| *reads >= count).await.unwrap();
    }

    fn fault(&self) -> Result<()> {
        match &*self.fault.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn read<T>(&self, read: Result<T>) -> Result<T> {
        self.reads.send_modify(|reads| *reads += 1);
        self.fault()?;
        read
    }
}

#[async_trait]
impl Layer for Vendor {
    fn below(&self) -> &dyn Backend {
        &*self.store
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactional: false,
            ..self.store.capabilities()
        }
    }

    fn preview(&self, write: &Write) -> Projection {
        let fate = self.title.lock().unwrap().clone();
        let is_titled = matches!(write, Write::CreateConversation(new) if new.title.is_some());
        Projection::of(
            write.clone(),
            fate.filter(|_| is_titled).into_iter().collect(),
        )
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let query = IntentQuery {
            limit: 100,
            ..IntentQuery::default()
        };
        let noted = self.state.list(&query).await?.items.into_iter();
        let noted = noted.map(|record| record.backend.to_string()).collect();
        self.noted.lock().unwrap().push(noted);
        self.fault()?;
        self.store.create_conversation(cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.read(self.store.get_conversation(cx, at).await)
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.read(self.store.list_messages(cx, at, page).await)
    }
}

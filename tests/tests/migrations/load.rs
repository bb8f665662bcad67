//! Callers that go on working through the API whatever is moved meanwhile, and know exactly what they must find.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::sample::select;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::client::Client;
use tokio::task::JoinHandle;

use crate::generated::Generator;
use crate::seen::{Whole, message_ids, texts, whole};

/// Conversations that one caller begins with, and the most that one makes.
const AT_FIRST: usize = 3;
const AT_MOST: usize = 8;
/// How long something that must come may take. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two requests of one caller.
const PAUSE: Duration = Duration::from_millis(15);

#[derive(Debug, Clone, Copy)]
enum Step {
    Create,
    Post,
    Respond,
    Edit,
    Rename,
    Read,
    Walk,
}

/// What a caller knows of a conversation.
#[derive(Debug, Default)]
struct Known {
    title: String,
    /// What was said, in order: the id and the words as they are by now.
    said: Vec<(String, String)>,
    /// The ids in the order in which they were seen last.
    seen: Vec<String>,
}

/// One caller, who writes to conversations of its own.
pub(crate) struct Caller {
    name: String,
    client: Client,
    random: Generator,
    conversations: BTreeMap<String, Known>,
    written: usize,
    requests: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Caller {
    /// A caller with its first conversations.
    pub(crate) async fn new(name: &str, client: &Client, seed: u64) -> Self {
        let mut caller = Self {
            name: name.to_owned(),
            client: client.clone(),
            random: Generator::new(name, seed),
            conversations: BTreeMap::new(),
            written: 0,
            requests: Arc::default(),
            failures: Arc::default(),
        };
        for _ in 0..AT_FIRST {
            caller.create().await;
            for _ in 0..3 {
                caller.step(Step::Post).await;
            }
        }
        caller
    }

    /// The ids of its conversations.
    pub(crate) fn conversations(&self) -> impl Iterator<Item = &String> {
        self.conversations.keys()
    }

    fn new_words(&mut self, what: &str) -> String {
        self.written += 1;
        format!("{what} {} by {}.", self.written, self.name)
    }

    fn any_conversation(&mut self) -> String {
        let ids: Vec<String> = self.conversations.keys().cloned().collect();
        self.random.any(&select(ids))
    }

    /// A request that must succeed; its answer.
    async fn succeeds(&self, what: &str, request: RequestBuilder) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let failure = match self.client.try_send(request).await {
            Ok(answer) if answer.status.is_success() => {
                return Some(serde_json::from_str(&answer.text).unwrap_or_default());
            }
            Ok(answer) => format!("{what}: {} {}", answer.status, answer.text),
            Err(error) => format!("{what}: {error}"),
        };
        self.failures.lock().expect("not poisoned").push(failure);
        None
    }

    /// As an end user, so that what one makes belongs to somebody.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, path);
        request.header("dragoman-user", &self.name)
    }

    fn patch(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::PATCH, path)
            .header("content-type", "application/merge-patch+json")
            .body(body.to_string())
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    async fn create(&mut self) {
        let title = self.new_words("title");
        let body = json!({"title": title, "metadata": {"caller": self.name, "nested": {"a": 1}}});
        let request = self.post("/v1/conversations", &body);
        if let Some(made) = self.succeeds("create", request).await {
            let id = made["id"].as_str().expect("an id").to_owned();
            let known = Known {
                title,
                ..Known::default()
            };
            self.conversations.insert(id, known);
        }
    }

    async fn step(&mut self, step: Step) {
        if matches!(step, Step::Create) {
            if self.conversations.len() < AT_MOST {
                self.create().await;
            }
            return;
        }
        let id = self.any_conversation();
        let path = format!("/v1/conversations/{id}");
        match step {
            Step::Create => {}
            Step::Post => {
                let words = self.new_words("said");
                let request = self.post(&format!("{path}/messages"), &message(&words));
                if let Some(posted) = self.succeeds("post", request).await {
                    self.note(&id, &posted["id"], words);
                }
            }
            Step::Respond => {
                let words = self.new_words("asked");
                let body = json!({"input": message(&words)});
                let request = self.post(&format!("{path}/responses"), &body);
                if let Some(answered) = self.succeeds("respond", request).await {
                    let (input, answer) = (&answered["input"]["id"], &answered["message"]["id"]);
                    self.note(&id, input, words);
                    // It repeats whatever waited for an answer.
                    let echo = answered["message"]["parts"][0]["text"].as_str();
                    self.note(&id, answer, echo.expect("words").to_owned());
                }
            }
            Step::Edit => {
                let count = self.conversations[&id].said.len();
                if count == 0 {
                    return;
                }
                let place = self.random.any(&(0..count));
                let words = self.new_words("edited");
                let message_id = self.conversations[&id].said[place].0.clone();
                let body = json!({"parts": [{"type": "text", "text": words}]});
                let request = self.patch(&format!("{path}/messages/{message_id}"), &body);
                if self.succeeds("edit", request).await.is_some() {
                    let known = self.conversations.get_mut(&id).expect("known");
                    known.said[place].1 = words;
                }
            }
            Step::Rename => {
                let title = self.new_words("title");
                let request = self.patch(&path, &json!({"title": title}));
                if self.succeeds("rename", request).await.is_some() {
                    self.conversations.get_mut(&id).expect("known").title = title;
                }
            }
            Step::Read => {
                let newest = format!("{path}/messages?order=desc&limit=5");
                let request = self.request(Method::GET, &newest);
                if let Some(page) = self.succeeds("read", request).await {
                    self.find_last(&id, &page);
                }
            }
            Step::Walk => {
                self.requests.fetch_add(2, Ordering::Relaxed);
                let whole = whole(&self.client, &id).await;
                self.compare(&id, &whole);
            }
        }
    }

    fn note(&mut self, conversation: &str, id: &Value, words: String) {
        let id = id.as_str().expect("a message's id").to_owned();
        let known = self.conversations.get_mut(conversation);
        known.expect("known").said.push((id, words));
    }

    fn fail(&self, failure: String) {
        self.failures.lock().expect("not poisoned").push(failure);
    }

    /// What one has written is on the newest page. Others may have written up to two since.
    fn find_last(&self, id: &str, page: &Value) {
        let Some((last, words)) = self.conversations[id].said.last() else {
            return;
        };
        let shown = page["data"].as_array().expect("a page");
        if !shown.iter().any(|one| one["id"] == last.as_str()) {
            self.fail(format!(
                "{id}: {words:?} ({last}) is not on the newest page: {page:#}"
            ));
        }
    }

    /// Everything that was said is there once, in order; nothing that was seen has moved or gone.
    fn compare(&mut self, id: &str, whole: &Whole) {
        let (ids, texts) = (message_ids(&whole.messages), texts(&whole.messages));
        let known = self.conversations.get_mut(id).expect("known");
        let mut wrong = Vec::new();
        let mine: Vec<&String> = ids
            .iter()
            .filter(|id| known.said.iter().any(|(said, _)| said == *id))
            .collect();
        let expected: Vec<&String> = known.said.iter().map(|(id, _)| id).collect();
        if mine != expected {
            wrong.push(format!("said {expected:?}, shown {mine:?}"));
        }
        for (message, words) in &known.said {
            let place = ids.iter().position(|id| id == message);
            let shown = place.map(|place| &texts[place]);
            if shown.is_some_and(|shown| shown != words) {
                wrong.push(format!("{message} says {shown:?} instead of {words:?}"));
            }
            match texts.iter().filter(|text| *text == words).count() {
                1 => {}
                times => wrong.push(format!("{words:?} is there {times} times")),
            }
        }
        let still: Vec<&String> = ids.iter().filter(|id| known.seen.contains(id)).collect();
        if still != known.seen.iter().collect::<Vec<_>>() {
            let seen = &known.seen;
            wrong.push(format!("seen before {seen:?}, of which now {still:?}"));
        }
        if whole.conversation.title.as_deref() != Some(&*known.title) {
            let (shown, title) = (&whole.conversation.title, &known.title);
            wrong.push(format!("the title is {shown:?} instead of {title:?}"));
        }
        known.seen = ids;
        for wrong in wrong {
            let backend = &whole.conversation.backend;
            self.fail(format!("{id} at {backend}: {wrong}"));
        }
    }

    /// Looks at everything that it knows. Also each message by its own id.
    pub(crate) async fn look_at_all(&mut self) {
        let ids: Vec<String> = self.conversations.keys().cloned().collect();
        for id in ids {
            let whole = whole(&self.client, &id).await;
            self.compare(&id, &whole);
            for (message, words) in &self.conversations[&id].said {
                let path = format!("/v1/conversations/{id}/messages/{message}");
                let request = self.request(Method::GET, &path);
                if let Some(read) = self.succeeds("read by id", request).await
                    && read["parts"][0]["text"] != words.as_str()
                {
                    self.fail(format!("{path} is {read} instead of {words:?}"));
                }
            }
        }
    }

    /// What went wrong so far.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().expect("not poisoned").clone()
    }
}

fn message(words: &str) -> Value {
    json!({"parts": [{"type": "text", "text": words}], "metadata": {"n": {"a": 1}}})
}

/// Callers at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Caller>>,
    requests: Vec<Arc<AtomicUsize>>,
}

impl Load {
    /// Lets them work.
    pub(crate) fn start(callers: Vec<Caller>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let steps = [
            (Step::Post, 5),
            (Step::Read, 4),
            (Step::Rename, 1),
            (Step::Edit, 1),
            (Step::Create, 1),
            (Step::Respond, 1),
            (Step::Walk, 2),
        ];
        let steps = steps.map(|(step, weight)| vec![step; weight]).concat();
        let requests = callers.iter().map(|caller| Arc::clone(&caller.requests));
        let requests = requests.collect();
        let callers = callers.into_iter().map(|mut caller| {
            let (stop, steps) = (Arc::clone(&stop), select(steps.clone()));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let step = caller.random.any(&steps);
                    caller.step(step).await;
                    tokio::time::sleep(PAUSE).await;
                }
                caller
            })
        });
        Self {
            callers: callers.collect(),
            stop,
            requests,
        }
    }

    fn made(&self) -> usize {
        let requests = self.requests.iter();
        requests.map(|made| made.load(Ordering::Relaxed)).sum()
    }

    /// Waits until so many more requests were made.
    pub(crate) async fn passes(&self, requests: usize) {
        let wanted = self.made() + requests;
        let began = Instant::now();
        while self.made() < wanted {
            assert!(began.elapsed() < PATIENCE, "nobody makes requests");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Lets them come to an end; the callers, and how many requests they have made.
    pub(crate) async fn stop(self) -> (Vec<Caller>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let mut callers = Vec::new();
        let mut requests = 0;
        for caller in self.callers {
            let caller = caller.await.expect("a caller does not panic");
            requests += caller.requests.load(Ordering::Relaxed);
            callers.push(caller);
        }
        (callers, requests)
    }
}

/// Nothing has failed, and everything is where it belongs.
pub(crate) async fn assert_nothing_went_wrong(callers: &mut [Caller], when: &str) {
    let mut failures = Vec::new();
    for caller in callers {
        caller.look_at_all().await;
        failures.extend(caller.failures());
    }
    let count = failures.len();
    failures.truncate(12);
    assert!(
        count == 0,
        "{when}: {count} failures:\n{}",
        failures.join("\n")
    );
}

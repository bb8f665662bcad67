//! Rules of the index: whoever reads when, the same list is shown, each message once, none lost.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use backend::ports::{Change, Holder, Indexed, Place, Sending};
use conversation::{ConversationId, Message, MessageId, NewMessage, Role, Time, text_of};
use proptest::prelude::*;
use uuid::Uuid;

use super::questions::questions_of;
use super::reconcile::{Reading, Reconciled, digest_of, reconcile};

const HOME: &str = "home";
/// Not more after the times of the messages than clocks may differ.
const NOW: i64 = 250_000_000;

fn at(micros: i64) -> Time {
    Time::from_micros(micros).unwrap()
}

fn id(text: &str) -> MessageId {
    text.parse().unwrap()
}

fn message(name: &str, role: Role, text: &str, micros: i64) -> Message {
    NewMessage::text(role, text).into_message(id(name), ConversationId::from_bits(1), at(micros))
}

fn user(name: &str, text: &str, micros: i64) -> Message {
    message(name, Role::User, text, micros)
}

fn answer(name: &str, micros: i64) -> Message {
    message(name, Role::Assistant, "an answer", micros)
}

/// The state, as far as the index goes: what a change makes of it is written down once more here.
#[derive(Debug, Clone, Default)]
struct Model {
    rows: BTreeMap<MessageId, (Indexed, Message)>,
    carriers: BTreeSet<MessageId>,
    arrivals: u64,
    sendings: Vec<Sending>,
}

impl Model {
    fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Message {
                    time,
                    holder,
                    message,
                } => self.put(time, holder, *message),
                Change::Bind { native, to } => {
                    self.rows.remove(&native);
                    for target in to {
                        if let Some((row, _)) = self.rows.get_mut(&target)
                            && !row.natives.contains(&native)
                        {
                            row.natives.push(native.clone());
                        }
                    }
                    self.carriers.insert(native);
                }
                Change::Gone { id, is_gone } => {
                    if let Some((row, _)) = self.rows.get_mut(&id) {
                        row.is_gone = is_gone;
                    }
                }
                Change::Hide(id) => {
                    if let Some((row, _)) = self.rows.get_mut(&id) {
                        row.is_hidden = true;
                    }
                }
                Change::Send(sending) => self.sendings.push(*sending),
                Change::Sent(intent) => self.sendings.retain(|one| one.intent != intent),
                other => panic!("reconciling makes no such change: {other:?}"),
            }
        }
    }

    fn put(&mut self, time: Time, holder: Holder, message: Message) {
        if self.carriers.contains(&message.id) {
            return;
        }
        let digest = digest_of(&message).unwrap();
        if let Some((row, held)) = self.rows.get_mut(&message.id) {
            row.holder = holder;
            row.digest = digest;
            row.is_gone = false;
            *held = message;
            return;
        }
        self.arrivals += 1;
        let row = Indexed {
            id: message.id.clone(),
            place: Place {
                time,
                arrival: self.arrivals,
            },
            holder,
            digest,
            is_hidden: false,
            is_gone: false,
            natives: Vec::new(),
            homes: Vec::new(),
        };
        self.rows.insert(message.id.clone(), (row, message));
    }

    fn index(&self) -> Vec<Indexed> {
        let mut index: Vec<Indexed> = self.rows.values().map(|(row, _)| row.clone()).collect();
        index.sort_by_key(|row| row.place);
        index
    }

    fn shown(&self) -> Vec<String> {
        let index = self.index();
        let shown = index.iter().filter(|row| !row.is_hidden && !row.is_gone);
        shown.map(|row| row.id.to_string()).collect()
    }

    fn keep(&mut self, name: &str, micros: i64) {
        self.put(
            at(micros),
            Holder::Gateway,
            user(name, &format!("words of {name}"), micros),
        );
    }

    fn ids(&self) -> HashSet<MessageId> {
        self.rows.keys().cloned().collect()
    }

    fn before(&self) -> HashMap<MessageId, Indexed> {
        let rows = self.rows.iter();
        rows.map(|(id, (row, _))| (id.clone(), row.clone()))
            .collect()
    }

    /// What a whole reading of `messages` changes.
    fn read(&self, messages: &[Message]) -> Reconciled {
        self.read_as(messages, &self.before(), &[], NOW)
    }

    fn read_as(
        &self,
        messages: &[Message],
        before: &HashMap<MessageId, Indexed>,
        questions: &[(Uuid, MessageId)],
        now: i64,
    ) -> Reconciled {
        reconcile(&Reading {
            native: HOME,
            before,
            index: &self.index(),
            sendings: &self.sendings,
            messages,
            is_whole: true,
            questions,
            now: at(now),
        })
    }

    fn take_in(&mut self, messages: &[Message]) {
        let done = self.read(messages);
        self.apply(done.changes);
    }

    /// What happens when an answer has come.
    fn answered(&mut self, messages: &[Message], answer: &str, known: &HashSet<MessageId>) {
        let sending = self.sendings[0].clone();
        let questions: Vec<_> = questions_of(messages, &id(answer), &sending.text, |id| {
            !known.contains(id)
        })
        .into_iter()
        .map(|id| (sending.intent, id))
        .collect();
        let done = self.read_as(messages, &self.before(), &questions, NOW);
        self.apply(done.changes);
        self.apply(vec![Change::Sent(sending.intent)]);
    }
}

fn sending(text: &str, carries: &[&str], input: Option<Message>, after: i64) -> Change {
    Change::Send(Box::new(Sending {
        intent: Uuid::from_u128(7),
        text: text.into(),
        carries: carries.iter().map(|name| id(name)).collect(),
        input: input.map(Box::new),
        after: at(after),
        started_at: at(NOW),
    }))
}

/// An index with one message that waits, and a question with it under way.
fn asked() -> Model {
    let mut model = Model::default();
    model.take_in(&[user("n1", "before", 10), answer("n2", 20)]);
    model.keep("w", 100);
    let input = user("in", "input", 200);
    model.apply(vec![sending(
        "words of w\n\ninput",
        &["w", "in"],
        Some(input),
        200,
    )]);
    model
}

#[test]
fn a_bound_question_is_shown_as_ours_and_its_answer_comes_behind_it() {
    // The vendor's clock is far behind.
    let mut native = vec![user("n1", "before", 10), answer("n2", 20)];
    native.push(user("q", "words of w\n\ninput", 30));
    for messages in [
        native.clone(),
        [native.clone(), vec![answer("a", 31)]].concat(),
    ] {
        let mut model = asked();
        model.take_in(&messages);
        let wanted = match messages.len() {
            3 => vec!["n1", "n2", "w", "in"],
            _ => vec!["n1", "n2", "w", "in", "a"],
        };
        assert_eq!(model.shown(), wanted);
        assert_eq!(model.rows[&id("w")].0.natives, [id("q")]);
        assert_eq!(model.read(&messages).changes, []);
    }
}

#[test]
fn white_space_is_no_difference_and_an_exact_fit_comes_first() {
    let mut model = asked();
    let before = [user("n1", "before", 10), answer("n2", 20)];
    let wrapped = user("q", " words of w\ninput ", 300);
    model.take_in(&[before.to_vec(), vec![wrapped]].concat());
    assert_eq!(model.shown(), ["n1", "n2", "w", "in"]);
}

#[test]
fn a_question_in_other_words_is_left_until_its_answer_is_known() {
    let mut model = asked();
    let known = model.ids();
    let native = [
        user("n1", "before", 10),
        answer("n2", 20),
        user("q", "something else", 300),
        answer("a", 301),
    ];
    let done = model.read(&native);
    assert!(done.is_cut);
    assert_eq!(done.changes, []);
    model.answered(&native, "a", &known);
    assert_eq!(model.shown(), ["n1", "n2", "w", "in", "a"]);

    // Nobody comes back to it: in the end it is a message as any other.
    let model = asked();
    let late = NOW + 3_600_000_000;
    let mut late_model = model.clone();
    let done = model.read_as(&native, &model.before(), &[], late);
    assert!(!done.is_cut);
    late_model.apply(done.changes);
    assert_eq!(late_model.shown(), ["n1", "n2", "w", "q", "a"]);
}

#[test]
fn of_two_equal_messages_only_the_first_is_the_question_unless_both_precede_the_answer() {
    let text = "words of w\n\ninput";
    let mut native = vec![user("n1", "before", 10), answer("n2", 20)];
    native.extend([user("q", text, 300), user("q2", text, 301)]);
    let mut model = asked();
    let known = model.ids();
    model.take_in(&native);
    assert_eq!(model.rows[&id("w")].0.natives, [id("q")]);
    assert!(
        !model.shown().contains(&"q2".to_owned()),
        "left for the end of the answer"
    );

    native.push(answer("a", 302));
    model.answered(&native, "a", &known);
    assert_eq!(model.shown(), ["n1", "n2", "w", "in", "a"]);

    // After the answer it is somebody's message.
    let mut model = asked();
    let native = [
        user("n1", "before", 10),
        answer("n2", 20),
        user("q", text, 300),
        answer("a", 301),
        user("q2", text, 302),
    ];
    model.answered(&native, "a", &known);
    assert_eq!(model.shown(), ["n1", "n2", "w", "in", "a", "q2"]);
}

#[test]
fn what_was_said_before_is_never_taken_for_the_question() {
    let mut model = Model::default();
    let native = [user("n1", "yes", 10), answer("n2", 20)];
    model.take_in(&native);
    let input = user("in", "yes", 200);
    model.apply(vec![sending("yes", &["in"], Some(input), 200)]);
    model.take_in(&native);
    assert_eq!(model.shown(), ["n1", "n2"]);
    model.take_in(&[native.to_vec(), vec![user("q", "yes", 15)]].concat());
    assert_eq!(model.shown(), ["n1", "n2", "in"]);
}

#[test]
fn what_was_said_long_before_or_after_a_question_is_not_taken_for_it() {
    let (minute, text) = (60_000_000, "words of w\n\ninput");
    for (said, is_question) in [
        (NOW - 6 * minute, false),
        (NOW - 4 * minute, true),
        (NOW + 14 * minute, true),
        (NOW + 16 * minute, false),
    ] {
        let model = asked();
        let before = [user("n1", "before", 10), answer("n2", 20)];
        let native = [before.to_vec(), vec![user("q", text, said)]].concat();
        let done = model.read_as(&native, &model.before(), &[], NOW + 20 * minute);
        let binds = |change: &Change| matches!(change, Change::Bind { .. });
        assert_eq!(done.changes.iter().any(binds), is_question, "{said}");
    }
}

#[test]
fn a_sending_that_carries_nothing_is_bound_to_nothing() {
    let mut model = Model::default();
    model.apply(vec![sending("yes", &[], None, 200)]);
    model.take_in(&[answer("n1", 10)]);
    let native = [answer("n1", 10), user("q", "yes", 300)];
    let done = model.read_as(&native, &model.before(), &[], NOW + 3_600_000_000);
    let binds = |change: &Change| matches!(change, Change::Bind { .. });
    assert!(!done.changes.iter().any(binds));
}

#[test]
fn what_is_sent_again_is_bound_anew() {
    let mut model = asked();
    let known = model.ids();
    let text = "words of w\n\ninput";
    let mut native = vec![
        user("n1", "before", 10),
        answer("n2", 20),
        user("q", text, 300),
    ];
    model.take_in(&native);
    model.apply(vec![Change::Sent(Uuid::from_u128(7))]);
    let _ = known;
    model.apply(vec![sending(text, &["w", "w", "in", "in"], None, 400)]);
    assert_eq!(model.read(&native).changes, []);
    native.push(user("q2", text, 401));
    model.take_in(&native);
    assert_eq!(model.rows[&id("in")].0.natives, [id("q"), id("q2")]);
    native.push(answer("a", 402));
    model.take_in(&native);
    assert_eq!(model.shown(), ["n1", "n2", "w", "in", "a"]);
}

#[test]
fn what_is_missing_is_gone_and_comes_back() {
    let mut model = Model::default();
    let native = [
        user("n1", "one", 10),
        answer("n2", 20),
        user("n3", "three", 30),
    ];
    model.take_in(&native);
    model.keep("k", 25);
    model.take_in(&native[..1]);
    assert_eq!(model.shown(), ["n1", "k"]);
    model.take_in(&native);
    assert_eq!(model.shown(), ["n1", "n2", "k", "n3"]);
    // What came into the index after a reading began is not missing in it.
    let mut before = model.before();
    before.retain(|known, _| *known == id("n1"));
    let done = model.read_as(&native[..1], &before, &[], NOW);
    assert_eq!(done.changes, []);
}

#[test]
fn a_slow_reader_replaces_nothing_that_was_changed_meanwhile() {
    let old = [user("n1", "one", 10), user("n2", "two", 20)];
    let new = user("n1", "edited", 10);
    let mut model = Model::default();
    model.take_in(&old);
    let before = model.before();
    // While the old messages are on their way, one is edited and the other one found to be gone.
    model.put(at(10), Holder::Backend(HOME.into()), new.clone());
    model.apply(vec![Change::Gone {
        id: id("n2"),
        is_gone: true,
    }]);
    let slow = model.read_as(&old, &before, &[], NOW);
    assert_eq!(slow.changes, []);
    assert!(slow.is_cut, "the next reading tells");
    // Nor is one that was changed meanwhile gone, because a reading misses it.
    let slow = model.read_as(&[], &before, &[], NOW);
    assert_eq!(slow.changes, []);
    let next = model.read(std::slice::from_ref(&new));
    assert_eq!((next.changes, next.is_cut), (vec![], false));
    let back = model.read(&[new, old[1].clone()]);
    assert_eq!(back.changes.len(), 1, "it has come back");
}

#[test]
fn an_earlier_home_is_left_alone_and_what_is_hidden_stays_hidden() {
    let mut model = Model::default();
    model.put(
        at(5),
        Holder::Backend("before".into()),
        user("old", "old", 5),
    );
    model.take_in(&[user("n1", "one", 10)]);
    model.apply(vec![Change::Hide(id("n1"))]);
    let edited = user("n1", "edited", 10);
    model.take_in(&[edited]);
    assert_eq!(model.shown(), ["old"]);
    model.take_in(&[]);
    assert_eq!(model.shown(), ["old"]);
    assert!(!model.rows[&id("old")].0.is_gone);
}

#[test]
fn an_edit_at_the_backend_replaces_the_copy_in_its_place() {
    let mut model = Model::default();
    model.take_in(&[user("n1", "one", 10), user("n2", "two", 10)]);
    let place = model.rows[&id("n1")].0.place;
    let edited = [user("n1", "edited", 99), user("n2", "two", 10)];
    model.take_in(&edited);
    assert_eq!(model.rows[&id("n1")].0.place, place);
    assert_eq!(text_of(&model.rows[&id("n1")].1.parts), "edited");
    assert_eq!(model.read(&edited).changes, []);
}

/// One turn at the backend, by a clock that stands, runs back, or jumps.
#[derive(Debug, Clone)]
enum Said {
    User(u8, i64),
    Answer(i64),
}

fn said() -> impl Strategy<Value = Vec<Said>> {
    let time = -50_i64..400;
    let one = prop_oneof![
        (0_u8..3, time.clone()).prop_map(|(word, time)| Said::User(word, time)),
        time.prop_map(Said::Answer),
    ];
    prop::collection::vec(one, 0..12)
}

fn native_of(said: &[Said]) -> Vec<Message> {
    let turns = said.iter().enumerate();
    turns
        .map(|(nth, said)| match said {
            Said::User(word, time) => user(&format!("n{nth}"), &format!("word {word}"), *time),
            Said::Answer(time) => answer(&format!("n{nth}"), *time),
        })
        .collect()
}

proptest! {
    #[test]
    fn two_readers_in_any_order_end_in_the_same_list(
        said in said(),
        kept in prop::collection::vec(0_i64..400, 0..4),
        first in 0_usize..13,
        (known, early, late) in (0_usize..13, 0_usize..13, 0_usize..13),
        asks: bool,
    ) {
        let native = native_of(&said);
        let part = |count: usize| &native[..count.min(native.len())];
        let mut model = Model::default();
        model.take_in(part(first.min(known)));
        for (nth, time) in kept.iter().enumerate() {
            model.keep(&format!("k{nth}"), *time);
        }
        let mut wanted_kept = kept.len();
        if asks {
            let input = user("in", "word 1", 200);
            model.apply(vec![sending("word 1", &["in"], Some(input), 200)]);
            wanted_kept += 1;
        }
        // Both begin with what is known; one reads earlier than the other, and either may end first.
        let (early, late) = (part(early.min(late)), part(early.max(late)));
        let (one, other) = (model.read(early).changes, model.read(late).changes);
        let mut finished = Vec::new();
        for order in [[one.clone(), other.clone()], [other, one]] {
            let mut model = model.clone();
            for changes in order {
                model.apply(changes);
            }
            // Whoever read less may have called gone what the other had seen; the next reading says.
            model.take_in(late);
            prop_assert_eq!(model.read(late).changes, [], "doing it again changes nothing");
            finished.push(model);
        }
        prop_assert_eq!(finished[0].shown(), finished[1].shown());
        for model in finished {
            let shown = model.shown();
            let unique: BTreeSet<&String> = shown.iter().collect();
            prop_assert_eq!(unique.len(), shown.len(), "each message once");
            let ours = shown.iter().filter(|id| id.starts_with('k') || *id == "in").count();
            prop_assert!(ours <= wanted_kept && ours >= kept.len(), "what is kept stays");
            let natives: Vec<&String> = shown.iter().filter(|id| id.starts_with('n')).collect();
            let places: Vec<Option<usize>> = natives
                .iter()
                .map(|shown| late.iter().position(|message| message.id.as_str() == **shown))
                .collect();
            prop_assert!(places.is_sorted(), "the backend's order stays: {shown:?}");
            for carrier in &model.carriers {
                prop_assert!(!shown.contains(&carrier.to_string()), "what is bound is not shown beside ours");
            }
        }
    }

    #[test]
    fn after_an_answer_everything_is_shown_once_and_in_order(
        said in said(),
        reads in prop::collection::vec(0_usize..16, 0..4),
        doubled: bool,
        rewritten: bool,
        skew in -1_000_i64..1_000,
    ) {
        let mut native = native_of(&said);
        let mut model = Model::default();
        model.take_in(&native);
        let before = model.shown();
        model.keep("w", 500);
        let known = model.ids();
        let input = user("in", "word 1", 600);
        let text = "words of w\n\nword 1";
        // Behind all that was said, as the gateway places it.
        model.apply(vec![sending(text, &["w", "in"], Some(input), 600)]);
        let held = if rewritten { "another text" } else { text };
        native.push(user("q", held, 600 + skew));
        if doubled {
            native.push(user("q2", held, 600 + skew));
        }
        native.push(answer("a", 601 + skew));
        for count in reads {
            model.take_in(&native[..count.clamp(said.len(), native.len())]);
        }
        model.answered(&native, "a", &known);
        let mut wanted = before;
        wanted.extend(["w", "in", "a"].map(str::to_owned));
        prop_assert_eq!(model.shown(), wanted);
        prop_assert_eq!(model.read(&native).changes, []);
    }
}

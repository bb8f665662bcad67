//! Conversations that move on and come back: what is known at a place after any number of moves.

use std::collections::{BTreeMap, BTreeSet};

use backend::Location;
use backend::ports::{
    CopyAt, Directory as _, ItemState, Ledger as _, MigrationId, Names as _, NewCopy, PlaceQuery,
    Step, Switching,
};
use conversation::{ConversationId, Digest, MessageId};
use store::State;

use crate::support::{entry, home, id, migration, open};

/// A conversation, and what each backend really holds of it: native id by public id.
struct World {
    state: State,
    migration: MigrationId,
    conversation: ConversationId,
    lives: Box<str>,
    held: BTreeMap<Box<str>, BTreeMap<MessageId, MessageId>>,
    made: u32,
}

impl World {
    async fn new(state: State, on: &str) -> Self {
        let conversation = ConversationId::generate();
        let at = home(conversation, on, &format!("{on}-native"));
        state.insert(entry(at)).await.unwrap();
        Self {
            migration: migration(&state, "a", "b").await,
            state,
            conversation,
            lives: on.into(),
            held: BTreeMap::from([(on.into(), BTreeMap::new())]),
            made: 0,
        }
    }

    fn at(&self, from: &str, to: &str) -> CopyAt {
        CopyAt {
            conversation: self.conversation,
            from: from.into(),
            to: to.into(),
        }
    }

    fn query(&self, backend: &str) -> PlaceQuery {
        PlaceQuery {
            conversation: self.conversation,
            backend: backend.into(),
        }
    }

    async fn place(&self, backend: &str) -> Option<Location> {
        let found = self.state.place(&self.query(backend)).await.unwrap();
        found.map(|(location, _)| location)
    }

    /// A message that is said where the conversation lives.
    fn say(&mut self) -> MessageId {
        self.made += 1;
        let said = id(&format!("{}{}", self.lives, self.made));
        let held = self.held.get_mut(&self.lives).unwrap();
        held.insert(said.clone(), said.clone());
        said
    }

    /// A message that is deleted where the conversation lives.
    fn unsay(&mut self, message: &MessageId) {
        let held = self.held.get_mut(&self.lives).unwrap();
        held.remove(message).unwrap();
    }

    /// Makes `to` equal to where the conversation lives, by what the ledger says; returns how many were written.
    async fn sync(&mut self, to: &str) -> usize {
        let from = self.lives.clone();
        let at = self.at(&from, to);
        let place = match self.place(to).await {
            Some(_) => None,
            None => Some(Location {
                renamed: true,
                ..home(self.conversation, to, &format!("{to}-native"))
            }),
        };
        let source: Vec<MessageId> = self.held[&from].keys().cloned().collect();
        let copied = self.state.copied(&at, &source).await.unwrap();
        let held = self.held.entry(to.into()).or_default();
        let mut step = Step {
            place,
            ..Step::default()
        };
        let mut met = 0;
        for (public, copied) in source.iter().zip(copied) {
            if let Some(copied) = copied {
                assert_eq!(copied.public, *public);
                assert!(held.contains_key(public), "{public} is not at {to}");
                met += 1;
                continue;
            }
            assert!(
                !held.contains_key(public),
                "{public} would be twice at {to}"
            );
            self.made += 1;
            let native = id(&format!("{to}{}", self.made));
            held.insert(public.clone(), native.clone());
            step.copied.push(NewCopy {
                public: public.clone(),
                native,
                digest: Digest::of(public.as_str().as_bytes()),
            });
        }
        let written = step.copied.len();
        self.state.record(self.migration, &at, &step).await.unwrap();
        // What the source has no more goes.
        if self.state.copied_count(&at).await.unwrap() > (met + written) as u64 {
            let mut after = None;
            let source: BTreeSet<&MessageId> = source.iter().collect();
            loop {
                let page = self
                    .state
                    .copied_after(&at, after.as_ref(), 2)
                    .await
                    .unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.public.clone());
                let dropped: Vec<MessageId> = page
                    .into_iter()
                    .map(|copied| copied.public)
                    .filter(|public| !source.contains(public))
                    .collect();
                for public in &dropped {
                    self.held.get_mut(to).unwrap().remove(public);
                }
                let step = Step {
                    dropped,
                    ..Step::default()
                };
                self.state.record(self.migration, &at, &step).await.unwrap();
            }
        }
        let held: Vec<&MessageId> = self.held[to].keys().collect();
        assert_eq!(held, self.held[&from].keys().collect::<Vec<_>>());
        let known = self.state.copied_count(&at).await.unwrap();
        assert_eq!(known, self.held[to].len() as u64);
        self.names_are_right(to).await;
        self.names_are_right(&from).await;
        written
    }

    /// Each message is found at a backend by its public id, and the other way round.
    async fn names_are_right(&self, backend: &str) {
        let query = self.query(backend);
        let held = &self.held[backend];
        let public: Vec<MessageId> = held.keys().cloned().collect();
        let native: Vec<MessageId> = held.values().cloned().collect();
        let there = self.state.message_natives(&query, &public).await.unwrap();
        let here = self.state.message_publics(&query, &native).await.unwrap();
        for (index, (public, native)) in held.iter().enumerate() {
            assert_eq!(there[index].as_ref().unwrap_or(public), native);
            assert_eq!(here[index].as_ref().unwrap_or(native), public);
            assert!(self.state.is_copy(&query, native).await.unwrap());
        }
    }

    async fn moves(&mut self, to: &str) -> usize {
        let written = self.sync(to).await;
        let switching = Switching {
            migration: self.migration,
            to: self.place(to).await.unwrap(),
            from: self.place(&self.lives).await.unwrap(),
            unchanged_since: None,
            route: None,
            state: ItemState::Switched,
        };
        assert!(self.state.switch(&switching).await.unwrap());
        self.lives = to.into();
        let home = self.state.locate(self.conversation).await.unwrap().unwrap();
        assert_eq!(&*home.location.backend, to);
        assert!(home.location.renamed);
        written
    }
}

#[tokio::test]
async fn what_came_from_a_place_is_known_there_when_it_comes_back() {
    let (_directory, _store, state) = open();
    let mut world = World::new(state, "a").await;
    for _ in 0..5 {
        world.say();
    }
    assert_eq!(world.moves("b").await, 5);
    world.say();
    // Back: only what was said at the other place is written.
    assert_eq!(world.moves("a").await, 1);
    assert_eq!(world.sync("b").await, 0);
}

#[tokio::test]
async fn a_third_place_on_the_way_doubles_nothing_and_loses_nothing() {
    let (_directory, _store, state) = open();
    let mut world = World::new(state, "a").await;
    world.say();
    world.moves("b").await;
    let said_at_b = world.say();
    world.moves("a").await;
    assert_eq!(world.moves("c").await, 2);
    world.say();
    // What was said at `b` went over `a` to `c`, and is still known to be at `b`.
    assert_eq!(world.moves("b").await, 1);
    assert_eq!(world.sync("a").await, 1);
    world.unsay(&said_at_b);
    for backend in ["a", "c"] {
        assert_eq!(world.sync(backend).await, 0);
        assert!(!world.held[backend].contains_key(&said_at_b));
    }
}

#[tokio::test]
async fn what_was_deleted_on_the_way_is_deleted_at_every_old_home() {
    let (_directory, _store, state) = open();
    let mut world = World::new(state, "a").await;
    let first = world.say();
    world.say();
    world.moves("b").await;
    let second = world.say();
    world.moves("c").await;
    world.unsay(&first);
    world.unsay(&second);
    // Both are natively at their old homes, and known there.
    assert_eq!(world.moves("b").await, 0);
    assert_eq!(world.moves("a").await, 0);
    assert_eq!(world.held["a"].len(), 1);
}

/// A generator of the shuffle that tests need; any odd multiplier will do.
fn next(seed: &mut u64) -> usize {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap()
}

#[tokio::test]
async fn any_chain_of_moves_keeps_every_copy_equal() {
    for seed in 0..8 {
        let (_directory, _store, state) = open();
        let mut world = World::new(state, "a").await;
        let mut seed = seed;
        for _ in 0..25 {
            for _ in 0..next(&mut seed) % 3 {
                world.say();
            }
            let there: Vec<MessageId> = world.held[&world.lives].keys().cloned().collect();
            if there.len() > 4 {
                world.unsay(&there[next(&mut seed) % there.len()]);
            }
            let to = ["a", "b", "c", "d"][next(&mut seed) % 4];
            if *to == *world.lives {
                continue;
            }
            match next(&mut seed) % 2 {
                0 => world.moves(to).await,
                _ => world.sync(to).await,
            };
        }
    }
}

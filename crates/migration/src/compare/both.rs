//! Both sides of a conversation, met in step.

use backend::ports::Sign;
use backend::{Error, Kind};
use conversation::{
    Conversation, Message, MessageId, RunningDigest, strict_digest, strict_message_digest,
};

use super::attachments::{self, Attachments};
use super::merge::{End, Merge, Met, Outcome, Step, met};
use super::names::Names;
use super::side::Side;
use super::{Compared, NEWEST, Scope, fields, on_one_side};
use crate::progress::Counters;
use crate::reasons::Reason;
use crate::run::Subject;

/// Both sides of a conversation, and what was found so far.
#[derive(Debug)]
pub(super) struct Both<'r> {
    source: Side,
    target: Side,
    merge: Merge,
    names: Names,
    attachments: Attachments,
    digests: [RunningDigest; 2],
    /// True where a message was given up that the other side may still show: see [`super::merge`].
    gave_up: bool,
    tells_more: bool,
    subject: &'r Subject,
    counters: Option<&'r Counters>,
}

/// A side could not be read to its end.
struct Unread(End, Error);

impl<'r> Both<'r> {
    pub(super) fn new(
        (source, target): (Side, Side),
        subject: &'r Subject,
        counters: Option<&'r Counters>,
    ) -> Self {
        Self {
            source,
            target,
            merge: Merge::default(),
            names: Names::new(subject.id),
            attachments: Attachments::default(),
            digests: [RunningDigest::default(), RunningDigest::default()],
            gave_up: false,
            tells_more: false,
            subject,
            counters,
        }
    }

    pub(super) async fn compare(mut self, scope: Scope) -> Compared {
        let (source, target) = (self.source.own().await, self.target.own().await);
        let (source, target) = match (source, target) {
            (Ok(source), Ok(target)) => (source, target),
            (source, target) => {
                return self.unread(source.err(), target.err()).await;
            }
        };
        self.own_fields(&source, &target);
        match self.messages(scope).await {
            Err(unread) => self.incomplete(&unread),
            Ok(()) if scope == Scope::Whole => {
                self.shows_less(End::Source, &source);
                self.shows_less(End::Target, &target);
            }
            Ok(()) => {}
        }
        let is_complete = self.names.is_complete();
        let [source, target] = self.digests.map(RunningDigest::finish);
        Compared {
            sign: self.names.sign(),
            source: is_complete.then_some(source),
            target: is_complete.then_some(target),
            messages: self.merge.count(End::Source),
            findings: self.names.into_findings(),
            tells_more: self.tells_more,
        }
    }

    /// At least one side does not give the conversation itself. One that says that there is none has lost it, or hides it.
    async fn unread(mut self, source: Option<Error>, target: Option<Error>) -> Compared {
        let of = Some(self.subject.id);
        match (&source, &target) {
            (Some(error), None) if error.kind == Kind::NotFound => {
                let finding = Reason::ConversationExtra.because(of, error);
                return on_one_side(End::Target, self.target, finding, self.counters).await;
            }
            (None, Some(error)) if error.kind == Kind::NotFound => {
                let finding = Reason::ConversationMissing.because(of, error);
                return on_one_side(End::Source, self.source, finding, self.counters).await;
            }
            _ => {}
        }
        for (end, error) in [(End::Source, source), (End::Target, target)] {
            if let Some(error) = error {
                self.incomplete(&Unread(end, error));
            }
        }
        Compared {
            sign: self.names.sign(),
            source: None,
            target: None,
            messages: 0,
            findings: self.names.into_findings(),
            tells_more: self.tells_more,
        }
    }

    fn incomplete(&mut self, Unread(end, error): &Unread) {
        let mut finding = Reason::Incomplete.because(Some(self.subject.id), error);
        let side = match end {
            End::Source => "source",
            End::Target => "target",
        };
        finding.detail = format!("at the {side}: {}", finding.detail).into();
        self.names.incomplete(finding);
    }

    /// A side that tells of more messages than it shows, and does not show what the other has, may have it all the same.
    fn shows_less(&mut self, end: End, conversation: &Conversation) {
        let (told, shown) = (
            conversation
                .counts
                .as_ref()
                .and_then(|counts| counts.messages),
            self.merge.count(end),
        );
        let lacks = match end {
            End::Source => Sign::Extra,
            End::Target => Sign::Missing,
        };
        if let Some(told) = told.filter(|told| *told > shown)
            && self.names.has(lacks)
        {
            self.tells_more = true;
            let detail = format!("it tells of {told} messages and shows {shown}");
            self.incomplete(&Unread(end, Error::new(Kind::InvalidResponse, detail)));
        }
    }

    fn own_fields(&mut self, source: &Conversation, target: &Conversation) {
        let digests = [strict_digest(source), strict_digest(target)];
        if digests[0] != digests[1] {
            let detail = fields::named(&fields::conversation_fields(source, target));
            let finding = Reason::FieldsDifferent.finding(Some(self.subject.id), detail);
            self.names.add(Reason::FieldsDifferent, finding);
        }
        for (running, digest) in self.digests.iter_mut().zip(digests) {
            running.add(digest);
        }
    }

    async fn messages(&mut self, scope: Scope) -> std::result::Result<(), Unread> {
        if scope == Scope::Newest {
            let of = |end| move |error| Unread(end, error);
            let newest = self.source.only_newest(NEWEST).await;
            newest.map_err(of(End::Source))?;
            let newest = self.target.only_newest(NEWEST).await;
            newest.map_err(of(End::Target))?;
        }
        loop {
            let filled = self.source.fill().await;
            filled.map_err(|error| Unread(End::Source, error))?;
            let filled = self.target.fill().await;
            filled.map_err(|error| Unread(End::Target, error))?;
            match self.merge.next(self.source.head(), self.target.head()) {
                Step::Done => break,
                Step::Pair => {
                    if let (Some(one), Some(other)) = (self.source.take(), self.target.take()) {
                        self.pair(scope, &one, &other).await;
                    }
                }
                Step::One(end) => {
                    let message = match end {
                        End::Source => self.source.take(),
                        End::Target => self.target.take(),
                    };
                    if let Some(message) = message {
                        self.one(scope, end, &message).await?;
                    }
                }
            }
        }
        for end in [End::Source, End::Target] {
            for met in self.merge.left(end) {
                self.alone(scope, end, &met).await?;
            }
        }
        Ok(())
    }

    /// Both sides show the same message at once.
    async fn pair(&mut self, scope: Scope, one: &Message, other: &Message) {
        let digests = [strict_message_digest(one), strict_message_digest(other)];
        for (running, digest) in self.digests.iter_mut().zip(digests) {
            running.add(digest);
        }
        if !self.merge.pair() {
            self.moved(&one.id);
        }
        self.counted();
        self.contents(scope, one, other, digests[0] == digests[1])
            .await;
    }

    /// One side shows a message that the other does not show now.
    async fn one(
        &mut self,
        scope: Scope,
        end: End,
        message: &Message,
    ) -> std::result::Result<(), Unread> {
        let digest = strict_message_digest(message);
        let [source, target] = &mut self.digests;
        let (running, elsewhere) = match end {
            End::Source => (source, End::Target),
            End::Target => (target, End::Source),
        };
        running.add(digest);
        if end == End::Source {
            self.counted();
        }
        match self.merge.one(end, met(message, digest)) {
            Outcome::Waits => {}
            Outcome::GaveUp(met) => {
                self.gave_up = true;
                self.alone(scope, end, &met).await?;
            }
            Outcome::Other { met, in_order } => {
                if !in_order {
                    self.moved(&message.id);
                }
                // The other side has shown it a while ago. Its words are needed only to say what differs, or for files.
                let is_same = met.digest == digest;
                let has_files = attachments::stored(message).next().is_some();
                if (is_same && !has_files) || !self.names.has_room() {
                    if !is_same {
                        self.names.count(Reason::MessageDifferent);
                    }
                    return Ok(());
                }
                let Some(other) = self.ask(elsewhere, &met).await? else {
                    self.alone(scope, end, &met).await?;
                    return Ok(());
                };
                let (one, other) = match end {
                    End::Source => (message, &other),
                    End::Target => (&other, message),
                };
                self.contents(scope, one, other, is_same).await;
            }
        }
        Ok(())
    }

    /// What a message holds on both sides.
    async fn contents(&mut self, scope: Scope, one: &Message, other: &Message, is_same: bool) {
        if !is_same {
            let detail = fields::named(&fields::message_fields(one, other));
            self.names
                .message(Reason::MessageDifferent, &one.id, detail);
        }
        if scope == Scope::Whole {
            self.attachments
                .compare(&self.source, &self.target, (one, other), &mut self.names)
                .await;
        }
    }

    /// A message that only one side has shown. Where not all of the other side was met, it is asked.
    async fn alone(
        &mut self,
        scope: Scope,
        end: End,
        met: &Met,
    ) -> std::result::Result<(), Unread> {
        let (reason, other, detail) = match end {
            End::Source => (Reason::MessageMissing, End::Target, "only at the source"),
            End::Target => (Reason::MessageExtra, End::Source, "only at the target"),
        };
        if !self.names.has_room() {
            self.names.count(reason);
            return Ok(());
        }
        let is_sure = scope == Scope::Whole && !self.gave_up;
        let found = if is_sure {
            None
        } else {
            self.ask(other, met).await?
        };
        match found {
            None => self.names.message(reason, &met.id, detail),
            Some(found) if strict_message_digest(&found) != met.digest => {
                let detail = "differs, and stands at another place";
                self.names
                    .message(Reason::MessageDifferent, &met.id, detail);
            }
            // A page of the newest begins elsewhere where one side has more of them.
            Some(_) if scope == Scope::Newest => {}
            // Both ends meet it; the source's word is enough.
            Some(_) if end == End::Target => {}
            Some(_) => self.moved(&met.id),
        }
        Ok(())
    }

    fn counted(&self) {
        if let Some(counters) = self.counters {
            counters.add_messages(1);
        }
    }

    async fn ask(&self, end: End, met: &Met) -> std::result::Result<Option<Message>, Unread> {
        let side = match end {
            End::Source => &self.source,
            End::Target => &self.target,
        };
        side.message(&met.id)
            .await
            .map_err(|error| Unread(end, error))
    }

    fn moved(&mut self, id: &MessageId) {
        let detail = "equal on both sides or not, it stands at another place among them";
        self.names.message(Reason::MessageOutOfOrder, id, detail);
    }
}

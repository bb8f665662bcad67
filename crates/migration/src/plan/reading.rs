//! One conversation of the source, read once: what there is of it, and what becomes of it at the target.

use std::collections::HashSet;

use backend::ports::{Finding, Item, ItemState, Oversize};
use backend::{Capabilities, Error, Fate, FieldFate, Kind, Result, Write};
use conversation::{AttachmentId, ConversationId, Message, Part};

use super::fates::Fates;
use super::fields::{new_conversation, new_message, text_bytes};
use crate::compare::Side;
use crate::progress::Counters;
use crate::reasons::Reason;
use crate::run::Run;

/// So many files of one conversation are told apart; those beyond are counted each time they are shown.
const FILES_MAX: usize = 10_000;

/// What is foretold of one conversation.
#[derive(Debug)]
pub(super) struct Foretold {
    /// Pending, or why not.
    pub(super) state: ItemState,
    pub(super) messages: u64,
    pub(super) text_bytes: u64,
    pub(super) attachments: u64,
    pub(super) attachment_bytes: u64,
    pub(super) linked_files: u64,
    /// It does not fit.
    pub(super) is_unfit: bool,
    /// It could not be read.
    pub(super) is_unread: bool,
    /// Requests to the target's vendor that its copy takes.
    pub(super) requests: u64,
    /// Messages that its copy writes.
    pub(super) to_write: u64,
    pub(super) fates: Fates,
    pub(super) findings: Vec<Finding>,
}

impl Foretold {
    fn new() -> Self {
        Self {
            state: ItemState::Pending,
            messages: 0,
            text_bytes: 0,
            attachments: 0,
            attachment_bytes: 0,
            linked_files: 0,
            is_unfit: false,
            is_unread: false,
            requests: 0,
            to_write: 0,
            fates: Fates::default(),
            findings: Vec::new(),
        }
    }
}

/// Reads a conversation of the source and foretells its copy.
///
/// # Errors
/// Those of the gateway's own state.
pub(super) async fn foretell(run: &Run, item: &Item, progress: &Counters) -> Result<Foretold> {
    let id = item.conversation;
    let mut foretold = Foretold::new();
    let subject = match run.subject(id).await {
        Ok(subject) => subject,
        Err(error) if error.kind == Kind::NotFound => {
            foretold.state = ItemState::Deleted;
            let finding = Reason::Deleted.finding(Some(id), "it was deleted");
            foretold.findings.push(finding);
            return Ok(foretold);
        }
        Err(error) => return Err(error),
    };
    let Some(at) = run.place(id, &run.from).await? else {
        foretold.is_unread = true;
        let finding = Reason::Incomplete.finding(Some(id), "it is not at the source");
        foretold.findings.push(finding);
        return Ok(foretold);
    };
    let mut reader = Reader {
        run,
        id,
        files: HashSet::new(),
        rejected: None,
        foretold,
        progress,
    };
    let mut side = Side::new(run, &run.from, &subject, at);
    if let Err(error) = reader.read(&mut side).await {
        reader.foretold.is_unread = true;
        let finding = Reason::Incomplete.because(Some(id), &error);
        reader.foretold.findings.push(finding);
    }
    reader.judge();
    let mut foretold = reader.foretold;
    work(run, id, &mut foretold).await?;
    Ok(foretold)
}

struct Reader<'r> {
    run: &'r Run,
    id: ConversationId,
    files: HashSet<AttachmentId>,
    /// What the target refuses, whatever is kept beside it: the first, and how many.
    rejected: Option<(FieldFate, u64)>,
    foretold: Foretold,
    progress: &'r Counters,
}

impl Reader<'_> {
    async fn read(&mut self, side: &mut Side) -> std::result::Result<(), Error> {
        let conversation = side.own().await?;
        let told = conversation
            .counts
            .as_ref()
            .and_then(|counts| counts.messages);
        self.preview(
            "conversation",
            &Write::CreateConversation(new_conversation(conversation)),
        );
        loop {
            side.fill().await?;
            let Some(message) = side.take() else { break };
            self.message(message);
        }
        let shown = self.foretold.messages;
        if let Some(told) = told.filter(|told| *told > shown) {
            let detail = format!("the source tells of {told} messages and shows {shown}");
            let finding = Reason::SourceIncomplete.finding(Some(self.id), detail);
            self.foretold.findings.push(finding);
        }
        Ok(())
    }

    fn message(&mut self, message: Message) {
        let bytes = text_bytes(&message);
        self.foretold.messages += 1;
        self.foretold.text_bytes += bytes;
        self.progress.add_messages(1);
        self.progress.add_bytes(bytes);
        message.parts.iter().for_each(|part| self.file(part));
        self.preview("message", &Write::ImportMessage(new_message(message)));
    }

    fn file(&mut self, part: &Part) {
        let (Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media)) =
            part
        else {
            if let Part::Carousel(items) | Part::List(items) = part {
                let linked = items.iter().filter(|item| item.media_url.is_some());
                self.foretold.linked_files += u64::try_from(linked.count()).unwrap_or_default();
            }
            return;
        };
        match &media.attachment_id {
            None => self.foretold.linked_files += u64::from(media.url.is_some()),
            Some(id) => {
                let is_new = !self.files.contains(id);
                if is_new && self.files.len() < FILES_MAX {
                    self.files.insert(id.clone());
                }
                if is_new {
                    self.foretold.attachments += 1;
                    self.foretold.attachment_bytes += media.size.unwrap_or_default();
                }
            }
        }
    }

    fn preview(&mut self, of: &'static str, write: &Write) {
        let projection = self.run.to.stack.preview(write);
        for fate in &projection.fates {
            if fate.fate == Fate::Rejected {
                match &mut self.rejected {
                    Some((_, count)) => *count += 1,
                    none => *none = Some((fate.clone(), 1)),
                }
            }
        }
        self.foretold.fates.add(of, projection.fates, self.id);
    }

    /// Whether it fits, once it was read.
    fn judge(&mut self) {
        let foretold = &mut self.foretold;
        if let Some((fate, count)) = self.rejected.take() {
            foretold.is_unfit = true;
            let detail = format!("{}: {} ({count} such)", fate.pointer, fate.detail);
            let finding = Reason::NotHeld.finding(Some(self.id), detail);
            foretold.findings.push(finding);
        }
        let can = self.run.to.stack.capabilities();
        let Some(most) = most_messages(&can).filter(|most| foretold.messages > *most) else {
            return;
        };
        foretold.is_unfit = true;
        let reason = match self.run.spec.oversize {
            Oversize::Refuse => {
                foretold.state = ItemState::Skipped;
                Reason::OversizeRefused
            }
            Oversize::Split => Reason::OversizeSplit,
            Oversize::Recent => Reason::OversizeRecent,
        };
        let messages = foretold.messages;
        let detail = format!("{messages} messages; the target's vendor takes {most}");
        foretold
            .findings
            .push(reason.finding(Some(self.id), detail));
    }
}

/// The most messages of a conversation that the vendor takes; absent where it takes any number, or none, and all are kept
/// beside it.
fn most_messages(can: &Capabilities) -> Option<u64> {
    let takes_history = can.import_requests > 0;
    takes_history
        .then_some(can.limits.conversation_max_messages)
        .flatten()
}

/// What the copy takes, beyond what was copied before.
async fn work(run: &Run, id: ConversationId, foretold: &mut Foretold) -> Result<()> {
    if foretold.state != ItemState::Pending {
        return Ok(());
    }
    let can = run.to.stack.capabilities();
    let copied = run.parts.ledger.copied_count(&run.copy_at(id)).await?;
    foretold.to_write = foretold.messages.saturating_sub(copied);
    let to_vendor = most_messages(&can).map_or(foretold.to_write, |most| {
        foretold.to_write.min(most.saturating_sub(copied))
    });
    let is_there = run.place(id, &run.to).await?.is_some();
    let create = if is_there { 0 } else { can.create_requests };
    foretold.requests = u64::from(create) + to_vendor * u64::from(can.import_requests);
    Ok(())
}

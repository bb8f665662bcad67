//! What is noted below of fields of messages, told above by public ids.

use std::collections::HashSet;
use std::sync::Arc;

use backend::{Context, FieldFate, Location, Trace};
use conversation::MessageId;

use super::ids::{HasIds, Id};

/// A call below, with a trace of its own.
pub(super) struct Telling {
    cx: Context,
    /// Who is told; nobody, for a call that the caller did not make.
    to: Option<Arc<Trace>>,
    fates: usize,
    attempts: u32,
    /// Messages that are not shown: nothing is told of them.
    hidden: HashSet<MessageId>,
}

impl Telling {
    /// For the call of `cx`.
    pub(super) fn under(cx: &Context) -> Self {
        Self {
            to: Some(cx.trace.clone()),
            ..Self::aside(cx)
        }
    }

    /// For a call that is made on the way.
    pub(super) fn aside(cx: &Context) -> Self {
        let cx = Context {
            trace: Arc::default(),
            ..cx.clone()
        };
        Self {
            cx,
            to: None,
            fates: 0,
            attempts: 0,
            hidden: HashSet::new(),
        }
    }

    /// Tells nothing of these messages, by the ids that they have below.
    pub(super) fn hide(&mut self, messages: HashSet<MessageId>) {
        self.hidden.extend(messages);
    }

    /// The context of the call below.
    pub(super) fn cx(&self) -> &Context {
        &self.cx
    }

    /// What was noted since it was last told.
    pub(super) fn noted(&self, at: &Location) -> Noted {
        let conversation = at.id.to_string();
        let fates = self.cx.trace.fates().into_iter().skip(self.fates);
        let noted = fates.map(|(of, fate)| {
            let of = match of.parse() {
                Ok(id) if self.hidden.contains(&id) => Of::Hidden,
                Ok(id) if *of != *conversation => Of::Message(id),
                _ => Of::Other(of),
            };
            (of, fate)
        });
        Noted(noted.collect())
    }

    /// Tells it.
    pub(super) fn tell(&mut self, noted: Noted) {
        self.fates += noted.0.len();
        let attempts = self.cx.trace.attempts();
        if let Some(to) = &self.to {
            for (of, fate) in noted.0 {
                match of {
                    Of::Message(id) => to.note_fates(id.as_str(), vec![fate]),
                    Of::Other(of) => to.note_fates(&of, vec![fate]),
                    Of::Hidden => {}
                }
            }
            (self.attempts..attempts).for_each(|_| to.note_attempt());
            if let Some(backend) = self.cx.trace.backend() {
                to.note_backend(backend);
            }
            if let Some(route) = self.cx.trace.route() {
                to.note_route(route);
            }
        }
        self.attempts = attempts;
    }
}

/// Fates, and what they are of.
pub(super) struct Noted(Vec<(Of, FieldFate)>);

enum Of {
    Message(MessageId),
    /// A conversation, or what has no id.
    Other(Box<str>),
    /// A message that is not shown.
    Hidden,
}

impl HasIds for Noted {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        for (of, _) in &mut self.0 {
            if let Of::Message(id) = of {
                see(Id::Message(id));
            }
        }
    }
}

//! How an answer shows an object: with the header that names what its backend does not hold exactly, and with each
//! field's fate where the caller asked for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use backend::{Context, FieldFate, Trace};
use conversation::{ConversationId, MessageId};
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;

use crate::answer::{Answer, to_json};
use crate::fidelity::Fidelity;
use crate::list::List;
use crate::problem::Problem;
use crate::query::Include;

/// How the answers of one call are shown. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct View {
    trace: Arc<Trace>,
    shows_fates: bool,
}

/// An object and the fate of its fields.
#[derive(Serialize)]
struct WithFates<'a, T> {
    #[serde(flatten)]
    object: &'a T,
    fidelity: Vec<FieldFate>,
}

impl View {
    /// Shows what the caller asked for.
    pub(crate) fn new(cx: &Context, include: Include) -> Self {
        View {
            trace: Arc::clone(&cx.trace),
            shows_fates: include.fidelity,
        }
    }

    /// One resource with its `ETag`: that of the object alone, so that it serves for `If-Match` whether or not the
    /// fates are shown beside it.
    pub(crate) fn resource<T: Serialize>(
        &self,
        status: StatusCode,
        id: &str,
        object: &T,
    ) -> Result<Answer, Problem> {
        let fidelity = self.fidelity_of(id);
        let mut answer = Answer::resource(status, object)?;
        fidelity.write_to(&mut answer.headers);
        if self.shows_fates {
            let fidelity = fidelity.into_fates();
            answer.body = to_json(&WithFates { object, fidelity })?;
        }
        Ok(answer)
    }

    /// 304 where the caller has this very representation. Fates may change while the object does not, so an answer that
    /// shows them is always whole.
    pub(crate) fn unless_known(&self, answer: Answer, request: &HeaderMap) -> Answer {
        match self.shows_fates {
            true => answer,
            false => answer.unless_known(request),
        }
    }

    /// The fates of one object.
    pub(crate) fn fidelity_of(&self, id: &str) -> Fidelity {
        Fidelity::of(&self.trace, |noted, _| noted == id)
    }

    /// The fates of the objects of a list.
    pub(crate) fn fidelity_of_each(&self, ids: impl IntoIterator<Item: ToString>) -> Fidelity {
        Fidelity::of_each(&self.trace, ids)
    }

    /// The fates of a request for an answer, while it is made and once it is there.
    pub(crate) fn fidelity_of_answer(
        &self,
        conversation: ConversationId,
        answer: Option<&MessageId>,
    ) -> Fidelity {
        let conversation = conversation.to_string();
        Fidelity::of_answer(&self.trace, &conversation, answer.map(MessageId::as_str))
    }

    /// Everything that was noted in this call.
    pub(crate) fn fidelity_of_all(&self) -> Fidelity {
        Fidelity::of(&self.trace, |_, _| true)
    }

    /// The fates of some fields of one object: those below `pointer`.
    pub(crate) fn fidelity_below(&self, id: &str, pointer: &str) -> Fidelity {
        Fidelity::of(&self.trace, |noted, fate| {
            noted == id && fate.pointer.starts_with(pointer)
        })
    }

    /// A page, with the fates of its objects beside it where they are wanted.
    pub(crate) fn list<T: Serialize>(
        &self,
        list: List<T>,
        fidelity: Fidelity,
        uri: &Uri,
    ) -> Result<Response, Problem> {
        let mut headers = HeaderMap::new();
        fidelity.write_to(&mut headers);
        let mut response = self.within(list, fidelity).into_answer(uri)?;
        response.headers_mut().extend(headers);
        Ok(response)
    }

    /// The list with the fates of its objects, where they are wanted.
    pub(crate) fn within<T>(&self, mut list: List<T>, fidelity: Fidelity) -> List<T> {
        list.fidelity = self.member_by_id(fidelity);
        list
    }

    /// The fates for the member of several objects, where they are wanted.
    pub(crate) fn member_by_id(
        &self,
        fidelity: Fidelity,
    ) -> Option<BTreeMap<Box<str>, Vec<FieldFate>>> {
        self.shows_fates.then(|| fidelity.into_fates_by_id())
    }

    /// The fates for the member of one object, where they are wanted.
    pub(crate) fn member(&self, fidelity: Fidelity) -> Option<Vec<FieldFate>> {
        self.shows_fates.then(|| fidelity.into_fates())
    }

    /// The same answer with the header.
    pub(crate) fn mark(mut answer: Answer, fidelity: &Fidelity) -> Answer {
        fidelity.write_to(&mut answer.headers);
        answer
    }

    /// Nothing but the header.
    pub(crate) fn no_content(fidelity: &Fidelity) -> Answer {
        View::mark(Answer::no_content(), fidelity)
    }
}

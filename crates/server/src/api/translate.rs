//! `/v1/translate`: a body of one shape as a body of another, with what becomes of every field. Sends nothing.

use std::sync::Arc;

use axum::extract::State;
use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Error, Fate, FidelityPolicy, FieldFate};
use conversation::{
    JsonMap, NewConversation, NewMessage, RawJson, Violation, validate_conversation,
    validate_message,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::call::Call;
use crate::checks::{self, below, violation};
use crate::fidelity::Fidelity;
use crate::gateway::App;
use crate::json::{JsonBody, parse};
use crate::problem::{Code, FieldError, Outcome, Place, Problem};
use crate::query::NoQuery;
use crate::view::View;

/// Our own shape: what is sent to make a conversation or a message, or one as it was answered.
const NORMALIZED: &str = "normalized";
/// Where the body that is read stands in the request.
const BODY: &str = "/body";
/// What the gateway adds to a conversation and to a message: nobody sends it.
pub(crate) const MADE_BY_SERVER: [(Subject, &[&str]); 2] = [
    (
        Subject::Conversation,
        &[
            "id",
            "backend",
            "status_native",
            "unread",
            "counts",
            "usage",
            "created_at",
            "updated_at",
            "last_message_at",
            "fidelity",
            "messages",
        ],
    ),
    (
        Subject::Message,
        &["id", "conversation_id", "created_at", "fidelity"],
    ),
];

/// What is translated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TranslateRequest {
    from: Box<str>,
    to: Box<str>,
    object: Subject,
    body: RawJson,
}

/// The body in its new shape, how it looks in between, and what became of its fields.
#[derive(Debug, Serialize)]
struct Translation {
    object: Subject,
    from: Box<str>,
    to: Box<str>,
    body: RawJson,
    canonical: RawJson,
    fidelity: Vec<StepFate>,
}

/// On which way a field changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// From the first shape: the pointer is one of the body that was sent.
    Read,
    /// To the second shape: the pointer is one of `canonical`.
    Write,
}

#[derive(Debug, Clone, Serialize)]
struct StepFate {
    step: Step,
    #[serde(flatten)]
    fate: FieldFate,
}

/// A shape that bodies have.
enum Shape {
    Normalized,
    Vendor(Arc<dyn Translator>),
}

/// `POST /v1/translate`
pub(crate) async fn translate(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let request: TranslateRequest = body.parse()?;
    let translators = &app.gateway.translators;
    let from = shape(translators, &request.from);
    let to = shape(translators, &request.to);
    let (Some(from), Some(to)) = (&from, &to) else {
        let unknown = [("/from", from.is_none()), ("/to", to.is_none())];
        return Err(unknown_shapes(&unknown, translators));
    };
    let read = from.read(request.object, &request.body)?;
    let written = to.write(&read.body, from)?;
    let canonical = json_of(&read.body)?;
    let fidelity: Vec<StepFate> = steps(Step::Read, read.fates)
        .chain(steps(Step::Write, written.fates))
        .collect();
    if call.cx.fidelity == FidelityPolicy::Strict {
        refuse_inexact(&request.to, from, &fidelity)?;
    }
    let header = Fidelity::of_fates(fidelity.iter().map(|step| step.fate.clone()));
    let answer = Answer::document(
        StatusCode::OK,
        &Translation {
            object: request.object,
            from: request.from,
            to: request.to,
            body: written.body,
            canonical,
            fidelity,
        },
    )?;
    Ok(View::mark(answer, &header))
}

fn shape(translators: &[Arc<dyn Translator>], name: &str) -> Option<Shape> {
    if name == NORMALIZED {
        return Some(Shape::Normalized);
    }
    let translator = translators
        .iter()
        .find(|translator| translator.shape() == name)?;
    Some(Shape::Vendor(Arc::clone(translator)))
}

fn unknown_shapes(places: &[(&str, bool)], translators: &[Arc<dyn Translator>]) -> Problem {
    let mut known: Vec<&str> = translators.iter().map(|found| found.shape()).collect();
    known.push(NORMALIZED);
    let detail = format!("no such shape; use one of: {}", known.join(", "));
    let problem =
        Problem::new(Code::InvalidRequest, detail.clone()).with_outcome(Outcome::NotApplied);
    places
        .iter()
        .filter(|(_, is_unknown)| *is_unknown)
        .fold(problem, |problem, (pointer, _)| {
            problem.with_error(FieldError::new(
                Place::Body,
                *pointer,
                "unknown-value",
                detail.clone(),
            ))
        })
}

fn steps(step: Step, fates: Vec<FieldFate>) -> impl Iterator<Item = StepFate> {
    fates.into_iter().map(move |fate| StepFate { step, fate })
}

impl Shape {
    fn read(&self, subject: Subject, body: &RawJson) -> Result<Translated<Canonical>, Problem> {
        match self {
            Shape::Normalized => read_normalized(subject, body),
            Shape::Vendor(translator) => translator
                .read(subject, body)
                .map_err(|error| Problem::from(moved(error, BODY))),
        }
    }

    fn write(&self, canonical: &Canonical, from: &Shape) -> Result<Translated<RawJson>, Problem> {
        match self {
            Shape::Normalized => Ok(Translated {
                body: json_of(canonical)?,
                fates: Vec::new(),
            }),
            Shape::Vendor(translator) => translator
                .write(canonical)
                .map_err(|error| Problem::from(moved(error, from.canonical_place()))),
        }
    }

    /// Where the canonical form of a body of this shape stands in the request: only our own is it already.
    fn canonical_place(&self) -> &'static str {
        match self {
            Shape::Normalized => BODY,
            Shape::Vendor(_) => "",
        }
    }
}

/// The same failure, with its pointers below `place`.
fn moved(mut error: Error, place: &str) -> Error {
    error.violations = below(place, std::mem::take(&mut error.violations));
    error
}

/// What is sent to make an object, or an object as it was answered: then without what the gateway added.
fn read_normalized(subject: Subject, body: &RawJson) -> Result<Translated<Canonical>, Problem> {
    let mut members: JsonMap = parse(body.get().as_bytes(), BODY)?;
    let mut fates = Vec::new();
    let made = MADE_BY_SERVER.iter().filter(|(of, _)| *of == subject);
    for name in made.flat_map(|(_, names)| *names) {
        if members.remove(*name).is_some() {
            fates.push(FieldFate::rejected(
                format!("/{name}"),
                "added by the server to what is sent: left out",
            ));
        }
    }
    let text = RawJson::from_serialize(&members).map_err(|_| unwritable())?;
    let text = text.get().as_bytes();
    let body = match subject {
        Subject::Conversation => {
            let new: NewConversation = parse(text, BODY)?;
            checks::refuse(below(BODY, validate_conversation(&new)))?;
            Canonical::Conversation(Box::new(new))
        }
        Subject::Message => {
            let new: NewMessage = parse(text, BODY)?;
            checks::refuse(below(BODY, validate_message(&new)))?;
            Canonical::Message(Box::new(new))
        }
    };
    Ok(Translated { body, fates })
}

fn json_of(canonical: &Canonical) -> Result<RawJson, Problem> {
    let json = match canonical {
        Canonical::Conversation(conversation) => RawJson::from_serialize(conversation),
        Canonical::Message(message) => RawJson::from_serialize(message),
    };
    json.map_err(|_| unwritable())
}

/// Nests too deep once it is wrapped, which the limit on requests rules out.
fn unwritable() -> Problem {
    Problem::new(Code::Internal, "the translation could not be written")
}

/// `handling=strict`: everything must be exact.
fn refuse_inexact(to: &str, from: &Shape, fidelity: &[StepFate]) -> Result<(), Problem> {
    let violations: Vec<Violation> = fidelity
        .iter()
        .filter(|step| step.fate.fate != Fate::Exact)
        .map(|step| {
            let place = match step.step {
                Step::Read => BODY,
                Step::Write => from.canonical_place(),
            };
            Violation {
                exceeds: step.fate.exceeds,
                ..violation(
                    format!("{place}{}", step.fate.pointer),
                    "not-held",
                    step.fate.detail.clone(),
                )
            }
        })
        .collect();
    if violations.is_empty() {
        return Ok(());
    }
    let detail = format!("the shape `{to}` does not hold everything exactly");
    let problem = Problem::new(Code::NotHeldByBackend, detail).with_outcome(Outcome::NotApplied);
    Err(violations.into_iter().fold(problem, |problem, violation| {
        problem.with_error(FieldError::of_violation(Place::Body, violation))
    }))
}

//! `/v1/attachments`: a file's own bytes come in as a body and go out as one.

use std::ops::Range;

use axum::extract::State;
use backend::{Applied, Attachment, AttachmentContent, Location, NewAttachment, Write};
use bytes::Bytes;
use conversation::{ConversationId, Digest, MessageId};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_range_header::{EndPosition, StartPosition, parse_range_header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::answer::Answer;
use crate::body::FileBody;
use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::once::{Attempt, Recovery, run_once};
use crate::path::PathIds;
use crate::problem::{Code, Problem};
use crate::query::{Include, Query, invalid_query};
use crate::view::View;

/// The longest file name, in characters.
const NAME_MAX_CHARS: usize = 255;
/// From this size on bytes are hashed beside the threads that serve.
const HASH_ASIDE_BYTES: usize = 256 * 1_024;
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// What stands for itself in `filename*` (RFC 8187): `attr-char`.
const FILE_NAME: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `POST /v1/attachments`
pub(crate) async fn put(
    State(app): State<App>,
    mut call: Call,
    mut query: Query,
    body: FileBody,
) -> Result<Answer, Problem> {
    let conversation = conversation_of(&mut query)?;
    let message_id = match query.one("message_id")? {
        None => None,
        Some(id) => Some(
            id.parse::<MessageId>()
                .map_err(|error| invalid_query("message_id", error.to_string()))?,
        ),
    };
    let name = query.one("name")?;
    query.finish()?;
    if name.as_deref().is_some_and(|name| !is_file_name(name)) {
        return Err(invalid_query(
            "name",
            format!("1 to {NAME_MAX_CHARS} characters without `/`, `\\` and control characters"),
        ));
    }
    let FileBody { media_type, bytes } = body;
    if bytes.is_empty() {
        let empty = "the body is empty: send the file's own bytes as the body";
        checks::refuse(vec![violation("", "empty", empty)])?;
    }
    // The same key with other bytes, or under another type, is another request.
    let digest = match call.cx.idempotency_key {
        Some(_) => {
            call.line = format!("{} ({media_type})", call.line).into();
            Some(digest_of(bytes.clone()).await?)
        }
        None => None,
    };
    let at = Location::unresolved(conversation);
    let stored = Stored {
        view: View::new(&call.cx, Include::default()),
        conversation,
        message: message_id.clone(),
    };
    let settled = stored.clone();
    let attempt = Attempt {
        location: Some(at.clone()),
        write: Write::PutAttachment {
            message_id: message_id.clone(),
            name: name.as_deref().map(Into::into),
            digest: digest.unwrap_or_else(|| Digest::of(&[])),
        },
        body: digest.as_ref().map_or(&[], |digest| digest.as_bytes()),
        // Bytes by themselves may be stored a second time, as nothing shows the first ones. In a message they would
        // be shown twice.
        recovery: Recovery::settle_or_repeat(message_id.is_none(), move |applied| match applied {
            Applied::Attachment(attachment) => settled.answer(&attachment),
            _ => Err(super::wrong_kind()),
        }),
    };
    let new = NewAttachment {
        name: name.map(Into::into),
        media_type,
        message_id,
        bytes,
    };
    let router = &app.gateway.router;
    run_once(&app, call, attempt, |cx| async move {
        let attachment = router.put_attachment(&cx, &at, new).await?;
        stored.answer(&attachment)
    })
    .await
}

/// How stored bytes are told of.
#[derive(Clone)]
struct Stored {
    view: View,
    conversation: ConversationId,
    message: Option<MessageId>,
}

impl Stored {
    fn answer(&self, attachment: &Attachment) -> Result<Answer, Problem> {
        let location = format!(
            "/v1/attachments/{}/content?conversation_id={}",
            attachment.id, self.conversation
        );
        let answer = Answer::document(StatusCode::CREATED, attachment)?.at(&location);
        let message = self.message.as_ref().map(MessageId::as_str);
        let ids = message.into_iter().chain([attachment.id.as_str()]);
        Ok(View::mark(answer, &self.view.fidelity_of_each(ids)))
    }
}

/// `GET /v1/attachments/{attachment_id}/content`
pub(crate) async fn content(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let at = Location::unresolved(conversation_of(&mut query)?);
    query.finish()?;
    let id = ids.attachment()?;
    let content = app
        .gateway
        .router
        .open_attachment(&call.cx, &at, &id)
        .await?;
    let digest = digest_of(content.bytes.clone()).await?;
    whole(content, &digest)
        .unless_known(&headers)
        .ranged(&headers)
}

fn conversation_of(query: &mut Query) -> Result<ConversationId, Problem> {
    super::conversation_filter(query)?.ok_or_else(|| {
        invalid_query(
            "conversation_id",
            "name the conversation that the attachment belongs to",
        )
    })
}

/// A name that leads out of no directory, on no system.
fn is_file_name(name: &str) -> bool {
    (1..=NAME_MAX_CHARS).contains(&name.chars().count())
        && name != "."
        && name != ".."
        && !name
            .chars()
            .any(|character| matches!(character, '/' | '\\') || character.is_control())
}

async fn digest_of(bytes: Bytes) -> Result<Digest, Problem> {
    if bytes.len() < HASH_ASIDE_BYTES {
        return Ok(Digest::of(&bytes));
    }
    tokio::task::spawn_blocking(move || Digest::of(&bytes))
        .await
        .map_err(|_ended| Problem::new(Code::Internal, "the bytes could not be hashed"))
}

/// All bytes, to be saved and never to be shown in place: they are somebody's file.
fn whole(content: AttachmentContent, digest: &Digest) -> Answer {
    let AttachmentContent {
        name,
        media_type,
        bytes,
    } = content;
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_str(&media_type).unwrap_or(OCTETS),
    );
    if let Ok(disposition) = HeaderValue::try_from(disposition_of(name.as_deref())) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    if let Ok(tag) = HeaderValue::try_from(format!("\"{digest}\"")) {
        headers.insert(ETAG, tag);
    }
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Answer {
        status: StatusCode::OK,
        headers,
        body: bytes,
    }
}

/// RFC 6266: the name in ASCII for old clients, and whole for all others.
fn disposition_of(name: Option<&str>) -> String {
    let Some(name) = name else {
        return "attachment".to_owned();
    };
    let plain: String = name
        .chars()
        .map(|character| match character {
            '"' | '\\' | '%' => '_',
            ' '..='~' => character,
            _ => '_',
        })
        .collect();
    let whole = utf8_percent_encode(name, FILE_NAME);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

impl Answer {
    /// The one range that the caller asks for. Several, and what is no range, are answered with everything, as is a
    /// range of other bytes than these.
    fn ranged(mut self, request: &HeaderMap) -> Result<Self, Problem> {
        if self.status != StatusCode::OK {
            return Ok(self);
        }
        let is_of_these = match request.get(IF_RANGE) {
            None => true,
            Some(wanted) => self.headers.get(ETAG) == Some(wanted),
        };
        let length = self.body.len();
        let asked = request
            .get(RANGE)
            .filter(|_| is_of_these)
            .and_then(|range| range_of(range.to_str().ok()?, length));
        let Some(range) = asked else {
            return Ok(self);
        };
        if range.start >= length {
            let problem = Problem::new(
                Code::RangeNotSatisfiable,
                format!("there are {length} bytes"),
            );
            return Err(match HeaderValue::try_from(format!("bytes */{length}")) {
                Ok(value) => problem.with_header(CONTENT_RANGE, value),
                Err(_) => problem,
            });
        }
        let place = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        if let Ok(place) = HeaderValue::try_from(place) {
            self.headers.insert(CONTENT_RANGE, place);
        }
        self.status = StatusCode::PARTIAL_CONTENT;
        self.body = self.body.slice(range);
        Ok(self)
    }
}

/// The bytes that a `Range` asks for, where it asks for one range. It begins at `length` or behind it where there
/// are no such bytes.
fn range_of(header: &str, length: usize) -> Option<Range<usize>> {
    let parsed = parse_range_header(header).ok()?;
    let [range] = parsed.ranges[..] else {
        return None;
    };
    let place = |index: u64| usize::try_from(index).unwrap_or(usize::MAX);
    let start = match range.start {
        StartPosition::Index(first) => place(first),
        // More than there is means all of it.
        StartPosition::FromLast(count) => length.saturating_sub(place(count)),
    };
    let end = match range.end {
        EndPosition::LastByte => length,
        EndPosition::Index(last) => place(last).saturating_add(1).min(length),
    };
    match range.end {
        EndPosition::Index(last) if place(last) < start => None,
        _ => Some(start..end.max(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::{disposition_of, is_file_name, range_of};

    #[test]
    fn one_range_is_read_and_all_else_means_everything() {
        for (header, expected) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=2-4", Some(2..5)),
            ("bytes=7-", Some(7..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-99", Some(0..10)),
            ("bytes=5-99", Some(5..10)),
            ("bytes=5-18446744073709551615", Some(5..10)),
            ("bytes=10-", Some(10..10)),
            ("bytes=99-100", Some(99..99)),
            ("bytes=4-2", None),
            ("bytes=-0", None),
            ("bytes=a-b", None),
            ("bytes=", None),
            ("items=0-1", None),
            ("bytes=0-1, 3-4", None),
            ("", None),
        ] {
            assert_eq!(range_of(header, 10), expected, "{header}");
        }
        assert_eq!(range_of("bytes=0-0", 0), Some(0..0));
        assert_eq!(range_of("bytes=-5", 0), Some(0..0));
    }

    #[test]
    fn file_names_are_whole_and_harmless_in_their_header() {
        for (name, expected) in [
            (
                "cat.png",
                r#"attachment; filename="cat.png"; filename*=UTF-8''cat.png"#,
            ),
            (
                "a \"b\".txt",
                r#"attachment; filename="a _b_.txt"; filename*=UTF-8''a%20%22b%22.txt"#,
            ),
            (
                "Gr\u{fc}\u{df}e \u{20ac}.pdf",
                r#"attachment; filename="Gr__e _.pdf"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E2%82%AC.pdf"#,
            ),
            (
                "a\r\nset-cookie: b",
                r#"attachment; filename="a__set-cookie: b"; filename*=UTF-8''a%0D%0Aset-cookie%3A%20b"#,
            ),
        ] {
            assert_eq!(disposition_of(Some(name)), expected);
        }
        assert_eq!(disposition_of(None), "attachment");
    }

    #[test]
    fn a_file_name_is_no_path() {
        for good in ["a", "a.b", "...", "\u{1f600}"] {
            assert!(is_file_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a\\b", "a\nb", &"a".repeat(256)] {
            assert!(!is_file_name(bad), "{bad}");
        }
    }
}

//! Attachments: uploaded, served by the fake itself, removed.

use std::convert::Infallible;

use sunshine::wire::{self, Extra, Member};

use super::answer::{Answer, Refusal};
use super::auth;
use super::data::{Data, StoredAttachment};
use super::serve::Call;

/// Where attachments are served: a path of our own, as the vendor's media live on another host.
pub(crate) const SERVED: &str = "/media/";

/// A single part, `source`.
pub(crate) async fn upload(call: &Call) -> Result<Answer, Refusal> {
    let parameter = |name: &str| call.query.get(name).map(String::as_str);
    if parameter("access") != Some("public") {
        return Err(Refusal::bad_request("The access must be public"));
    }
    let conversation = parameter("conversationId").map(str::to_owned);
    if parameter("for") == Some("message") {
        let id = conversation.as_deref().unwrap_or_default();
        if !call.server.data().conversations.contains_key(id) {
            return Err(Refusal::NO_CONVERSATION);
        }
    }
    let (name, media_type, bytes) = source(call)
        .await
        .ok_or(Refusal::bad_request("A file is required"))?;
    let mut data = call.server.data();
    let path = format!("{SERVED}{}/{name}", data.new_id());
    let attachment = wire::Attachment {
        media_url: Member::Value(format!("{}{path}", call.origin)),
        media_type: Member::Value(media_type.clone()),
        extra: Extra::new(),
    };
    let stored = StoredAttachment {
        bytes,
        media_type,
        conversation,
    };
    data.attachments.insert(path, stored);
    let extra = Extra::new();
    Ok(Answer::json(
        201,
        &wire::AttachmentResponse { attachment, extra },
    ))
}

/// Name, media type and bytes of the part.
async fn source(call: &Call) -> Option<(String, String, Vec<u8>)> {
    let content_type = call.headers.get("content-type")?.to_str().ok()?;
    let boundary = multer::parse_boundary(content_type).ok()?;
    let body = Ok::<_, Infallible>(call.body.clone());
    let stream = futures_util::stream::once(std::future::ready(body));
    let mut multipart = multer::Multipart::new(stream, boundary);
    let field = multipart.next_field().await.ok()??;
    if field.name() != Some("source") {
        return None;
    }
    let kept = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => character,
        _ => '_',
    };
    let name: String = field
        .file_name()
        .unwrap_or("file")
        .chars()
        .map(kept)
        .collect();
    let media_type = field.content_type().map(ToString::to_string);
    let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let bytes = field.bytes().await.ok()?.to_vec();
    Some((name, media_type, bytes))
}

/// `GET` of a media URL; private media need an `Authorization` header.
pub(crate) fn serve(call: &Call) -> Result<Answer, Refusal> {
    if call.server.options.private_attachments {
        auth::check(&call.headers)?;
    }
    let data = call.server.data();
    let stored = data.attachments.get(&call.path).ok_or(Refusal::NOT_FOUND)?;
    Ok(Answer {
        status: 200,
        headers: vec![("content-type".to_owned(), stored.media_type.clone())],
        body: stored.bytes.clone(),
    })
}

pub(crate) fn remove(call: &Call) -> Result<Answer, Refusal> {
    let request: wire::AttachmentDeleteBody = call.decode()?;
    let prefix = format!("{}{SERVED}", call.origin);
    if !request.media_url.starts_with(&prefix) {
        return Err(Refusal::bad_request("This media URL cannot be deleted"));
    }
    let path = &request.media_url[call.origin.len()..];
    let gone = call.server.data().attachments.remove(path);
    gone.ok_or(Refusal::NOT_FOUND)?;
    Ok(Answer::empty_object())
}

/// The stored bytes behind a media URL of this fake.
pub(crate) fn find<'d>(data: &'d Data, origin: &str, url: &str) -> Option<&'d StoredAttachment> {
    data.attachments.get(url.strip_prefix(origin)?)
}

//! Files.

use convore::wire::{self, Extra, Member};
use serde_json::json;

use super::answer::{Answer, Refusal};
use super::data::StoredFile;
use super::serve::Call;

pub(crate) fn upload(call: &Call) -> Result<Answer, Refusal> {
    let Some(message_id) = call.query.get("message_id") else {
        return Err(Answer::refused(400, "message_id"));
    };
    let (name, media_type, bytes) = file(call).ok_or_else(|| Answer::refused(400, "multipart"))?;
    let mut data = call.server.data();
    let conversation_id = match data.messages.get(message_id) {
        Some(message) => message.conversation_id.clone(),
        None => return Err(Answer::refused(404, "message")),
    };
    let id = data.new_id("attch");
    let shown = wire::Attachment {
        id: id.clone(),
        conversation_id,
        draft_id: Member::Absent,
        message_id: Member::Value(message_id.to_owned()),
        content_type: media_type,
        filename: name,
        is_inline: call.query.get("is_inline") == Some("true"),
        content_id: Member::Absent,
        size: bytes.len() as u64,
        extra: Extra::new(),
    };
    let file = StoredFile {
        message_id: message_id.to_owned(),
        shown: shown.clone(),
        bytes,
    };
    data.files.insert(id, file);
    Ok(call.ok(&shown))
}

/// Name, type and bytes of the one part, which is called `file`.
fn file(call: &Call) -> Option<(String, String, Vec<u8>)> {
    let boundary = call
        .content_type()
        .split("boundary=")
        .nth(1)?
        .trim_matches('"');
    let body = &call.body;
    let find = |needle: &[u8]| {
        body.windows(needle.len())
            .position(|window| window == needle)
    };
    let start = find(b"\r\n\r\n")? + 4;
    let end = body
        .len()
        .checked_sub(format!("\r\n--{boundary}--\r\n").len())?;
    let head = std::str::from_utf8(&body[..start]).ok()?;
    if !head.contains("name=\"file\"") {
        return None;
    }
    let name = head.split("filename=\"").nth(1)?.split('"').next()?;
    let types = head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case("content-type").then_some(value)
    });
    Some((
        name.to_owned(),
        types?.to_owned(),
        body.get(start..end)?.to_vec(),
    ))
}

pub(crate) fn download(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let data = call.server.data();
    let file = data
        .files
        .get(id)
        .ok_or_else(|| Answer::refused(404, "file"))?;
    Ok(Answer {
        status: 200,
        content_type: "application/octet-stream".to_owned(),
        body: file.bytes.clone(),
        retry_after: None,
    })
}

pub(crate) fn delete(call: &Call, id: &str) -> Result<Answer, Refusal> {
    match call.server.data().files.remove(id) {
        Some(_) => Ok(Answer {
            body: Vec::new(),
            ..Answer::json(200, &json!(null))
        }),
        None => Err(Answer::refused(404, "file")),
    }
}

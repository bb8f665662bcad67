//! Reading an upload: one part, `source`.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use mime::Mime;

use super::answer::Refused;
use super::finish::type_of;

/// A file as it was sent.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) name: Box<str>,
    pub(super) media_type: Box<str>,
    pub(super) bytes: Bytes,
}

/// The file in a multipart body.
pub(super) async fn read(headers: &HeaderMap, body: Bytes) -> Result<Upload, Refused> {
    let missing = || Refused::bad_request("A file is required as the part source");
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(Refused::wrong_media_type)?;
    let boundary = multer::parse_boundary(content_type).map_err(|_| Refused::wrong_media_type())?;
    let body = stream::once(std::future::ready(Ok::<_, Infallible>(body)));
    let mut multipart = multer::Multipart::new(body, boundary);
    while let Some(field) = multipart.next_field().await.map_err(|_| missing())? {
        if field.name() != Some("source") {
            continue;
        }
        let name = field.file_name().unwrap_or("file").to_owned();
        let sent = field.content_type().map(Mime::essence_str);
        let media_type = sent.unwrap_or_else(|| type_of(&name)).into();
        let bytes = field.bytes().await.map_err(|_| missing())?;
        if bytes.is_empty() {
            return Err(Refused::bad_request("The file is empty"));
        }
        return Ok(Upload {
            name: name.into(),
            media_type,
            bytes,
        });
    }
    Err(missing())
}

//! Files under URLs of our own. Whoever has such a URL reads the file, as with the vendor's public attachments: its token
//! cannot be guessed, and leads to a record that says where the bytes are.

use std::sync::Arc;

use backend::ports::ObjectName;
use backend::{Context, Error, Kind, Principal, Scope};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;
use url::Url;
use uuid::Uuid;

use super::Shared;
use super::answer::{Answer, Refused};

/// Where files are served, below the facade.
const SERVED: &str = "/media/";
/// What records of files are called in the gateway's state.
const MEDIA: &str = "media";
/// What pieces of files are called that belong to no conversation yet.
const PIECE: &str = "media-bytes";
/// Bytes of a token.
const TOKEN_BYTES: usize = 16;
/// Who reads a file by its URL, in logs.
const READER: &str = "sunshine-media";

/// A file by its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    tenant: Box<str>,
    token: Box<str>,
}

/// The file that a request asks for, where it asks for one. `path` is raw and below the facade.
pub(super) fn wanted(method: &Method, path: &str) -> Option<Wanted> {
    (*method == Method::GET).then(|| of_path(path))?
}

fn of_path(path: &str) -> Option<Wanted> {
    let mut segments = path.strip_prefix(SERVED)?.split('/');
    let (tenant, token) = (segments.next()?, segments.next()?);
    let has_name = segments.next().is_some_and(|name| !name.is_empty());
    let is_token =
        token.len() == TOKEN_BYTES * 2 && token.bytes().all(|one| one.is_ascii_hexdigit());
    let tenant = percent_decode_str(tenant).decode_utf8().ok()?;
    (has_name && is_token && segments.next().is_none()).then(|| Wanted {
        tenant: tenant.into(),
        token: token.into(),
    })
}

/// The file that a URL of ours names: whatever host it was reached by.
pub(super) fn of_url(url: &str) -> Option<Wanted> {
    let url = Url::parse(url).ok()?;
    let begin = url.path().rfind(SERVED)?;
    of_path(&url.path()[begin..])
}

/// The URL of a file.
pub(super) fn url_of(base: &str, tenant: &str, token: &str, name: &str) -> String {
    format!("{base}{SERVED}{tenant}/{token}/{}", safe(name))
}

/// A name that can stand in a URL and in a header.
pub(super) fn safe(name: &str) -> String {
    let kept = |one: char| match one {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => one,
        _ => '_',
    };
    let name: String = name.chars().take(100).map(kept).collect();
    if name.trim_matches('.').is_empty() {
        "file".to_owned()
    } else {
        name
    }
}

/// A token that nobody guesses.
pub(super) fn token() -> Result<String, Refused> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(
            Kind::Internal,
            format!("the operating system gave no random bytes: {error}"),
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Wanted {
    /// The file with this token of a tenant.
    pub(super) fn new(tenant: &str, token: &str) -> Self {
        Self {
            tenant: tenant.into(),
            token: token.into(),
        }
    }

    /// Whose file it is.
    pub(super) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// What cannot be guessed of its URL.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// What its record is called.
    pub(super) fn name(&self) -> ObjectName {
        ObjectName {
            facade: super::KIND.into(),
            tenant: self.tenant.clone(),
            kind: MEDIA.into(),
            id: self.token.clone(),
        }
    }

    /// What a piece of its bytes is called.
    pub(super) fn piece(&self, number: usize) -> ObjectName {
        ObjectName {
            kind: PIECE.into(),
            id: format!("{}/{number:06}", self.token).into(),
            ..self.name()
        }
    }
}

/// `GET` of a URL of ours.
pub(super) async fn serve(shared: &Shared, wanted: &Wanted) -> Result<Answer, Refused> {
    let found = shared.media(wanted).await?;
    let (_, record) = found.ok_or_else(Refused::not_found)?;
    let principal = Principal {
        tenant: wanted.tenant.clone(),
        key: READER.into(),
        user: None,
        scopes: vec![Scope::Read],
    };
    let timeout = shared.parts.limits.request_timeout;
    let cx = Context::new(Arc::new(principal), Uuid::now_v7().to_string(), timeout);
    let content = shared.bytes_of(&cx, wanted, &record).await?;
    let media_type = HeaderValue::from_str(&record.media_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    // Somebody else's file must not act in the name of this host.
    let is_harmless = ["image/", "audio/", "video/"]
        .iter()
        .any(|begin| record.media_type.starts_with(begin))
        && !record.media_type.contains("svg");
    let way = if is_harmless { "inline" } else { "attachment" };
    let disposition = format!("{way}; filename=\"{}\"", safe(&record.name));
    let disposition =
        HeaderValue::try_from(disposition).unwrap_or(HeaderValue::from_static("attachment"));
    Ok(Answer::bytes(
        content.bytes,
        vec![
            (CONTENT_TYPE, media_type),
            (CONTENT_DISPOSITION, disposition),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; sandbox"),
            ),
            (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        ],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_ours_is_read_back_and_no_other() {
        let token = "0123456789abcdef0123456789abcdef";
        let url = url_of(
            "http://localhost/facade/sunshine",
            "acme",
            token,
            "ä b/c.txt",
        );
        assert!(url.ends_with("/__b_c.txt"), "{url}");
        assert_eq!(of_url(&url), Some(Wanted::new("acme", token)));
        for bad in [
            "https://example.org/cat.png",
            "https://example.org/media/acme/short/cat.png",
            "nothing",
        ] {
            assert_eq!(of_url(bad), None, "{bad}");
        }
        let path = format!("/media/acme/{token}/a.txt");
        assert!(wanted(&Method::GET, &path).is_some());
        assert_eq!(wanted(&Method::POST, &path), None);
        assert_eq!(wanted(&Method::GET, &format!("{path}/b")), None);
    }
}

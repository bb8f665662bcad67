//! Documentation served by the program itself: `/openapi.json`, `/docs` and `/docs/errors`. Nothing is loaded from
//! another host.

use std::fmt::Write;

use axum::Router;
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::problem::Code;

/// Swagger UI runs its own scripts and writes style attributes; nothing else is allowed, above all no other host.
const UI_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const ERRORS_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The pages change only with the program.
const PAGE_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The documentation routes for an API description.
pub(crate) fn routes(description: &Value) -> Result<Router, serde_json::Error> {
    let description = Bytes::from(serde_json::to_vec(description)?);
    let errors = Bytes::from(errors_page());
    let configuration = Config::new(["/openapi.json"])
        // The default asks an online validator about the document.
        .validator_url("none")
        .try_it_out_enabled(true)
        .persist_authorization(false)
        .display_request_duration(true);
    let pages = Router::from(SwaggerUi::new("/docs").config(configuration))
        .layer(map_response(with_ui_policy));
    Ok(Router::new()
        .route(
            "/openapi.json",
            get(move || async move {
                (
                    [
                        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                        (CACHE_CONTROL, PAGE_CACHING),
                    ],
                    description,
                )
            }),
        )
        .route(
            "/docs/errors",
            get(move || async move {
                (
                    [
                        (CONTENT_SECURITY_POLICY, ERRORS_POLICY),
                        (CACHE_CONTROL, PAGE_CACHING),
                    ],
                    Html(errors),
                )
                    .into_response()
            }),
        )
        .merge(pages))
}

async fn with_ui_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, UI_POLICY);
    headers.insert(CACHE_CONTROL, PAGE_CACHING);
    response
}

/// One anchor per code, which the `type` member of every problem leads to.
fn errors_page() -> String {
    let mut page = String::from(concat!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Dragoman: errors</title>",
        "<meta name=\"viewport\" content=\"width=device-width\"><style>",
        "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}",
        "code{background:#eee;color:#111;padding:0 .2em}section:target{outline:2px solid;padding:0 .5rem}",
        "</style></head><body><h1>Errors</h1>",
        "<p>Every error is an <code>application/problem+json</code> document (RFC 9457). Branch on ",
        "<code>code</code>; the list below is closed. <code>retryable</code> says whether the same request may ",
        "succeed later, and <code>outcome</code> what became of a write.</p>",
    ));
    for code in Code::ALL {
        // The texts are our own and hold no markup except back quotes.
        let (id, status) = (code.as_str(), code.status().as_u16());
        let (title, text) = (code.title(), with_code_marks(code.documentation()));
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "<section id=\"{id}\"><h2><a href=\"#{id}\">{id}</a></h2><p>{status}: {title}.</p><p>{text}</p></section>"
        );
    }
    page.push_str("</body></html>");
    page
}

/// `` `a` `` becomes `<code>a</code>`.
fn with_code_marks(text: &str) -> String {
    let mut marked = String::with_capacity(text.len() + 32);
    for (index, piece) in text.split('`').enumerate() {
        if index > 0 {
            marked.push_str(if index % 2 == 1 { "<code>" } else { "</code>" });
        }
        marked.push_str(piece);
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::{errors_page, with_code_marks};
    use crate::problem::Code;

    #[test]
    fn errors_page_has_an_anchor_per_code() {
        let page = errors_page();
        for code in Code::ALL {
            let (_, anchor) = code
                .type_uri()
                .split_once('#')
                .map(|(page, anchor)| (page.to_owned(), anchor.to_owned()))
                .unwrap();
            assert!(page.contains(&format!("<section id=\"{anchor}\">")));
        }
        assert_eq!(
            page.matches("<code>").count(),
            page.matches("</code>").count()
        );
    }

    #[test]
    fn texts_of_the_errors_page_hold_no_markup() {
        for code in Code::ALL {
            for text in [code.title(), code.documentation()] {
                assert!(!text.contains(['<', '>', '&']), "{code:?}");
            }
        }
        assert_eq!(with_code_marks("a `b` c"), "a <code>b</code> c");
    }
}

//! One program that speaks to one facade: every answer is held against that facade's strict description.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use testkit::openapi::Description;
use tests::client::{Answer, Client};

use crate::site::{Key, Site};

/// The descriptions, by facade.
static DESCRIPTIONS: LazyLock<BTreeMap<&str, Description>> = LazyLock::new(|| {
    crate::DESCRIPTIONS
        .iter()
        .map(|(facade, text)| (*facade, Description::parse(text).expect("a description")))
        .collect()
});

/// How a program names itself.
#[derive(Clone, Debug)]
enum Login {
    Nobody,
    Bearer(String),
    Basic(String, String),
}

/// One program with one key.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    facade: &'static str,
    http: Client,
    login: Login,
}

impl Caller {
    /// A program that uses this key in the way of the facade's vendor.
    pub(crate) fn new(site: &Site, facade: &'static str, key: &Key) -> Self {
        let login = match facade {
            "sunshine" => Login::Basic(key.id.clone(), key.secret().to_owned()),
            _ => Login::Bearer(key.whole.clone()),
        };
        let base_url = format!("{}/facade/{facade}", site.base_url());
        Self {
            facade,
            http: Client::new(base_url, None),
            login,
        }
    }

    /// The same program without a key.
    pub(crate) fn nobody(&self) -> Self {
        let login = Login::Nobody;
        Self {
            login,
            ..self.clone()
        }
    }

    /// The same program with a key that nobody has.
    pub(crate) fn forger(&self) -> Self {
        let login = match &self.login {
            Login::Nobody | Login::Bearer(_) => {
                Login::Bearer(format!("drg_{}_{}", "a".repeat(16), "b".repeat(43)))
            }
            Login::Basic(name, _) => Login::Basic(name.clone(), "wrong".to_owned()),
        };
        Self {
            login,
            ..self.clone()
        }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().expect("a method");
        let request = self.http.request(method, path);
        match &self.login {
            Login::Nobody => request,
            Login::Bearer(key) => request.bearer_auth(key),
            Login::Basic(name, password) => request.basic_auth(name, Some(password)),
        }
    }

    /// One request whose body may be anything; the answer, which the description allows.
    #[track_caller]
    pub(crate) fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> impl Future<Output = Answer> + Send {
        let mut request = self.request(method, path);
        if let Some((kind, bytes)) = body {
            request = request.header("content-type", kind).body(bytes);
        }
        let (this, method, path) = (self.clone(), method.to_owned(), path.to_owned());
        async move {
            let answer = this.http.send(request).await;
            this.check(&method, &path, &answer);
            answer
        }
    }

    /// One request that announces a body of so many bytes and sends none of them: who writes while the connection is closed
    /// may never see the answer.
    pub(crate) async fn announce(
        &self,
        method: &str,
        path: &str,
        (kind, bytes): (&str, usize),
    ) -> Answer {
        let nothing = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let request = self
            .request(method, path)
            .header("content-type", kind)
            .header("content-length", bytes)
            .body(reqwest::Body::wrap_stream(nothing));
        let answer = self.http.send(request).await;
        self.check(method, path, &answer);
        answer
    }

    fn check(&self, method: &str, path: &str, answer: &Answer) {
        let status = answer.status.as_u16();
        let (facade, text) = (self.facade, &answer.text);
        assert!(status != 500, "{facade}: {method} {path}: 500 {text}");
        let description = &DESCRIPTIONS[facade];
        if description.operation(method, path).is_none() {
            return;
        }
        let violations = description.check_response(method, path, status, text.as_bytes());
        assert!(
            violations.is_empty(),
            "{facade}: {method} {path}: {violations:#?}\n{status} {text}"
        );
    }

    /// One request with a JSON body, or none for `null`.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = (!body.is_null()).then(|| ("application/json", body.to_string().into_bytes()));
        self.raw(method, path, body).await
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Value::Null).await
    }
}

/// A member that must be a text.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// A member that must be a list.
#[track_caller]
pub(crate) fn rows(value: &Value) -> Vec<Value> {
    let rows = value.as_array();
    rows.unwrap_or_else(|| panic!("no list: {value}")).clone()
}

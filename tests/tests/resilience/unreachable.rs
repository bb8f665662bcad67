//! Experiment 2: a vendor that cannot be reached. The caller learns why by the problem's type, nothing is sent, whoever
//! takes no connection is tried again, and a certificate that is not trusted never is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tests::dragoman::Launch;
use tests::faultd::Faultd;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::bench::Bench;
use crate::gateway::{Gateway, problem};

/// What is told of a certificate that is refused.
const UNTRUSTED: &str = "upstream-untrusted";
/// Every setting, with its meaning.
const EVERY_SETTING: &str = include_str!("../../../config/dragoman.toml");

/// A server on loopback whose certificate nobody should trust; counts the handshakes that were begun.
async fn untrusted(
    authority: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    is_expired: bool,
) -> (String, Arc<AtomicUsize>) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    if is_expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("known versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a sound certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&begun);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            // The client ends the handshake: that is what is tried.
            drop(acceptor.accept(stream).await);
        }
    });
    (format!("https://127.0.0.1:{port}"), begun)
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

pub(crate) async fn run(bench: Bench) -> u64 {
    // Nothing is configured that could switch the check of certificates off.
    for word in ["insecure", "skip_verify", "verify_tls", "accept_invalid"] {
        assert!(!EVERY_SETTING.contains(word), "there is a setting {word}");
    }
    let (trusted, unknown) = (authority("trusted"), authority("unknown"));
    let closed = Faultd::alone(bench.seed);
    closed.down().await;
    let (stranger, stranger_begun) = untrusted(&unknown, "127.0.0.1", false).await;
    let (misnamed, misnamed_begun) = untrusted(&trusted, "elsewhere.example.org", false).await;
    let (expired, expired_begun) = untrusted(&trusted, "127.0.0.1", true).await;
    let places = [
        ("closed", closed.base_url(), "upstream-unreachable", None),
        // The resolver itself refuses a label of more than 63 bytes: nothing leaves the machine.
        (
            "nowhere",
            format!("http://{}.invalid", "x".repeat(64)),
            "upstream-unresolved",
            None,
        ),
        ("stranger", stranger, UNTRUSTED, Some(stranger_begun)),
        ("misnamed", misnamed, UNTRUSTED, Some(misnamed_begun)),
        ("expired", expired, UNTRUSTED, Some(expired_begun)),
    ];
    let backends = places.iter().map(|(name, base_url, ..)| {
        format!("[[backend]]\nname = \"{name}\"\nkind = \"convore\"\nbase_url = \"{base_url}\"\ntoken = \"a-canary-token\"\nchannel_id = \"chnnl_01h2xcejqtf2nbrexx3vqjhp41\"\nca_pem = \"\"\"\n{}\"\"\"\n", trusted.pem())
    });
    let configuration = format!(
        "[timeouts]\nrequest_seconds = 60\n{}",
        backends.collect::<String>()
    );
    let gateway = Gateway::start(
        Launch::new()
            .variable("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json")
            .configuration(configuration),
    );
    for (name, _, code, begun) in &places {
        let create = gateway.create(name, &json!({"title": "never"}));
        let answer = gateway.client.send(create).await;
        let words = problem(&answer, &["a-canary-token"]);
        assert_eq!(answer.status, 502, "{name}: {words}");
        assert_eq!(words["code"], *code, "{name}: {words}");
        assert_eq!(words["outcome"], "not_applied", "{name}: {words}");
        assert_eq!(words["retryable"], *code != UNTRUSTED, "{name}: {words}");
        // Nothing was sent: it may be tried again, but for a certificate that will be refused again.
        let label = format!("backend=\"{name}\"");
        let again = gateway
            .metric("dragoman_backend_retries_total", &[&label])
            .await;
        assert_eq!(again > 0.0, *code != UNTRUSTED, "{name}: {words}");
        if let Some(begun) = begun {
            assert_eq!(begun.load(Ordering::Relaxed), 1, "{name}: tried again");
        }
    }
    gateway.holds(&["a-canary-token"]).await;
    places.len() as u64
}

//! TLS with certificates made on the spot: who is trusted, and what a handshake that fails is called.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use transport::{Delivery, Transport, TransportConfig, TransportError, TransportErrorKind};

use crate::fake::{Fake, Step, json_answer, read_request};

/// An authority of our own. Two of one name would be taken for each other until the signature is checked.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server on 127.0.0.1 with a certificate for these names, signed by the authority, which answers one request per
/// connection. Returns its port.
async fn serve(authority: &CertifiedIssuer<'static, KeyPair>, name: &str, is_expired: bool) -> u16 {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if is_expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust us ends the handshake; that is what most tests here want.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            read_request(&mut stream).await.unwrap();
            stream.write_all(&json_answer("{}")).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    port
}

async fn call(base_url: &str, trusted: Option<String>) -> Result<u16, TransportError> {
    let config = TransportConfig {
        extra_ca_pem: trusted,
        ..TransportConfig::default()
    };
    let response = Transport::new(base_url, &config)
        .unwrap()
        .post(&["x"])
        .json(&1)
        .send()
        .await?;
    Ok(response.status())
}

fn assert_refused(result: Result<u16, TransportError>, reason: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Tls, "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(error.detail().contains(reason), "{error}");
}

#[tokio::test]
async fn a_server_of_a_configured_authority_is_trusted() {
    let authority = authority("ours");
    let port = serve(&authority, "localhost", false).await;
    let result = call(&format!("https://localhost:{port}"), Some(authority.pem())).await;
    assert_eq!(result.unwrap(), 200);
}

#[tokio::test]
async fn unknown_authorities_wrong_names_and_old_certificates_are_refused_unsent() {
    let trusted = authority("ours");
    let port = serve(&authority("theirs"), "localhost", false).await;
    let url = format!("https://localhost:{port}");
    assert_refused(call(&url, Some(trusted.pem())).await, "UnknownIssuer");
    assert_refused(call(&url, None).await, "UnknownIssuer");

    let port = serve(&trusted, "elsewhere.example", false).await;
    let result = call(&format!("https://localhost:{port}"), Some(trusted.pem())).await;
    assert_refused(result, "not valid for name");

    let port = serve(&trusted, "localhost", true).await;
    let result = call(&format!("https://localhost:{port}"), Some(trusted.pem())).await;
    assert_refused(result, "expired");
}

#[tokio::test]
async fn a_server_without_tls_fails_the_handshake_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
    assert_refused(call(&base_url, None).await, "InvalidContentType");
}

#[tokio::test]
async fn a_connection_closed_during_the_handshake_is_no_connection_and_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
        }
    });
    let error = call(&base_url, None).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Connect, "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
}

#[tokio::test]
async fn certificates_are_not_needed_for_plain_http() {
    let fake = Fake::always(vec![Step::Send(json_answer("{}"))]).await;
    assert_eq!(call(&fake.base_url(), None).await.unwrap(), 200);
}

//! A database that is reached over TLS: who is checked, and how far, is what the address asks for.

use std::fs;
use std::time::Duration;

use backend::Kind;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use store::{Place, StoreConfig, StoreStatus};
use tests::postgres::Postgres;

use crate::bench::Bench;

/// The name in the server's certificate; its address is not in it.
const NAME: &str = "localhost";

pub(crate) async fn run(_bench: Bench) -> u64 {
    let ours = authority("ours");
    let other = authority("another");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &ours).expect("a certificate");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, authority: &CertifiedIssuer<'static, KeyPair>| {
        let path = folder.path().join(name);
        fs::write(&path, authority.pem()).expect("a file can be written");
        path.display().to_string()
    };
    let (trusted, strange) = (file("ours.pem", &ours), file("other.pem", &other));
    let server = tokio::task::block_in_place(|| {
        Postgres::start_encrypted(&certificate.pem(), &key.serialize_pem())
    });
    let port = server.port();
    let mut asked = 0;
    for (host, mode, authority, is_let_in) in [
        (NAME, "verify-full", Some(&trusted), true),
        // Its certificate does not name the address.
        ("127.0.0.1", "verify-full", Some(&trusted), false),
        ("127.0.0.1", "verify-ca", Some(&trusted), true),
        (NAME, "verify-full", Some(&strange), false),
        (NAME, "verify-ca", Some(&strange), false),
        // The machine's own authorities know nothing of it.
        (NAME, "verify-full", None, false),
        (NAME, "require", None, true),
        (NAME, "prefer", None, true),
        // It takes encrypted connections only.
        (NAME, "disable", None, false),
    ] {
        let authority = authority.map_or_else(String::new, |path| format!("&sslrootcert={path}"));
        let url = format!("postgres://dragoman@{host}:{port}/postgres?sslmode={mode}{authority}");
        let mut config = StoreConfig::postgres(url.clone());
        if let Place::Postgres(postgres) = &mut config.place {
            postgres.start_wait = Duration::ZERO;
        }
        let looked = tokio::task::block_in_place(|| StoreStatus::look(&config));
        match looked {
            Ok(found) => assert!(is_let_in && found.is_some(), "{url}: {found:?}"),
            Err(error) => {
                assert!(!is_let_in, "{url}: {error}");
                assert_eq!(error.kind, Kind::Unavailable, "{url}: {error}");
                let told = error.to_string();
                let is_clear = told.contains("certificate") || mode == "disable";
                assert!(is_clear, "{url}: {told}");
            }
        }
        asked += 1;
    }
    asked
}

/// An authority that signs certificates.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("an authority")
}

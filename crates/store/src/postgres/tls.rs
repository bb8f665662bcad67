//! Encryption of connections: who is believed to be the database.

use std::sync::Arc;

use backend::{Error, Kind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, Trust};

/// How connections to an address are encrypted.
pub(super) fn connector(address: &Address) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let config = match (address.trust, &address.authorities) {
        (Trust::Disable | Trust::Prefer | Trust::Require, _) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Checked {
                provider,
                authorities: None,
            }))
            .with_no_client_auth(),
        (Trust::VerifyFull, None) => builder
            .with_platform_verifier()
            .map_err(failed)?
            .with_no_client_auth(),
        (Trust::VerifyFull, Some(_)) => builder
            .with_root_certificates(authorities(address)?)
            .with_no_client_auth(),
        (Trust::VerifyCa, _) => {
            let roots = Arc::new(authorities(address)?);
            let authorities = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(failed)?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Checked {
                    provider,
                    authorities: Some(authorities),
                }))
                .with_no_client_auth()
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

/// The authorities in the file of the address.
fn authorities(address: &Address) -> Result<RootCertStore> {
    let Some(file) = &address.authorities else {
        return Err(Error::new(
            Kind::InvalidRequest,
            "`sslmode=verify-ca` needs `sslrootcert=` with the file of the authority; verify-full also takes the \
             machine's own authorities",
        ));
    };
    let unreadable = |detail: String| {
        Error::new(
            Kind::InvalidRequest,
            format!("`sslrootcert` {} cannot be used: {detail}", file.display()),
        )
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("it holds no certificate".to_owned()));
    }
    Ok(roots)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        Kind::Internal,
        "the encryption of the database's connections cannot be set up",
    )
    .source(error)
}

/// Checks less than the name of the host, as the address asks for it: an operator chose that, and is warned at start
/// where the database is on another machine.
#[derive(Debug)]
struct Checked {
    provider: Arc<CryptoProvider>,
    /// Who must have signed the certificate; nobody in particular where it is absent.
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Checked {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        match authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            // Names are looked at last, so everything else was right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

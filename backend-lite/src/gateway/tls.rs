//! TLS by certificate files, read again when they change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::config::TlsSettings;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read or holds something else.
    #[error("{path} holds no usable PEM: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The chain and the key do not go together.
    #[error("the certificate and the key do not go together: {0}")]
    Pair(#[from] rustls::Error),
}

/// The configuration in force.
#[derive(Debug)]
pub(crate) struct Tls {
    settings: TlsSettings,
    current: Mutex<(Arc<ServerConfig>, [Option<SystemTime>; 2])>,
}

impl Tls {
    pub(crate) fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let changed = changed(&settings);
        let config = Arc::new(read(&settings)?);
        Ok(Self { settings, current: Mutex::new((config, changed)) })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.lock().0)
    }

    /// Takes up renewed files; bad ones are reported and the old ones stay in force.
    pub(crate) fn refresh(&self) {
        let changed = changed(&self.settings);
        if changed == self.current.lock().1 {
            return;
        }
        match read(&self.settings) {
            Ok(config) => {
                *self.current.lock() = (Arc::new(config), changed);
                tracing::info!("new certificate files are in use");
            }
            Err(error) => tracing::warn!(%error, "the new certificate files are not used"),
        }
    }
}

fn changed(settings: &TlsSettings) -> [Option<SystemTime>; 2] {
    [&settings.certificate, &settings.key].map(|path| path.metadata().and_then(|found| found.modified()).ok())
}

fn read(settings: &TlsSettings) -> Result<ServerConfig, TlsError> {
    let failed = |path: &PathBuf, error: &dyn std::fmt::Display| TlsError::File {
        path: path.clone(),
        reason: error.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(&settings.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&settings.certificate, &error))?;
    if chain.is_empty() {
        return Err(failed(&settings.certificate, &"no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| failed(&settings.key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

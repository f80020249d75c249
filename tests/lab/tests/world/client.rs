//! A client of a few lines: sends one request over TLS and HTTP/1.1 and reads everything until the
//! connection ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lab::Lab;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// More bytes than any response of the lab but one.
const MOST: u64 = 4 << 20;

/// A response.
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Said {
    /// Returns the values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let pairs = self.headers.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// Returns the only value of a header.
    pub(crate) fn one(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {}", self.headers);
        all[0]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) async fn tls(
    lab: &Lab,
    real: SocketAddr,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(lab.ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(real).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Sends a request to a host by name, over TLS unless the URL is `http`.
pub(crate) async fn ask(lab: &Lab, method: &str, url: &str, headers: &str, body: &str) -> Said {
    let rest = url.split_once("://").unwrap().1;
    let real = match &rest[..rest.find(['/', '?']).unwrap()] {
        "169.254.169.254" => lab.routes[&"169.254.169.254:80".parse().unwrap()],
        "login.microsoftonline.com" => lab.routes[&"20.190.128.9:443".parse().unwrap()],
        "management.azure.com" | "graph.microsoft.com" => {
            lab.routes[&"20.62.128.20:443".parse().unwrap()]
        }
        host if host.contains(".data.") => lab.data,
        _ => lab.registry,
    };
    ask_at(lab, real, method, url, headers, body).await
}

/// Sends the same request to an address.
pub(crate) async fn ask_at(
    lab: &Lab,
    real: SocketAddr,
    method: &str,
    url: &str,
    headers: &str,
    body: &str,
) -> Said {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap());
    let slash = if path.starts_with('/') { "" } else { "/" };
    let length = body.len();
    let request = format!(
        "{method} {slash}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    );
    if scheme == "http" {
        said(TcpStream::connect(real).await.unwrap(), &request).await
    } else {
        said(tls(lab, real, host).await.unwrap(), &request).await
    }
}

async fn said(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Said {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    // A body that breaks off ends in an error, a stalled body does not end, and some never end:
    // only the received bytes count.
    let mut stream = stream.take(MOST);
    let _ = timeout(Duration::from_millis(500), stream.read_to_end(&mut all)).await;
    // A head that does not end either is all there is.
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(all.len());
    let headers = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = all.split_off((end + 4).min(all.len()));
    if headers.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        let text = String::from_utf8(body).unwrap();
        let chunks: Vec<_> = text.split("\r\n").collect();
        body = chunks.iter().skip(1).step_by(2).copied().collect::<String>().into_bytes();
    }
    Said { status, headers, body }
}

/// Returns the claims of a token after it has checked the signature.
pub(crate) fn claims(token: &str) -> Value {
    assert!(lab::is_signed(token), "{token}");
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

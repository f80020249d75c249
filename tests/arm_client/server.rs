//! A TLS server on loopback that plays Entra ID and Azure Resource Manager, and answers as a test
//! wants.

use std::{
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// The names that the server has a certificate for.
pub const NAMES: [&str; 3] =
    ["management.azure.com", "login.microsoftonline.com", "elsewhere.example"];

/// What the server does with a request.
pub enum Reply {
    /// Sends these bytes.
    Bytes(Vec<u8>),
    /// Sends these bytes again and again.
    Endless(Vec<u8>),
    /// Closes the connection.
    Close,
    /// Sends nothing.
    Silence,
}

/// Answers a request to Azure Resource Manager: its number, its head, its body.
pub type Script = Rc<dyn Fn(usize, &str, &str) -> Reply>;

/// Returns a response with a JSON body. `head` is the status, and further lines of headers.
pub fn says(head: &str, body: &Value) -> Reply {
    bytes(head, body.to_string().as_bytes())
}

/// Returns a response with that body.
pub fn bytes(head: &str, body: &[u8]) -> Reply {
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
    Reply::Bytes([head.as_bytes(), body].concat())
}

/// Returns the token that Entra ID issues. Its last part must never be shown.
pub fn token() -> String {
    let claims = json!({
        "oid": "object", "appid": "client", "tid": "tenant", "exp": 1_900_000_000,
        "canary": "canary-claim-canary-claim-canary-claim",
    });
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("e30.{claims}.canary-signature-canary-signature-canary-signature")
}

/// Starts listening on loopback.
pub struct Server {
    pub address: SocketAddr,
    pub authority: CertificateDer<'static>,
    /// The requests that came, each whole; not those for a token.
    pub requests: Arc<Mutex<Vec<String>>>,
    /// The requests for a token that were granted.
    pub granted: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves for as long as the test runs, with TLS or without.
    pub async fn start(script: Script, is_secure: bool) -> Self {
        let (authority, config) = certificates();
        let acceptor = is_secure.then(|| TlsAcceptor::from(Arc::new(config)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let granted: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Kept { requests: requests.clone(), granted: granted.clone() };
        tokio::task::spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, kept, acceptor) = (script.clone(), kept.clone(), acceptor.clone());
                tokio::task::spawn_local(async move {
                    match acceptor {
                        None => serve(stream, script, kept).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => serve(stream, script, kept).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { address, authority, requests, granted }
    }
}

/// Where requests are kept.
#[derive(Clone)]
struct Kept {
    requests: Arc<Mutex<Vec<String>>>,
    granted: Arc<Mutex<Vec<String>>>,
}

/// Serves one connection; ends when either side closes it.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: Script,
    kept: Kept,
) -> Option<()> {
    loop {
        let request = request(&mut stream).await?;
        let (head, body) = request.split_once("\r\n\r\n")?;
        let reply = if head.starts_with("POST /tenant/oauth2/v2.0/token ") {
            kept.granted.lock().unwrap().push(request.clone());
            says("200 OK", &json!({ "access_token": token(), "expires_in": 3599 }))
        } else {
            let number = {
                let mut kept = kept.requests.lock().unwrap();
                kept.push(request.clone());
                kept.len() - 1
            };
            script(number, head, body)
        };
        match reply {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
            Reply::Endless(bytes) => loop {
                stream.write_all(&bytes).await.ok()?;
            },
            Reply::Close => return None,
            Reply::Silence => std::future::pending().await,
        }
    }
}

/// Reads one request with its body.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let (mut read, mut buffer) = (vec![], [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length =
                length.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(count @ 1..) => read.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}

fn certificates() -> (CertificateDer<'static>, ServerConfig) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(NAMES.map(str::to_owned)).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap().der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    (issuer.der().clone(), config)
}

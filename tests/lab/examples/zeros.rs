//! A registry of one image with one layer of two gibibytes of zeros, generated while they are sent.
//! `cargo run -p lab --example zeros -- FOLDER [1.1|2 [FILE]]` writes its authority and the image to pull
//! into the folder; with 1.1 it does not offer HTTP/2. FILE is the layer, compressed with gzip or zstd.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// `head -c 2147483648 /dev/zero | sha256sum`
const DIGEST: &str = "sha256:a7c744c13cc101ed66c29f672f92455547889cc586ce6d44fe76ae824958ea51";
const LENGTH: u64 = 2 << 30;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// `printf %s CONFIG | sha256sum`
const CONFIG_DIGEST: &str =
    "sha256:de058eb7185b755501dc3cb93f2a86160ff1249bed4172c680d2d14e5e335faa";
const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:a7c744c13cc101ed66c29f672f92455547889cc586ce6d44fe76ae824958ea51"]}}"#;

/// The layer: its digest, and its bytes if it is compressed.
struct Layer {
    digest: String,
    packed: Option<Bytes>,
}

/// A body of some bytes, then zeros.
struct Answer {
    text: Bytes,
    zeros: u64,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        if !self.text.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.text)))));
        }
        if self.zeros == 0 {
            return Poll::Ready(None);
        }
        let length = self.zeros.min(ZEROS.len() as u64);
        self.zeros -= length;
        let piece = &ZEROS[..usize::try_from(length).unwrap_or_default()];
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.text.len() as u64 + self.zeros)
    }
}

fn answer(request: &Request<Incoming>, layer: &Layer) -> Response<Answer> {
    let length = layer.packed.as_ref().map_or(LENGTH, |packed| packed.len() as u64);
    let path = request.uri().path();
    let (status, text, zeros) = if path.contains("/manifests/") {
        let (kind, digest) = ("application/vnd.oci.image.layer.v1.tar+gzip", &layer.digest);
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{CONFIG_DIGEST}","size":{}}},"layers":[{{"mediaType":"{kind}","digest":"{digest}","size":{length}}}]}}"#,
            CONFIG.len()
        );
        (StatusCode::OK, manifest.into(), 0)
    } else if path.ends_with(CONFIG_DIGEST) {
        (StatusCode::OK, Bytes::from_static(CONFIG.as_bytes()), 0)
    } else if path.ends_with(&layer.digest) {
        match &layer.packed {
            Some(packed) => (StatusCode::OK, packed.clone(), 0),
            None => (StatusCode::OK, Bytes::new(), LENGTH),
        }
    } else {
        (StatusCode::NOT_FOUND, Bytes::new(), 0)
    };
    let text = if request.method() == Method::HEAD { Bytes::new() } else { text };
    let mut response = Response::new(Answer { text, zeros });
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MANIFEST));
    let version = HeaderValue::from_static("registry/2.0");
    response.headers_mut().insert("docker-distribution-api-version", version);
    response
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = std::path::PathBuf::from(args.next().ok_or("which folder?")?);
    let mut authority = CertificateParams::new(vec![])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )?;
    config.alpn_protocols = match args.next().as_deref() {
        Some("1.1") => vec![b"http/1.1".to_vec()],
        _ => vec![b"h2".to_vec()],
    };
    let layer = match args.next() {
        Some(file) => {
            let bytes = std::fs::read(file)?;
            let digest = Sha256::digest(&bytes);
            let mut named = "sha256:".to_owned();
            digest.iter().try_for_each(|byte| write!(named, "{byte:02x}"))?;
            Layer { digest: named, packed: Some(bytes.into()) }
        }
        None => Layer { digest: DIGEST.to_owned(), packed: None },
    };
    let layer = Arc::new(layer);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("ca.crt"), authority.pem())?;
    let image = format!("{}/team/zeros:v1", listener.local_addr()?);
    std::fs::write(folder.join("image"), image)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (acceptor, layer) = (acceptor.clone(), layer.clone());
        tokio::spawn(async move {
            // Errors of client connections do not matter.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = hyper::service::service_fn(|request| {
                let answer = answer(&request, &layer);
                async { Ok::<_, Infallible>(answer) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

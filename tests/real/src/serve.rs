//! A minimal HTTPS server for the parts of a registry that are not real here: the realm, the data
//! host, and misbehaving servers.

use std::io;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::Fallible;

pub type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// A request, read completely.
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub authorization: Option<String>,
    pub range: Option<String>,
    pub body: String,
}

/// Serves at `address`:443 until the program ends.
pub async fn serve<F>(address: &str, tls: Arc<ServerConfig>, answer: F) -> Fallible<()>
where
    F: Fn(Asked) -> Answer + Clone + Send + 'static,
{
    let listener =
        TcpListener::bind((address, 443)).await.map_err(|e| format!("{address}:443: {e}"))?;
    let acceptor = TlsAcceptor::from(tls);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(converse(acceptor.clone(), socket, answer.clone()));
        }
    });
    Ok(())
}

/// Accepts a connection, waits for the first bytes of a ClientHello, and resets it, as a middlebox
/// does that blocks the server name.
pub async fn serve_resets(address: &str) -> Fallible<()> {
    let listener =
        TcpListener::bind((address, 443)).await.map_err(|e| format!("{address}:443: {e}"))?;
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut greeting = [0u8; 16];
                let _ = socket.read(&mut greeting).await;
                let _ = socket.set_zero_linger();
            });
        }
    });
    Ok(())
}

/// Accepts the connection, the handshake and the request, and never responds.
pub async fn serve_silence(address: &str, tls: Arc<ServerConfig>) -> Fallible<()> {
    let listener =
        TcpListener::bind((address, 443)).await.map_err(|e| format!("{address}:443: {e}"))?;
    let acceptor = TlsAcceptor::from(tls);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let mut heard = [0u8; 1024];
                while stream.read(&mut heard).await.is_ok_and(|n| n > 0) {}
            });
        }
    });
    Ok(())
}

async fn converse<F>(acceptor: TlsAcceptor, socket: TcpStream, answer: F)
where
    F: Fn(Asked) -> Answer + Clone + Send + 'static,
{
    // A client that rejects the certificate closes the connection here: that is a case, not a fault
    // of this program.
    let Ok(stream) = acceptor.accept(socket).await else { return };
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let asked = read(request).await;
            Ok::<_, io::Error>(answer(asked))
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn read(request: Request<Incoming>) -> Asked {
    let (head, body) = request.into_parts();
    let header =
        |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let body =
        Limited::new(body, 64 * 1024).collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    Asked {
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        authorization: header("authorization"),
        range: header("range"),
        body: String::from_utf8_lossy(&body).into_owned(),
        method: head.method,
    }
}

pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    response.body(body).expect("headers written by us are valid")
}

pub fn json(status: u16, body: &str) -> Answer {
    answer(status, &[("content-type", "application/json")], body.to_owned())
}

/// Promises `promised` bytes, sends fewer and closes the connection.
pub fn broken_off(promised: usize, sent: Bytes) -> Answer {
    let end = io::Error::new(io::ErrorKind::ConnectionAborted, "cut, as the case asks");
    partly(promised, sent, async move {
        // Long enough for the bytes before it to be delivered: the test is about a body that breaks
        // off, not one that never starts.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        Err(end)
    })
}

/// Promises `promised` bytes, sends fewer and stalls.
pub fn stalled(promised: usize, sent: Bytes) -> Answer {
    partly(promised, sent, std::future::pending())
}

fn partly<F>(promised: usize, sent: Bytes, then: F) -> Answer
where
    F: Future<Output = io::Result<Frame<Bytes>>> + Send + 'static,
{
    let frames = stream::iter([Ok(Frame::data(sent))]).chain(stream::once(then));
    Response::builder()
        .header("content-length", promised)
        .header("content-type", "application/octet-stream")
        .body(StreamBody::new(frames).boxed_unsync())
        .expect("headers written by us are valid")
}

/// Returns the decoded value of a field in a query or a form.
pub fn fields(text: &str, name: &str) -> Vec<String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, v)| decode(v))
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let pair: Vec<u8> = rest.by_ref().take(2).collect();
                let value = std::str::from_utf8(&pair)
                    .ok()
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                bytes.push(value.unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

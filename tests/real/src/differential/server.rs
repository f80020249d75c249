//! The server of all worlds: it writes every answer as it stands in the world, also those that no
//! library would write.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::LazyConfigAcceptor;

use super::chains::Chains;
use super::world::{Answer, Frames, Length, World, worlds_of};
use crate::Fallible;

/// The address of every host.
pub const ADDRESS: &str = "10.77.0.10";
const MAX_REQUEST: usize = 64 * 1024;

/// A world that is being served, and what it was asked.
pub struct Served {
    pub world: World,
    counts: Mutex<HashMap<(usize, bool), usize>>,
    pub log: Mutex<Vec<String>>,
}

/// All worlds that are being served, by name.
#[derive(Clone, Default)]
pub struct Worlds(Arc<Mutex<HashMap<String, Arc<Served>>>>);

impl Worlds {
    pub fn open(&self, world: World) -> Arc<Served> {
        let name = world.name.clone();
        let served = Served { world, counts: Mutex::default(), log: Mutex::default() };
        let served = Arc::new(served);
        lock(&self.0).insert(name, served.clone());
        served
    }

    pub fn close(&self, name: &str) {
        lock(&self.0).remove(name);
    }

    pub fn of(&self, host: &str) -> Option<Arc<Served>> {
        let open = lock(&self.0);
        worlds_of(host).find_map(|name| open.get(name).cloned())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request, read completely.
#[derive(Default)]
struct Asked {
    method: String,
    path: String,
    query: String,
    host: String,
    authorization: String,
    agent: String,
    form: String,
}

impl Served {
    fn answer(&self, asked: &Asked) -> Answer {
        let is_containerd = asked.agent.starts_with("containerd");
        let fits = |host: &str, method: &str, path: &str| {
            let is_path = match path.strip_suffix('*') {
                Some(start) => asked.path.starts_with(start),
                None => asked.path == path,
            };
            host == asked.host && (method.is_empty() || method == asked.method) && is_path
        };
        for (number, route) in self.world.routes.iter().enumerate() {
            let given = |all: &Vec<String>| all.contains(&asked.authorization);
            if !fits(&route.host, &route.method, &route.path)
                || !route.given.as_ref().is_none_or(given)
                || !(asked.query.contains(&route.has) || asked.form.contains(&route.has))
            {
                continue;
            }
            let mut counts = lock(&self.counts);
            let count = counts.entry((number, is_containerd)).or_default();
            *count += 1;
            if route.times == 0 || *count <= route.times {
                self.note(asked, is_containerd, route.answer.status);
                return route.answer.clone();
            }
        }
        self.note(asked, is_containerd, 404);
        Answer::new(404, "text/plain", "404 page not found\n")
    }

    fn note(&self, asked: &Asked, is_containerd: bool, status: u16) {
        let Asked { method, host, path, authorization, .. } = asked;
        let who = if is_containerd { "containerd" } else { "check-acr " };
        let signed = authorization.split(' ').next().unwrap_or_default();
        lock(&self.log).push(format!("{who} {method} {host}{path} [{signed}] {status}"));
    }
}

/// Serves until the program ends.
pub async fn start(worlds: &Worlds, chains: Arc<Chains>) -> Fallible<()> {
    for (port, is_tls) in [(443, true), (5443, true), (80, false), (5080, false)] {
        let listener = TcpListener::bind((ADDRESS, port)).await?;
        let (worlds, chains) = (worlds.clone(), chains.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (worlds, chains) = (worlds.clone(), chains.clone());
                tokio::spawn(async move {
                    if !is_tls {
                        let _ = speak_http1(socket, &worlds, false).await;
                        return;
                    }
                    let acceptor =
                        LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket);
                    let Ok(started) = acceptor.await else { return };
                    let name = started.client_hello().server_name().unwrap_or_default().to_owned();
                    let served = worlds.of(&name);
                    let world = served.as_ref().map(|served| &served.world);
                    let http2 = world.is_some_and(|world| world.http2);
                    let own = world
                        .filter(|world| name == format!("{}.{}", world.name, super::world::ZONE));
                    let chain = own.map(|world| world.chain.clone()).unwrap_or_default();
                    let Some(config) = chains.config(&chain, &name, http2) else { return };
                    let Ok(stream) = started.into_stream(config).await else { return };
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                        speak_http2(stream, worlds).await;
                    } else {
                        let _ = speak_http1(stream, &worlds, true).await;
                    }
                });
            }
        });
    }
    Ok(())
}

async fn speak_http1<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    worlds: &Worlds,
    is_tls: bool,
) -> io::Result<()> {
    let mut read = vec![];
    loop {
        let end = loop {
            if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            // A client that speaks TLS to a port without it would wait for ever.
            if read.first() == Some(&0x16) {
                let refusal = Answer::new(400, "text/plain", "Client sent an HTTPS request");
                write(&mut stream, &refusal, false).await?;
                return stream.shutdown().await;
            }
            if read.len() > MAX_REQUEST || stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let mut asked = head(&String::from_utf8_lossy(&read[..end]));
        asked.host = bare(&asked.host, is_tls);
        let length = asked.form.parse::<usize>().unwrap_or(0).min(MAX_REQUEST);
        while read.len() < end + length {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        asked.form = String::from_utf8_lossy(&read[end..end + length]).into_owned();
        read.drain(..end + length);
        let answer = answered(worlds, &asked);
        let is_last = write(&mut stream, &answer, asked.method == "HEAD").await?;
        if is_last {
            return stream.shutdown().await;
        }
    }
}

/// Reads the head of a request; the length of the body is left in the place of the form.
fn head(text: &str) -> Asked {
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let (path, query) = parted(first.next().unwrap_or_default());
    let mut asked = Asked { method, path, query, ..Asked::default() };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "host" => asked.host = value,
            "authorization" => asked.authorization = value,
            "user-agent" => asked.agent = value,
            "content-length" => asked.form = value,
            _ => {}
        }
    }
    asked
}

fn parted(target: &str) -> (String, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (path.to_owned(), query.to_owned())
}

/// Returns the host as a server compares it: without the port that is the default, in small letters.
fn bare(host: &str, is_tls: bool) -> String {
    let host = host.to_ascii_lowercase();
    let port = if is_tls { ":443" } else { ":80" };
    let bare = host.strip_suffix(port).map(str::to_owned);
    // Plain HTTP is told apart from HTTPS by its port.
    match bare.unwrap_or(host) {
        bare if is_tls || bare.contains(':') => bare,
        bare => format!("{bare}:80"),
    }
}

fn answered(worlds: &Worlds, asked: &Asked) -> Answer {
    match worlds.of(&asked.host) {
        Some(served) => served.answer(asked),
        None => Answer::new(404, "text/plain", "no such world\n"),
    }
}

/// Writes an answer and returns whether it ends the connection.
async fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    answer: &Answer,
    is_head: bool,
) -> io::Result<bool> {
    let body = answer.body.bytes();
    let has_none = is_head || matches!(answer.status, 100..=199 | 204 | 304);
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    match answer.length {
        Length::True if !matches!(answer.status, 204 | 304) => {
            head += &format!("Content-Length: {}\r\n", body.len())
        }
        Length::Claimed(length) => head += &format!("Content-Length: {length}\r\n"),
        Length::Chunked | Length::Framed(_) => head += "Transfer-Encoding: chunked\r\n",
        Length::True | Length::Closed => {}
    }
    let is_last = matches!(answer.length, Length::Closed | Length::Claimed(_) | Length::Framed(_));
    if is_last {
        head += "Connection: close\r\n";
    }
    head += "\r\n";
    let mut bytes = head.into_bytes();
    match answer.length {
        _ if has_none => {}
        Length::Chunked => {
            for chunk in body.chunks(1000) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        }
        Length::Framed(frames) => bytes.extend(framed(&body, frames)),
        _ => bytes.extend(body),
    }
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    Ok(is_last)
}

/// Returns a body in chunks that are odd.
fn framed(body: &[u8], frames: Frames) -> Vec<u8> {
    let (size_end, data_end) = match frames {
        Frames::SpaceBeforeExtension => (" ;a=b\r\n".to_owned(), "\r\n"),
        Frames::SpaceBehindSize => (" \t\r\n".to_owned(), "\r\n"),
        Frames::LongExtensions => (format!(";{}\r\n", "a".repeat(4000)), "\r\n"),
        Frames::Signatures => (format!(";chunk-signature={}\r\n", "0".repeat(64)), "\r\n"),
        Frames::SizeWithLineFeed => ("\n".to_owned(), "\r\n"),
        Frames::DataWithLineFeed => ("\r\n".to_owned(), "\n"),
        _ => ("\r\n".to_owned(), "\r\n"),
    };
    let mut bytes = vec![];
    for chunk in body.chunks(100) {
        let size = match frames {
            Frames::SizeOfSeventeenDigits => format!("{:017x}", chunk.len()),
            Frames::SizesInCapitals => format!("{:04X}", chunk.len()),
            _ => format!("{:x}", chunk.len()),
        };
        bytes.extend([size.as_bytes(), size_end.as_bytes(), chunk, data_end.as_bytes()].concat());
    }
    let end = match frames {
        Frames::NoLastChunk => String::new(),
        Frames::NoEnd => "0\r\n".to_owned(),
        Frames::Trailer => "0\r\nA: b\r\n\r\n".to_owned(),
        Frames::OddTrailer => "0\r\nA b: c\r\n  d\r\n\r\n".to_owned(),
        Frames::TrailerWithLineFeeds => "0\r\nA: b\n\n".to_owned(),
        Frames::TrailerThatIsNone => "0\r\nnone\r\n\r\n".to_owned(),
        Frames::LongTrailer => format!("0\r\nA: {}\r\n\r\n", "b".repeat(4096)),
        _ => "0\r\n\r\n".to_owned(),
    };
    bytes.extend(end.as_bytes());
    bytes
}

fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|code| code.canonical_reason())
        .unwrap_or("Unknown")
}

async fn speak_http2<S>(stream: S, worlds: Worlds)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let worlds = worlds.clone();
        async move {
            let mut asked = read(request).await;
            asked.host = bare(&asked.host, true);
            let answer = answered(&worlds, &asked);
            let has_none = asked.method == "HEAD" || matches!(answer.status, 204 | 304);
            Ok::<_, io::Error>(response(&answer, has_none))
        }
    });
    let _ = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn read(request: Request<Incoming>) -> Asked {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        head.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
    };
    let body = Limited::new(body, MAX_REQUEST).collect().await;
    let form = body.map(|body| body.to_bytes()).unwrap_or_default();
    Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        host: head.uri.authority().map(ToString::to_string).unwrap_or_else(|| header("host")),
        authorization: header("authorization"),
        agent: header("user-agent"),
        form: String::from_utf8_lossy(&form).into_owned(),
    }
}

fn response(answer: &Answer, is_head: bool) -> Response<UnsyncBoxBody<Bytes, io::Error>> {
    let body = Bytes::from(answer.body.bytes());
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        let value = hyper::header::HeaderValue::from_bytes(value.as_bytes());
        if let Ok(value) = value {
            response = response.header(name.as_str(), value);
        }
    }
    let length = match answer.length {
        Length::True if !matches!(answer.status, 204 | 304) => Some(body.len() as u64),
        Length::Claimed(length) => Some(length),
        _ => None,
    };
    if let Some(length) = length {
        response = response.header("content-length", length);
    }
    let whole = Full::new(if is_head { Bytes::new() } else { body });
    let frames = futures::stream::once(async move {
        whole
            .collect()
            .await
            .map(|whole| Frame::data(whole.to_bytes()))
            .map_err(|never| match never {})
    });
    let body = if is_head {
        Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()
    } else {
        StreamBody::new(frames).boxed_unsync()
    };
    response.body(body).unwrap_or_default()
}

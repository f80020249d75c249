//! An HTTP connection to one host, reused for every request to it.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, OnceLock},
};

use http_body_util::Full;
use hyper::{
    body::Bytes,
    client::conn::{http1, http2},
    header::{self, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;

use super::{
    Fault, Reply, Request, Route, Stream,
    chunked_reader::{ChunkedReader, DueHead},
    encoding::Decoding,
    http1::{MAX_HEAD_BYTES, as_go_reads},
    response_wait,
    tcp::Io,
    tls,
};
use crate::kit::{
    engine::{Cx, Exchange},
    target::Host,
};

/// The byte stream under HTTP.
pub(super) enum Transport {
    /// A stream without TLS.
    Plain(Stream),
    /// A TLS stream whose certificate was verified.
    Secure(Box<TlsStream<Stream>>),
}

impl From<Stream> for Transport {
    fn from(stream: Stream) -> Self {
        Transport::Plain(stream)
    }
}

impl From<TlsStream<Stream>> for Transport {
    fn from(stream: TlsStream<Stream>) -> Self {
        Transport::Secure(Box::new(stream))
    }
}

impl Transport {
    /// Opens a new connection to the host.
    async fn open(cx: &Cx, host: &Host, route: &Route) -> Result<Self, Fault> {
        let stream = route.open(cx, host).await?;
        Self::over(cx, host, stream).await.map_err(Fault::from)
    }

    /// Performs the TLS handshake on a stream, unless the host is used without TLS.
    pub(super) async fn over(cx: &Cx, host: &Host, stream: Stream) -> Result<Self, tls::Refusal> {
        if host.plain {
            return Ok(stream.into());
        }
        let (secured, _) = tls::handshake(cx, host, stream).await?;
        Ok(secured.into())
    }
}

/// The sending half of a connection, and why the connection ended, once it has.
struct Sender {
    to: Version,
    ended: Arc<OnceLock<Fault>>,
}

enum Version {
    One(http1::SendRequest<Full<Bytes>>, DueHead),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    /// Drives the connection in a background task, and records why it ends.
    fn over(
        to: Version,
        connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
    ) -> Self {
        let ended: Arc<OnceLock<Fault>> = Arc::default();
        let tell = ended.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                let _ = tell.set(Fault::of(&error));
            }
        });
        Self { to, ended }
    }

    /// Waits until another request can be sent; returns whether the connection is still open.
    async fn is_ready(&mut self) -> bool {
        match &mut self.to {
            Version::One(one, _) => one.ready().await.is_ok(),
            Version::Two(two) => two.ready().await.is_ok(),
        }
    }

    /// Returns why a request got no response. The request itself only sees that the connection
    /// closed; the connection knows the TLS alert that closed it.
    fn fault(&self, error: &hyper::Error) -> Fault {
        match (Fault::of(error), self.ended.get()) {
            (Fault::ClosedByPeer, Some(alert @ Fault::Alert(_))) => alert.clone(),
            (fault, _) => fault,
        }
    }
}

/// An HTTP connection that reopens itself, over the same route, when the server closes it.
pub struct Connection {
    /// The host that it connects to.
    pub host: Host,
    route: Route,
    sender: RefCell<Option<Sender>>,
    /// Whether a request was sent on it yet.
    asked: Cell<bool>,
}

impl Connection {
    /// Returns an HTTP connection on a transport that is already open.
    pub(super) async fn over(
        host: Host,
        route: Route,
        transport: impl Into<Transport>,
    ) -> Result<Self, Fault> {
        let sender = RefCell::new(Some(start(transport.into()).await?));
        Ok(Self { host, route, sender, asked: Cell::new(false) })
    }

    /// Sends a request and waits for the response to begin.
    pub async fn ask(&self, cx: &Cx, request: &Request) -> Result<Reply, Fault> {
        let (began, is_safe) = (Instant::now(), request.form.is_none());
        let asking = async {
            let is_new = self.sender.borrow().is_none() || !self.asked.replace(true);
            match self.send(cx, request).await {
                // A server may close it just now, or send more on it. Go repeats all but a POST.
                Err(Fault::ClosedByPeer | Fault::Reset | Fault::NotHttp) if !is_new && is_safe => {
                    self.send(cx, request).await
                }
                reply => reply,
            }
        };
        let reply = timeout(response_wait(cx, &self.host, request), Box::pin(asking)).await;
        let reply = reply.unwrap_or(Err(Fault::TimedOut));
        let status = reply.as_ref().map(|reply| reply.status.to_string());
        cx.exchanged(Exchange {
            to: &self.host.to_string(),
            request: &request.said_to(&self.host),
            response: status.as_deref().unwrap_or_else(|fault| fault.word()),
            details: reply.as_ref().map(Reply::kept).unwrap_or_default(),
            took: began.elapsed(),
        });
        reply
    }

    async fn send(&self, cx: &Cx, request: &Request) -> Result<Reply, Fault> {
        let mut sender = self.ready(cx).await?;
        if let Version::Two(two) = &sender.to {
            // HTTP/2 carries several requests at once.
            let (to, ended) = (Version::Two(two.clone()), sender.ended.clone());
            *self.sender.borrow_mut() = Some(Sender { to, ended });
        }
        let build = |target: String| -> Result<_, Fault> {
            // A media type in a manifest may be any text.
            let accept = HeaderValue::from_bytes(request.accept.as_bytes());
            let mut built = hyper::Request::builder()
                .method(&request.method)
                .uri(target)
                .header(header::ACCEPT, accept.map_err(|_| Fault::Unsendable)?)
                .header(header::USER_AGENT, &*request.agent(cx.containerd()));
            if let Some(secret) = &request.authorization {
                let mut value = HeaderValue::from_str(secret.expose())
                    .map_err(|_| Fault::Other("the credentials do not fit a header".into()))?;
                value.set_sensitive(true);
                built = built.header(header::AUTHORIZATION, value);
            }
            if let Some((name, value)) = request.header {
                built = built.header(name, value);
            }
            for (name, value) in &request.more {
                built = built.header(name, value.expose());
            }
            if request.from > 0 {
                built = built.header(header::RANGE, format!("bytes={}-", request.from));
            }
            if let Some(accepted) = request.accepts(cx.containerd()).header() {
                built = built.header(header::ACCEPT_ENCODING, accepted);
            }
            let form = request.form.as_ref();
            if form.is_some() {
                built = built.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            }
            let body = form.map(|form| Bytes::copy_from_slice(form.expose().as_bytes()));
            Ok((built, Full::new(body.unwrap_or_default())))
        };
        // All but the URL is ours, or was read as a header.
        let unbuilt = |_: hyper::http::Error| Fault::Unsendable;
        let response = match &mut sender.to {
            Version::One(one, head) => {
                let proxy = self.route.proxy().filter(|_| self.host.plain);
                let host = request.host_in_url(&self.host);
                // Without TLS there is no tunnel: the proxy gets the request itself, and its
                // credentials.
                let target = match proxy {
                    Some(_) => format!("http://{host}{}", request.target),
                    None => request.target.clone(),
                };
                let (built, body) = build(target)?;
                let mut built = built.header(header::HOST, host);
                if let Some(value) = proxy.and_then(|proxy| proxy.header()) {
                    built = built.header(header::PROXY_AUTHORIZATION, value);
                }
                let built = built.body(body).map_err(unbuilt)?;
                head.announce();
                one.send_request(built).await
            }
            Version::Two(two) => {
                let host = request.host_in_url(&self.host);
                let (built, body) = build(format!("https://{host}{}", request.target))?;
                two.send_request(built.body(body).map_err(unbuilt)?).await
            }
        };
        let response = response.map_err(|error| sender.fault(&error))?;
        *self.sender.borrow_mut() = Some(sender);
        let (head, body) = response.into_parts();
        let (host, said) = (self.host.clone(), request.said_to(&self.host));
        let status = head.status.as_u16();
        let accepts = request.accepts(cx.containerd());
        let (decoding, odd_encoding) = Decoding::read(accepts, &head.headers, cx.containerd());
        let headers = head.headers;
        let request = said;
        Ok(Reply { host, request, status, headers, body, decoding, odd_encoding, failed: vec![] })
    }

    /// Returns the open connection, or reopens it when the server has closed it.
    async fn ready(&self, cx: &Cx) -> Result<Sender, Fault> {
        let kept = self.sender.borrow_mut().take();
        if let Some(mut sender) = kept
            && sender.is_ready().await
        {
            return Ok(sender);
        }
        start(Transport::open(cx, &self.host, &self.route).await?).await
    }

    /// Returns whether the connection can carry several requests at once.
    pub fn is_http2(&self) -> bool {
        matches!(&*self.sender.borrow(), Some(Sender { to: Version::Two(_), .. }))
    }

    /// Opens another connection to the same host over the same route.
    pub async fn reconnect(&self, cx: &Cx) -> Result<Self, Fault> {
        let (host, route) = (self.host.clone(), self.route.clone());
        let transport = Transport::open(cx, &host, &route).await?;
        Self::over(host, route, transport).await
    }
}

async fn start(transport: Transport) -> Result<Sender, Fault> {
    match transport {
        Transport::Plain(stream) => start_one(stream).await,
        Transport::Secure(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_header_list_size(MAX_HEAD_BYTES);
            let (sender, connection) =
                builder.handshake(TokioIo::new(stream)).await.map_err(|e| Fault::of(&e))?;
            Ok(Sender::over(Version::Two(sender), connection))
        }
        Transport::Secure(stream) => start_one(stream).await,
    }
}

async fn start_one(stream: impl Io + 'static) -> Result<Sender, Fault> {
    let (reader, head) = ChunkedReader::of(stream);
    let io = TokioIo::new(reader);
    let (sender, connection) = as_go_reads().handshake(io).await.map_err(|e| Fault::of(&e))?;
    Ok(Sender::over(Version::One(sender, head), connection))
}

//! One HTTP connection to one host, used again for every request to it.

use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use http_body_util::Full;
use hyper::{
    Method,
    body::Bytes,
    client::conn::{http1, http2},
    header::{self, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_rustls::client::TlsStream;

use super::{
    Fault, HTTP_WAIT, Reply, Route, Stream,
    chunked_reader::ChunkedReader,
    http1::{MAX_HEAD_BYTES, as_go_reads},
    tcp::Io,
    tls,
};
use crate::kit::{
    engine::{Cx, Exchange},
    redact::Secret,
    target::{Host, HostPurpose},
};

/// How many preliminary answers Go's client takes.
const PRELIMINARIES: usize = 5;

/// What manifests we can read, as containerd asks for them.
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*";

/// What carries the bytes.
pub enum Transport {
    /// Nothing around it.
    Plain(Stream),
    /// TLS, with a certificate that was found good.
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
    /// Opens the way to a host once more.
    async fn open(cx: &Cx, host: &Host, route: &Route) -> Result<Self, Fault> {
        let stream = route.open(cx, host).await?;
        Self::over(cx, host, stream).await.map_err(Fault::from)
    }

    /// Shakes hands over a stream, unless the host is spoken to without TLS.
    pub(super) async fn over(cx: &Cx, host: &Host, stream: Stream) -> Result<Self, tls::Refusal> {
        if host.plain {
            return Ok(stream.into());
        }
        let (secured, _) = tls::handshake(cx, host, stream).await?;
        Ok(secured.into())
    }
}

/// What the questions of a connection go into, and how that ended, once it has.
struct Sender {
    to: Version,
    ended: Arc<OnceLock<Fault>>,
}

enum Version {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    /// Keeps the connection going.
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

    /// Whether another question may be put.
    async fn is_ready(&mut self) -> bool {
        match &mut self.to {
            Version::One(one) => one.ready().await.is_ok(),
            Version::Two(two) => two.ready().await.is_ok(),
        }
    }

    /// Why a question got no answer: of a connection that is gone the question knows no more than that.
    fn fault(&self, error: &hyper::Error) -> Fault {
        match (Fault::of(error), self.ended.get()) {
            (Fault::ClosedByPeer, Some(alert @ Fault::Alert(_))) => alert.clone(),
            (fault, _) => fault,
        }
    }
}

/// An HTTP connection that opens itself again, by the same way, when the server closes it.
pub struct Connection {
    /// The host at its end.
    pub host: Host,
    route: Route,
    sender: RefCell<Option<Sender>>,
    /// Whether anything was asked on it yet.
    asked: Cell<bool>,
}

/// What to ask.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// What we can read.
    pub accept: &'static str,
    /// The value of the `Authorization` header.
    pub authorization: Option<Secret>,
    /// A form to post, urlencoded: it may hold a secret.
    pub form: Option<Secret>,
    /// Of the content, what begins with this byte.
    pub from: u64,
    /// A header that one kind of server wants to see besides.
    pub header: Option<(&'static str, &'static str)>,
}

impl Request {
    /// A request without credentials.
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        let target = target.into();
        Self {
            method,
            target,
            accept: "*/*",
            authorization: None,
            form: None,
            from: 0,
            header: None,
        }
    }

    /// The same with another header.
    pub fn with(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// A request for a manifest, with what containerd says that it can read.
    pub fn manifest(method: Method, repository: &str, reference: &str) -> Self {
        let target = format!("/v2/{repository}/manifests/{reference}");
        Self { accept: MANIFESTS, ..Self::new(method, target) }
    }
}

impl Connection {
    /// A line over a connection that is already there.
    pub async fn over(
        host: Host,
        route: Route,
        transport: impl Into<Transport>,
    ) -> Result<Self, Fault> {
        let sender = RefCell::new(Some(start(transport.into()).await?));
        Ok(Self { host, route, sender, asked: Cell::new(false) })
    }

    /// Asks, and waits for the answer to begin.
    pub async fn ask(&self, cx: &Cx, request: &Request) -> Result<Reply, Fault> {
        let began = Instant::now();
        let asking = async {
            let reused = self.sender.borrow().is_some() && self.asked.replace(true);
            match self.send(cx, request).await {
                // A server may close a connection just as it is used again, or have said more on it than was
                // asked, such as a body to HEAD: Go asks on a fresh one.
                Err(Fault::ClosedByPeer | Fault::Reset | Fault::NotHttp) if reused => {
                    self.send(cx, request).await
                }
                reply => reply,
            }
        };
        let reply = timeout(HTTP_WAIT, Box::pin(asking)).await.unwrap_or(Err(Fault::TimedOut));
        let status = reply.as_ref().map(|reply| reply.status.to_string());
        let path = match self.host.purpose {
            // What serves blobs may have its signature in the path.
            HostPurpose::Data => "/…",
            _ => request.target.split('?').next().unwrap_or_default(),
        };
        cx.exchanged(Exchange {
            to: &self.host.to_string(),
            request: &format!("{} {path}", request.method),
            response: status.as_deref().unwrap_or_else(|fault| fault.word()),
            details: reply.as_ref().map(Reply::kept).unwrap_or_default(),
            took: began.elapsed(),
        });
        reply
    }

    async fn send(&self, cx: &Cx, request: &Request) -> Result<Reply, Fault> {
        let mut sender = self.ready(cx).await?;
        if let Version::Two(two) = &sender.to {
            // Several may ask on it side by side.
            let (to, ended) = (Version::Two(two.clone()), sender.ended.clone());
            *self.sender.borrow_mut() = Some(Sender { to, ended });
        }
        let build = |target: String| -> Result<_, Fault> {
            let mut built = hyper::Request::builder()
                .method(&request.method)
                .uri(target)
                .header(header::ACCEPT, request.accept)
                .header(header::USER_AGENT, concat!("check-acr/", env!("CARGO_PKG_VERSION")));
            if let Some(secret) = &request.authorization {
                let mut value = HeaderValue::from_str(secret.expose())
                    .map_err(|_| Fault::Other("the credentials do not fit a header".into()))?;
                value.set_sensitive(true);
                built = built.header(header::AUTHORIZATION, value);
            }
            if let Some((name, value)) = request.header {
                built = built.header(name, value);
            }
            if request.from > 0 {
                built = built.header(header::RANGE, format!("bytes={}-", request.from));
            }
            let form = request.form.as_ref();
            if form.is_some() {
                built = built.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            }
            let body = form.map(|form| Bytes::copy_from_slice(form.expose().as_bytes()));
            Ok((built, Full::new(body.unwrap_or_default())))
        };
        let unbuilt = |error: hyper::http::Error| Fault::Other(error.to_string());
        let response = match &mut sender.to {
            Version::One(one) => {
                let proxy = self.route.proxy().filter(|_| self.host.plain);
                // Without TLS there is no tunnel: the proxy is asked for the page, and shown who asks.
                let target = match proxy {
                    Some(_) => format!("http://{}{}", self.host, request.target),
                    None => request.target.clone(),
                };
                let (built, body) = build(target)?;
                let mut built = built.header(header::HOST, self.host.to_string());
                if let Some(value) = proxy.and_then(|proxy| proxy.header()) {
                    built = built.header(header::PROXY_AUTHORIZATION, value);
                }
                let mut built = built.body(body).map_err(unbuilt)?;
                let enough = preliminaries(&mut built);
                tokio::select! {
                    response = one.send_request(built) => response,
                    () = enough.notified() => return Err(Fault::NotHttp),
                }
            }
            Version::Two(two) => {
                let (built, body) = build(format!("https://{}{}", self.host, request.target))?;
                two.send_request(built.body(body).map_err(unbuilt)?).await
            }
        };
        let response = response.map_err(|error| sender.fault(&error))?;
        *self.sender.borrow_mut() = Some(sender);
        let (head, body) = response.into_parts();
        let host = self.host.clone();
        Ok(Reply { host, status: head.status.as_u16(), headers: head.headers, body })
    }

    /// The connection, opened again where the server has closed it.
    async fn ready(&self, cx: &Cx) -> Result<Sender, Fault> {
        let kept = self.sender.borrow_mut().take();
        if let Some(mut sender) = kept
            && sender.is_ready().await
        {
            return Ok(sender);
        }
        start(Transport::open(cx, &self.host, &self.route).await?).await
    }

    /// Whether several questions may be under way on it at once.
    pub fn is_http2(&self) -> bool {
        matches!(&*self.sender.borrow(), Some(Sender { to: Version::Two(_), .. }))
    }

    /// The same line on a connection of its own.
    pub async fn reconnect(&self, cx: &Cx) -> Result<Self, Fault> {
        let (host, route) = (self.host.clone(), self.route.clone());
        let transport = Transport::open(cx, &host, &route).await?;
        Self::over(host, route, transport).await
    }
}

/// Tells when a server has sent more preliminary answers (100 Continue) than Go's client puts up with.
fn preliminaries<B>(request: &mut hyper::Request<B>) -> Arc<Notify> {
    let enough = Arc::new(Notify::new());
    let (tell, count) = (enough.clone(), AtomicUsize::new(0));
    hyper::ext::on_informational(request, move |_| {
        if count.fetch_add(1, Ordering::Relaxed) == PRELIMINARIES {
            tell.notify_one();
        }
    });
    enough
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
    let io = TokioIo::new(ChunkedReader::of(stream));
    let (sender, connection) = as_go_reads().handshake(io).await.map_err(|e| Fault::of(&e))?;
    Ok(Sender::over(Version::One(sender), connection))
}

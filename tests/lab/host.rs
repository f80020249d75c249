//! A host: where it listens, and how it handles connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::body::Body;
use crate::drip::Drip;
use crate::gate::Port;
use crate::kubernetes::Cluster;
use crate::proxy::Proxy;
use crate::registry::{World, date};
use crate::settings::{Host, HostFault, Http, Role};

/// A fatal alert "unrecognized name", as a TLS 1.2 record: no TLS version encrypts it at this
/// point.
const ALERT: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70];

/// What a connection needs to know about its host.
#[derive(Clone)]
pub(crate) struct Listener {
    /// The address that the client sees.
    pub(crate) seen: SocketAddr,
    pub(crate) host: Host,
    pub(crate) world: Arc<World>,
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) cluster: Arc<Cluster>,
}

impl Listener {
    /// Starts to accept connections.
    pub(crate) fn start(self, mut port: Port, tasks: &mut JoinSet<()>) {
        let mut changed = self.world.azure.gates.add();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = port.accept() => if let Ok(stream) = accepted {
                        let own = self.clone();
                        connections.spawn(async move {
                            // Errors of client connections do not matter.
                            let _ = own.meet(stream).await;
                        });
                    },
                    Some(_) = connections.join_next() => {}
                    Some(done) = changed.recv() => {
                        let open = self.is_open();
                        if !open {
                            connections.abort_all();
                        }
                        let Ok(turned) = port.turn(open).await else { return };
                        port = turned;
                        let _ = done.send(());
                    }
                }
            }
        });
    }

    /// Returns whether the client's packets arrive: networks decide about the registry and the host
    /// of its layers.
    fn is_open(&self) -> bool {
        !self.host.role.is_gated() || self.world.azure.arrives(self.seen.ip())
    }

    async fn meet(&self, mut stream: TcpStream) -> io::Result<()> {
        match self.host.fault {
            // These faults have no listener.
            HostFault::Refuse | HostFault::Blackhole | HostFault::NoRoute => Ok(()),
            HostFault::Reset => stream.set_zero_linger(),
            HostFault::Close => {
                // Reads what the client sent first: closing over unread bytes would send a reset.
                stream.shutdown().await?;
                listen_only(stream).await
            }
            HostFault::Alert => {
                // The alert responds to the first message, so wait for one.
                stream.readable().await?;
                stream.write_all(&ALERT).await?;
                stream.shutdown().await?;
                listen_only(stream).await
            }
            HostFault::Mute => listen_only(stream).await,
            HostFault::Plain => self.serve("http", stream).await,
            HostFault::Drip if self.host.role == Role::Imds => {
                self.serve("http", Drip::new(stream)).await
            }
            HostFault::Drip => {
                let stream = TlsAcceptor::from(Arc::clone(&self.tls)).accept(stream).await?;
                self.serve("https", Drip::new(stream)).await
            }
            HostFault::None if self.host.role == Role::Proxy => self.proxy.serve(stream).await,
            HostFault::None if self.host.role == Role::SecureProxy => {
                let stream = TlsAcceptor::from(Arc::clone(&self.tls)).accept(stream).await?;
                self.proxy.serve(stream).await
            }
            // IMDS has no certificate: only the machine itself can reach it.
            HostFault::None | HostFault::MuteHttp if self.host.role == Role::Imds => {
                self.serve("http", stream).await
            }
            HostFault::None | HostFault::MuteHttp => {
                stream.set_nodelay(true)?;
                let stream = TlsAcceptor::from(Arc::clone(&self.tls)).accept(stream).await?;
                self.serve("https", stream).await
            }
        }
    }

    async fn serve(
        &self,
        scheme: &'static str,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> io::Result<()> {
        let own = self.clone();
        let service = service_fn(move |request| {
            let own = own.clone();
            async move { Ok::<_, Infallible>(own.answer(scheme, request).await) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // The handlers set the Date header themselves.
        builder.http1().title_case_headers(true).auto_date_header(false);
        builder.http2().auto_date_header(false);
        if self.host.http == Http::One {
            builder = builder.http1_only();
        }
        builder.serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
    }

    async fn answer(&self, scheme: &'static str, request: Request<Incoming>) -> Response<Body> {
        if self.host.fault == HostFault::MuteHttp {
            return std::future::pending().await;
        }
        let head = request.method() == Method::HEAD;
        let mut response = match self.host.role {
            Role::Registry => self.world.ask_registry(scheme, self.seen.ip(), request).await,
            Role::Data => self.world.ask_data(&request),
            Role::Imds => self.world.ask_imds(&request).await,
            Role::Entra => self.world.ask_entra(request).await,
            Role::Arm => self.world.ask_azure(scheme, request).await,
            Role::Kubernetes => self.cluster.ask(request).await,
            Role::Portal | Role::Proxy | Role::SecureProxy => portal(),
        };
        if head {
            // The same headers, including the length, without the body.
            if let Some(length) = response.body().size_hint().exact() {
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            *response.body_mut() = Body::whole("");
        }
        response
    }
}

/// Returns a sign-in page for any request.
pub(crate) fn portal() -> Response<Body> {
    let page = "<!doctype html><html><head><title>Guest network</title></head>\
                <body><h1>Welcome</h1><p>Please accept the terms of use.</p></body></html>\n";
    let mut response = Response::new(Body::whole(page));
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    if let Ok(date) = HeaderValue::from_str(&date(0)) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// Reads until the client closes the connection.
async fn listen_only(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

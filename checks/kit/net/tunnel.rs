//! A tunnel through a proxy: the CONNECT request and the proxy's response.

use http_body_util::Empty;
use hyper::{Method, body::Bytes, header};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

use super::{
    ConnectError, Fault, HTTP_WAIT, OPEN_WAIT, Stage, Stream, chunked_reader::ChunkedReader,
    http1::as_go_reads, reach, tls,
};
use crate::kit::{
    engine::{Cx, Exchange},
    target::Host,
    world::Proxy,
};

/// The headers of a proxy's refusal that are kept as evidence.
const KEPT: [&str; 4] = ["proxy-authenticate", "server", "via", "x-squid-error"];

/// Why a proxy opened no tunnel.
#[derive(Debug)]
pub enum TunnelError {
    /// The proxy's protocol (SOCKS) is not supported here.
    NotSpoken,
    /// The proxy cannot be reached.
    Unreachable(ConnectError),
    /// The proxy accepts the request but sends no readable response.
    NoAnswer(Fault),
    /// The proxy refused.
    Refused(Refusal),
}

/// A proxy's response that opens no tunnel.
#[derive(Debug)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// The headers that identify the proxy and give its reason.
    pub said: Vec<(&'static str, String)>,
}

impl Refusal {
    /// Returns one of those headers.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.said.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

impl From<TunnelError> for ConnectError {
    fn from(none: TunnelError) -> Self {
        // Container runtimes do support SOCKS, and they wait longer for a response.
        let certain = match &none {
            TunnelError::NotSpoken | TunnelError::NoAnswer(Fault::TimedOut) => false,
            TunnelError::Unreachable(error) => error.certain,
            TunnelError::NoAnswer(_) | TunnelError::Refused(_) => true,
        };
        ConnectError { stage: Stage::Proxy, fault: none.into(), certain }
    }
}

impl From<TunnelError> for Fault {
    fn from(none: TunnelError) -> Self {
        match none {
            TunnelError::NotSpoken => Fault::Other("socks".to_owned()),
            TunnelError::Unreachable(error) => error.fault,
            TunnelError::NoAnswer(fault) => fault,
            TunnelError::Refused(refusal) => Fault::Other(format!("proxy {}", refusal.status)),
        }
    }
}

/// Opens a stream to a host through a proxy. Without TLS there is no tunnel: the stream only
/// reaches the proxy, which then receives every request itself.
pub async fn open(cx: &Cx, proxy: &Proxy, host: &Host) -> Result<Stream, TunnelError> {
    if proxy.is_socks() {
        return Err(TunnelError::NotSpoken);
    }
    let silent = ConnectError::at(Stage::Tcp, Fault::TimedOut);
    let opened = timeout(OPEN_WAIT, to_proxy(cx, proxy)).await.unwrap_or(Err(silent));
    let stream = opened.map_err(TunnelError::Unreachable)?;
    if host.plain { Ok(stream) } else { connect(cx, proxy, host, stream).await }
}

async fn to_proxy(cx: &Cx, proxy: &Proxy) -> Result<Stream, ConnectError> {
    let host = proxy.host();
    let (_, stream) = reach(cx, &host.name, host.port).await?;
    if host.plain {
        return Ok(stream);
    }
    let secured = tls::handshake(cx, &host, stream).await;
    Ok(Box::new(secured.map_err(ConnectError::from)?.0))
}

/// Sends CONNECT to the proxy, and records its response.
async fn connect(
    cx: &Cx,
    proxy: &Proxy,
    host: &Host,
    stream: Stream,
) -> Result<Stream, TunnelError> {
    let began = Instant::now();
    let asked = timeout(HTTP_WAIT, ask(proxy, host, stream)).await;
    let got = asked.unwrap_or(Err(TunnelError::NoAnswer(Fault::TimedOut)));
    let mut details = Map::new();
    let heard = match &got {
        Ok(_) => "200".to_owned(),
        Err(TunnelError::Refused(refusal)) => {
            let kept = |(name, value): &(&str, String)| (name.replace('-', "_"), json!(value));
            details = refusal.said.iter().map(kept).collect::<Map<String, Value>>();
            refusal.status.to_string()
        }
        Err(TunnelError::NoAnswer(fault)) => fault.word().to_owned(),
        Err(TunnelError::NotSpoken | TunnelError::Unreachable(_)) => String::new(),
    };
    cx.exchanged(Exchange {
        to: &proxy.to_string(),
        request: &format!("CONNECT {}", host.endpoint()),
        response: &heard,
        details,
        took: began.elapsed(),
    });
    got
}

async fn ask(proxy: &Proxy, host: &Host, stream: Stream) -> Result<Stream, TunnelError> {
    let broken = |error: hyper::Error| TunnelError::NoAnswer(Fault::of(&error));
    let unbuilt =
        |error: hyper::http::Error| TunnelError::NoAnswer(Fault::Other(error.to_string()));
    let authority = host.endpoint();
    let mut request = hyper::Request::builder()
        .method(Method::CONNECT)
        .uri(&authority)
        .header(header::HOST, &authority)
        .header(header::USER_AGENT, concat!("check-acr/", env!("CARGO_PKG_VERSION")));
    if let Some(value) = proxy.header() {
        request = request.header(header::PROXY_AUTHORIZATION, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(unbuilt)?;
    let io = TokioIo::new(ChunkedReader::of_tunnel(stream));
    let (mut sender, connection) = as_go_reads().handshake(io).await.map_err(broken)?;
    tokio::spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status().as_u16();
    if status != 200 {
        let headers = response.headers();
        let said = KEPT.iter().filter_map(|name| {
            let values = headers.get_all(*name).iter().filter_map(|value| value.to_str().ok());
            let values = values.collect::<Vec<_>>().join(", ");
            (!values.is_empty()).then_some((*name, values))
        });
        return Err(TunnelError::Refused(Refusal { status, said: said.collect() }));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(broken)?;
    // Go discards what arrives together with the response: it is not part of the tunnel.
    let parts = upgraded.downcast::<TokioIo<ChunkedReader<Stream>>>();
    let parts = parts.map_err(|_| TunnelError::NoAnswer(Fault::NotHttp))?;
    Ok(parts.io.into_inner().into_stream())
}

//! Connections to hosts that have no step of their own: a token server, a mirror, a second data
//! endpoint.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::{
    ConnectError, Connected, Connection, Fault, OPEN_WAIT, Route, Stage, Stream, http::Transport,
    reach, tls, tunnel,
};
use crate::kit::{
    engine::Cx,
    target::{Host, HostPurpose},
    world::ProxyDecision,
};

/// The open connections of a run, one for each host.
#[derive(Default)]
pub struct ConnectionPool(RefCell<HashMap<Host, Rc<Connection>>>);

impl ConnectionPool {
    /// Keeps a connection that a step has opened.
    pub fn keep(&self, connection: Connection) -> Rc<Connection> {
        let connection = Rc::new(connection);
        self.0.borrow_mut().insert(connection.host.clone(), connection.clone());
        connection
    }

    /// Returns whether the open connection to that host can carry several requests at once.
    pub fn is_http2(&self, host: &Host) -> bool {
        self.0.borrow().get(host).is_some_and(|connection| connection.is_http2())
    }

    /// Returns the connection to that host, and opens one when there is none.
    pub async fn to(&self, cx: &Cx, host: &Host) -> Result<Rc<Connection>, ConnectError> {
        let kept = self.0.borrow().get(host).cloned();
        match kept {
            Some(connection) => Ok(connection),
            None => {
                let error = ConnectError::at(Stage::Tcp, Fault::TimedOut);
                let connection =
                    timeout(OPEN_WAIT, as_containerd(cx, host)).await.unwrap_or(Err(error))?;
                Ok(self.keep(connection))
            }
        }
    }
}

/// Returns an HTTP connection over what the steps of a host have opened: its verified TLS stream, or,
/// where there is none, the bare one. A host gets unencrypted requests only here, and only on this
/// machine or where that was asked for.
pub async fn opened(
    cx: &Cx,
    connected: &Connected,
    secured: Option<TlsStream<Stream>>,
) -> Result<Connection, Fault> {
    let mut host = connected.host.clone();
    let transport = match secured {
        Some(stream) => Transport::from(stream),
        None if host.may_be_plain() => {
            host.plain = true;
            Transport::from(connected.stream(cx).await?)
        }
        None => return Err(Fault::ClosedByPeer),
    };
    Connection::over(host, connected.route.clone(), transport).await
}

/// Opens a connection to that host, through the proxy if one is set here for it; to one at which an
/// identity signs in, as the node's credential provider does.
pub async fn once(cx: &Cx, host: &Host) -> Result<Connection, ConnectError> {
    let proxies = match host.purpose {
        HostPurpose::SignIn => cx.world.sign_in_proxies(),
        _ => &cx.world.proxies,
    };
    by(cx, host, proxies.route(host)).await
}

/// Opens a connection to that host, through the proxy if a pull uses one for it.
pub async fn as_containerd(cx: &Cx, host: &Host) -> Result<Connection, ConnectError> {
    by(cx, host, cx.world.proxies_for(host).route(host)).await
}

async fn by(cx: &Cx, host: &Host, decision: ProxyDecision) -> Result<Connection, ConnectError> {
    let (route, stream) = match decision {
        ProxyDecision::Through(proxy) => {
            let tunnel = tunnel::open(cx, &proxy, host).await;
            let stream = tunnel.map_err(ConnectError::from)?;
            (Route::through(proxy, host), stream)
        }
        ProxyDecision::Nowhere(variable) => {
            return Err(ConnectError::at(Stage::Proxy, Fault::Other(variable.to_owned())));
        }
        ProxyDecision::Direct | ProxyDecision::Exempt(_) => return straight(cx, host).await,
    };
    over(cx, host, route, stream).await
}

/// Opens a direct connection to that host, even if a proxy is set.
pub async fn straight(cx: &Cx, host: &Host) -> Result<Connection, ConnectError> {
    let (address, stream) = reach(cx, &host.name, host.port).await?;
    over(cx, host, Route::to(address), stream).await
}

async fn over(
    cx: &Cx,
    host: &Host,
    route: Route,
    stream: Stream,
) -> Result<Connection, ConnectError> {
    let transport = Transport::over(cx, host, stream).await.map_err(ConnectError::from)?;
    let connection = Connection::over(host.clone(), route, transport).await;
    connection.map_err(|fault| ConnectError::at(Stage::Tls, fault))
}

/// Reads the `Date` header of a host whose certificate we do not accept. Sends no credentials and
/// trusts nothing it reads.
pub async fn date_unverified(cx: &Cx, connected: &Connected) -> Option<jiff::Timestamp> {
    let Connected { host, route, .. } = connected;
    let stream = route.open(cx, host).await.ok()?;
    let stream = tls::unverified(cx, host, stream).await?;
    let connection = Connection::over(host.clone(), route.clone(), stream).await.ok()?;
    let request = super::Request::new(hyper::Method::GET, "/v2/");
    let reply = connection.ask(cx, &request).await.ok()?;
    super::reply::date(&reply)
}

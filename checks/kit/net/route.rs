//! The route to a host: directly to one of its addresses, or through a proxy.

use std::{cell::Cell, net::SocketAddr, rc::Rc};

use serde::Serialize;
use strum::VariantNames;

use super::{Fault, Stream, tcp, tunnel};
use crate::kit::{
    engine::Cx,
    target::{Host, is_private},
    world::Proxy,
};

/// How a host is reached.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Route {
    /// Directly, at this address.
    Straight {
        /// The IP address and port.
        address: SocketAddr,
        /// Whether the address is public or private.
        kind: AddressKind,
    },
    /// Through this proxy, which resolves the name itself.
    Through {
        /// The proxy.
        proxy: Rc<Proxy>,
        /// How the proxy is used.
        how: ProxyUse,
    },
}

/// Whether an address is public or private.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum AddressKind {
    /// Reached over the internet.
    Public,
    /// Reached only inside a network.
    Private,
}

/// How a proxy is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ProxyUse {
    /// It opens a tunnel for TLS (CONNECT).
    OpensATunnel,
    /// It receives every request itself, because there is no TLS.
    AskedForEachPage,
}

impl Route {
    /// Returns the direct route to that address.
    pub fn to(address: SocketAddr) -> Self {
        let kind =
            if is_private(address.ip()) { AddressKind::Private } else { AddressKind::Public };
        Route::Straight { address, kind }
    }

    /// Returns the route through that proxy: with CONNECT for TLS, with plain requests otherwise.
    pub fn through(proxy: Rc<Proxy>, host: &Host) -> Self {
        let how = if host.plain { ProxyUse::AskedForEachPage } else { ProxyUse::OpensATunnel };
        Route::Through { proxy, how }
    }

    /// Opens a new connection over this route.
    pub async fn open(&self, cx: &Cx, host: &Host) -> Result<Stream, Fault> {
        match self {
            Route::Straight { address, .. } => {
                let stream = tcp::connect(cx, *address).await?;
                Ok(Box::new(stream))
            }
            Route::Through { proxy, .. } => Ok(tunnel::open(cx, proxy, host).await?),
        }
    }

    /// Returns the address; `None` when a proxy resolves the name.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Route::Straight { address, .. } => Some(*address),
            Route::Through { .. } => None,
        }
    }

    /// Returns the proxy; `None` when the route is direct.
    pub fn proxy(&self) -> Option<&Rc<Proxy>> {
        match self {
            Route::Straight { .. } => None,
            Route::Through { proxy, .. } => Some(proxy),
        }
    }
}

/// A host and the connection that was opened to it.
#[derive(Serialize)]
pub struct Connected {
    /// The host.
    pub host: Host,
    /// The route that was taken.
    #[serde(flatten)]
    pub route: Route,
    /// Whether the CNAME chain goes through `privatelink`, even if the address is public.
    #[serde(skip)]
    pub private_link: bool,
    /// The open connection, until it is taken.
    #[serde(skip)]
    stream: Cell<Option<Stream>>,
}

impl Connected {
    /// Returns a connected host; without a stream if its connection was cut as soon as it opened.
    pub fn new(host: Host, route: Route, private_link: bool, stream: Option<Stream>) -> Self {
        Self { host, route, private_link, stream: Cell::new(stream) }
    }

    /// Returns the open connection, or a new one when it was taken already.
    pub async fn stream(&self, cx: &Cx) -> Result<Stream, Fault> {
        match self.stream.take() {
            Some(stream) => Ok(stream),
            None => self.route.open(cx, &self.host).await,
        }
    }
}

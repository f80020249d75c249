//! The way to a host: straight to one of its addresses, or through a proxy.

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
    /// By this address.
    Straight {
        /// The address.
        address: SocketAddr,
        /// What kind of address it is, as a word.
        kind: AddressKind,
    },
    /// By this proxy, which looks the name up itself.
    Through {
        /// The proxy.
        proxy: Rc<Proxy>,
        /// What it does for us, as a word.
        how: ProxyUse,
    },
}

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum AddressKind {
    /// It is reached over the internet.
    Public,
    /// It is not.
    Private,
}

/// What a proxy does for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ProxyUse {
    /// It opens a tunnel for TLS.
    OpensATunnel,
    /// Without TLS it is asked for each page.
    AskedForEachPage,
}

impl Route {
    /// Straight to that address.
    pub fn to(address: SocketAddr) -> Self {
        let kind =
            if is_private(address.ip()) { AddressKind::Private } else { AddressKind::Public };
        Route::Straight { address, kind }
    }

    /// Through that proxy, which opens a tunnel for TLS; without TLS it is asked for each page.
    pub fn through(proxy: Rc<Proxy>, host: &Host) -> Self {
        let how = if host.plain { ProxyUse::AskedForEachPage } else { ProxyUse::OpensATunnel };
        Route::Through { proxy, how }
    }

    /// Goes it once more.
    pub async fn open(&self, cx: &Cx, host: &Host) -> Result<Stream, Fault> {
        match self {
            Route::Straight { address, .. } => {
                let stream = tcp::connect(cx, *address).await?;
                Ok(Box::new(stream))
            }
            Route::Through { proxy, .. } => Ok(tunnel::open(cx, proxy, host).await?),
        }
    }

    /// The address, where it is known here.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Route::Straight { address, .. } => Some(*address),
            Route::Through { .. } => None,
        }
    }

    /// The proxy, where there is one.
    pub fn proxy(&self) -> Option<&Rc<Proxy>> {
        match self {
            Route::Straight { .. } => None,
            Route::Through { proxy, .. } => Some(proxy),
        }
    }
}

/// A host that was reached.
#[derive(Serialize)]
pub struct Connected {
    /// The host.
    pub host: Host,
    /// How.
    #[serde(flatten)]
    pub route: Route,
    /// Whether the name led here by way of a private endpoint's name, whatever address came of it.
    #[serde(skip)]
    pub private_link: bool,
    /// Until somebody takes it.
    #[serde(skip)]
    stream: Cell<Option<Stream>>,
}

impl Connected {
    /// A host at the end of a connection, or of one that was cut as soon as it was there.
    pub fn new(host: Host, route: Route, private_link: bool, stream: Option<Stream>) -> Self {
        Self { host, route, private_link, stream: Cell::new(stream) }
    }

    /// The connection; a fresh one when it was taken already.
    pub async fn stream(&self, cx: &Cx) -> Result<Stream, Fault> {
        match self.stream.take() {
            Some(stream) => Ok(stream),
            None => self.route.open(cx, &self.host).await,
        }
    }
}

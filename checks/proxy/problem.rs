//! What the area `proxy` can find wrong.

use crate::kit::{net::Fault, world::Proxy};
use serde::Serialize;
use std::rc::Rc;

/// What can be wrong with the way through a proxy.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// None is set for such a host.
    NotForThis {
        /// The host.
        host: String,
    },
    /// `NO_PROXY` exempts the host.
    Exempt {
        /// The host.
        host: String,
        /// By this entry.
        entry: String,
    },
    /// What a variable holds names no proxy, and is ignored.
    UrlIgnored {
        /// The variable.
        variable: &'static str,
    },
    /// What the variable holds has no port, and nothing is reached through it.
    UrlUnusable {
        /// The variable.
        variable: &'static str,
        /// The host.
        host: String,
    },
    /// It speaks SOCKS, which is not spoken here: could not tell.
    SocksNotSpoken(At),
    /// It is not reached.
    Unreachable {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// Where the way to it ends, as a word.
        stage: crate::kit::net::Stage,
        /// How.
        fault: Fault,
    },
    /// It takes the request and does not answer as a proxy does.
    NoAnswer {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// What it does instead.
        fault: Fault,
    },
    /// It takes the request and says nothing, for less long than a container runtime waits: could
    /// not tell.
    Silent {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// How long.
        seconds: u64,
    },
    /// It wants a sign-in of its own.
    AsksForSignIn {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// Whether it was shown one.
        shown: Shown,
        /// What it wants to see.
        #[serde(skip_serializing_if = "Option::is_none")]
        wants: Option<String>,
    },
    /// It refuses to connect to the host.
    DeniesHost(Refused),
    /// It cannot reach the host either.
    CannotReachHost(Refused),
    /// It is asked for a host that has a private address here, which is open.
    InterceptsPrivate {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// The address.
        address: String,
        /// What in `NO_PROXY` would exempt all hosts of the registry.
        exempt: String,
    },
    /// The metadata service would be asked through the proxy.
    ImdsNotBypassed {
        /// The proxy.
        proxy: Rc<Proxy>,
        /// The variable that names it.
        variable: &'static str,
    },
}

/// A proxy and the host that it is to lead to.
#[derive(Serialize)]
pub struct At {
    pub(super) proxy: Rc<Proxy>,
    pub(super) variable: &'static str,
    pub(super) host: String,
    pub(super) endpoint: String,
}

/// What a proxy answers that opens no tunnel.
#[derive(Serialize)]
pub struct Refused {
    #[serde(flatten)]
    pub(super) at: At,
    pub(super) status: u16,
    /// Its own word for why, or its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
}

/// Whether the proxy was shown credentials.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Shown {
    /// The proxy's URL holds credentials.
    Yes,
    /// It holds none.
    No,
}

//! What the area `proxy` can find wrong.

use crate::kit::{net::Fault, world::Proxy};
use serde::Serialize;
use std::rc::Rc;

/// What can be wrong with a proxy, or with the variables that set it.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// No proxy is set for this host.
    NotForThis {
        /// The host that is reached directly.
        host: String,
    },
    /// `NO_PROXY` exempts the host.
    Exempt {
        /// The host that is exempt.
        host: String,
        /// The entry of `NO_PROXY` that exempts it.
        entry: String,
    },
    /// The value of a proxy variable is not a proxy URL, so container runtimes ignore it.
    UrlIgnored {
        /// The variable with that value.
        variable: &'static str,
    },
    /// The value of a proxy variable has no port, so no host can be reached through this proxy.
    UrlUnusable {
        /// The variable with that value.
        variable: &'static str,
        /// The host that needs the proxy.
        host: String,
    },
    /// The proxy speaks SOCKS, which is not supported here: could not tell.
    SocksNotSpoken(At),
    /// The proxy cannot be reached.
    Unreachable {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// The stage at which connecting to the proxy fails: a word of evidence.
        stage: crate::kit::net::Stage,
        /// How it fails.
        fault: Fault,
    },
    /// The proxy accepts the request but does not respond as a proxy does.
    NoAnswer {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// The fault that occurs instead of a valid response.
        fault: Fault,
    },
    /// The proxy accepts the request, and the response timed out. A container runtime waits longer:
    /// could not tell.
    Silent {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// How many seconds the response was awaited.
        seconds: u64,
    },
    /// The proxy requires a sign-in of its own (HTTP 407).
    AsksForSignIn {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// Whether the request carried credentials for the proxy.
        shown: Shown,
        /// The authentication that the proxy asks for: its `Proxy-Authenticate` header.
        #[serde(skip_serializing_if = "Option::is_none")]
        wants: Option<String>,
    },
    /// The proxy refuses to connect to the host.
    DeniesHost(Refused),
    /// The proxy cannot reach the host either.
    CannotReachHost(Refused),
    /// The host is reached through the proxy although its private address accepts direct
    /// connections from here.
    InterceptsPrivate {
        /// The proxy and the host.
        #[serde(flatten)]
        at: At,
        /// The private address.
        address: String,
        /// The entry that would exempt all hosts of the registry in `NO_PROXY`.
        exempt: String,
    },
    /// The environment sends requests to IMDS through the proxy.
    ImdsNotBypassed {
        /// The proxy that would get those requests.
        proxy: Rc<Proxy>,
        /// The variable that sets the proxy.
        variable: &'static str,
    },
}

/// A proxy, and the host to which it must open a tunnel.
#[derive(Serialize)]
pub struct At {
    pub(super) proxy: Rc<Proxy>,
    pub(super) variable: &'static str,
    pub(super) host: String,
    pub(super) endpoint: String,
}

/// A proxy's response that opens no tunnel.
#[derive(Serialize)]
pub struct Refused {
    #[serde(flatten)]
    pub(super) at: At,
    pub(super) status: u16,
    /// The proxy's own word for the reason, or its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
}

/// Whether the request carried credentials for the proxy.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Shown {
    /// The proxy's URL contains credentials.
    Yes,
    /// The proxy's URL contains no credentials.
    No,
}

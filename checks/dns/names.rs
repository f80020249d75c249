//! The addresses of a host, as they become known.

use std::{net::IpAddr, rc::Rc};

use serde::Serialize;
use strum::VariantNames;

use crate::kit::{Feed, Host, target::is_private};

/// The addresses of a host, as they become known.
#[derive(Clone, Serialize)]
pub struct Names {
    pub(crate) host: Host,
    #[serde(skip)]
    pub(crate) addresses: Rc<Feed<IpAddr>>,
    /// The addresses that were known first.
    pub(crate) first: Vec<IpAddr>,
    /// The name and its CNAME chain.
    pub(super) cname_chain: String,
    /// Whether the chain contains a private endpoint's name: then one exists, for this network or
    /// another.
    pub(crate) private_link: bool,
    /// Whether the addresses are public or private.
    pub(super) reach: Reach,
    /// The source of the addresses, if no name server was queried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) known: Option<Known>,
}

/// Whether a name's addresses are public or private.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Reach {
    /// All are public, and the chain contains no private endpoint's name.
    PublicAddress,
    /// All are public, although the chain contains a private endpoint's name.
    PublicPastPrivateEndpoint,
    /// All are private.
    PrivateAddress,
    /// Some are private, some are not.
    PrivateAndPublic,
}

/// The source of addresses that need no query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Known {
    /// The host is an IP address.
    IsAnAddress,
    /// The hosts file contains the name.
    HostsFile,
}

impl Names {
    /// Returns whether a name server gave the addresses.
    pub(crate) fn is_looked_up(&self) -> bool {
        self.known.is_none()
    }

    pub(super) fn new(host: &Host, name: &str, chain: &[String], first: Vec<IpAddr>) -> Self {
        let addresses = Rc::new(Feed::default());
        first.iter().for_each(|address| addresses.add(*address));
        let private_link = chain.iter().any(|name| name.contains(".privatelink."));
        let private = first.iter().filter(|address| is_private(**address)).count();
        let reach = match (private, private_link) {
            (0, true) => Reach::PublicPastPrivateEndpoint,
            (0, false) => Reach::PublicAddress,
            (some, _) if some < first.len() => Reach::PrivateAndPublic,
            _ => Reach::PrivateAddress,
        };
        let cname_chain = describe_chain(name, chain);
        Self { host: host.clone(), addresses, first, cname_chain, private_link, reach, known: None }
    }
}

/// Returns the chain as text: `contoso.azurecr.io → contoso.privatelink.azurecr.io`
pub(super) fn describe_chain(name: &str, chain: &[String]) -> String {
    chain.iter().fold(name.to_owned(), |so_far, next| format!("{so_far} → {next}"))
}

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
    /// The first to be known.
    pub(super) first: Vec<IpAddr>,
    /// The name and those that it was sent on to.
    pub(super) cname_chain: String,
    /// Whether a name of a private endpoint was among them: then one exists, for this network or another.
    pub(crate) private_link: bool,
    /// What kind of addresses they are, as a word.
    pub(super) reach: Reach,
    /// Where the addresses are from, when no name server was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) known: Option<Known>,
}

/// What kind of addresses a name has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Reach {
    /// All are public, and no private endpoint is in the chain.
    PublicAddress,
    /// All are public, although the chain goes through a private endpoint's name.
    PublicPastPrivateEndpoint,
    /// All are private.
    PrivateAddress,
    /// Some are private, some are not.
    PrivateAndPublic,
}

/// Where the addresses come from that no name server was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Known {
    /// The host is an address.
    IsAnAddress,
    /// The hosts file has the name.
    HostsFile,
}

impl Names {
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

/// `contoso.azurecr.io → contoso.privatelink.azurecr.io`
pub(super) fn describe_chain(name: &str, chain: &[String]) -> String {
    chain.iter().fold(name.to_owned(), |so_far, next| format!("{so_far} → {next}"))
}

//! The addresses of a host, as they become known.

use std::{net::IpAddr, rc::Rc};

use serde::Serialize;

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
    /// What kind of addresses they are.
    pub(super) reach: AddressKind,
    /// Nobody had to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) known: Option<KnownFrom>,
}

/// Which kind of addresses a name has.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum AddressKind {
    /// Private addresses only.
    PrivateAddress,
    /// Public addresses only.
    PublicAddress,
    /// Both.
    PrivateAndPublic,
    /// Public addresses, although the chain names a private endpoint.
    PublicPastPrivateEndpoint,
}

/// Where an address is known from without asking a name server.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum KnownFrom {
    /// The name is an address.
    IsAnAddress,
    /// The hosts file.
    HostsFile,
}

impl Names {
    pub(super) fn new(host: &Host, name: &str, chain: &[String], first: Vec<IpAddr>) -> Self {
        let addresses = Rc::new(Feed::default());
        first.iter().for_each(|address| addresses.add(*address));
        let private_link = chain.iter().any(|name| name.contains(".privatelink."));
        let private = first.iter().filter(|address| is_private(**address)).count();
        let reach = match (private, private_link) {
            (0, true) => AddressKind::PublicPastPrivateEndpoint,
            (0, false) => AddressKind::PublicAddress,
            (some, _) if some < first.len() => AddressKind::PrivateAndPublic,
            _ => AddressKind::PrivateAddress,
        };
        let cname_chain = describe_chain(name, chain);
        Self { host: host.clone(), addresses, first, cname_chain, private_link, reach, known: None }
    }
}

/// `contoso.azurecr.io → contoso.privatelink.azurecr.io`
pub(super) fn describe_chain(name: &str, chain: &[String]) -> String {
    chain.iter().fold(name.to_owned(), |so_far, next| format!("{so_far} → {next}"))
}

//! What the area `tls` can find wrong.

use crate::kit::{engine::Skew, net::Fault, world::Proxy};
use jiff::Timestamp;
use serde::Serialize;
use std::rc::Rc;
use strum::VariantNames;

/// What can be wrong with a TLS handshake.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The issuer of the certificate is not in the trust store of this machine.
    UnknownCa {
        /// The host that presented the certificate.
        #[serde(flatten)]
        at: At,
        /// The issuer of the certificate.
        issuer: String,
        /// Present if the host itself is the issuer.
        #[serde(skip_serializing_if = "Option::is_none")]
        self_signed: Option<SelfSigned>,
    },
    /// The issuer is not in the trust store of this node, which changed after containerd started: the
    /// running containerd may have loaded it. Could not tell.
    CaMayBeLoaded {
        /// The host that presented the certificate.
        #[serde(flatten)]
        at: At,
        /// The issuer of the certificate.
        issuer: String,
        /// The file or directory of authorities that changed last.
        file: String,
        /// When it changed.
        changed: Timestamp,
        /// When containerd started.
        #[serde(skip_serializing_if = "Option::is_none")]
        started: Option<Timestamp>,
    },
    /// The issuer is among the authorities that AKS delivered to this node, but was not installed into
    /// its trust store.
    CaNotInstalled {
        /// The host that presented the certificate.
        #[serde(flatten)]
        at: At,
        /// The issuer of the certificate.
        issuer: String,
        /// Where the authority was delivered.
        folder: String,
    },
    /// The certificate is valid only for other names.
    HostnameMismatch {
        /// The host that was asked.
        #[serde(flatten)]
        at: At,
        /// The names that the certificate is valid for.
        names: Vec<String>,
        /// The address that presented it, or the proxy on the way there.
        address: String,
        /// The server that the name leads to.
        leads: Leads,
    },
    /// The certificate is out of date by this machine's clock, but valid by the host's clock.
    ClockSkew {
        /// The host that presented the certificate.
        #[serde(flatten)]
        at: At,
        /// The time on this machine's clock.
        here: Timestamp,
        /// The time on the host's clock.
        there: Timestamp,
        /// How far the two clocks are apart.
        #[serde(flatten)]
        skew: Skew,
    },
    /// The certificate is expired or not yet valid.
    CertificateExpired {
        /// The number of days since it expired.
        #[serde(skip_serializing_if = "Option::is_none")]
        expired_days: Option<i64>,
        /// The number of days until it becomes valid.
        #[serde(skip_serializing_if = "Option::is_none")]
        early_days: Option<i64>,
        /// The host that presented the certificate.
        #[serde(flatten)]
        at: At,
        /// The time at which it becomes valid.
        not_before: Timestamp,
        /// The time at which it expires.
        not_after: Timestamp,
        /// The issuer of the certificate.
        issuer: String,
    },
    /// The server sends only its own certificate, without those that connect it to an authority.
    ChainNotSent {
        /// The host that presented the certificate.
        #[serde(flatten)]
        at: At,
        /// The issuer of the certificate.
        issuer: String,
    },
    /// The host is an address, and the certificate is not for it.
    NoIpSan {
        /// The host that presented the certificate.
        #[serde(flatten)]
        at: At,
        /// The names that the certificate is valid for.
        names: Vec<String>,
    },
    /// A certificate that the server sends with its own is expired or not yet valid.
    ChainExpired {
        /// The host that presented the certificates.
        #[serde(flatten)]
        at: At,
        /// The subject of the expired certificate.
        subject: String,
        /// The time at which it becomes valid.
        not_before: Timestamp,
        /// The time at which it expires.
        not_after: Timestamp,
    },
    /// The verifier rejects the certificate for another reason.
    CertificateInvalid {
        /// The host that presented the certificate.
        #[serde(flatten)]
        at: At,
        /// The reason, as the verifier words it.
        said: String,
        /// The issuer of the certificate.
        issuer: String,
    },
    /// The connection fails or times out as soon as TLS begins.
    Reset {
        /// The host that was asked.
        #[serde(flatten)]
        at: At,
        /// How it fails.
        fault: Fault,
    },
    /// The connection to the host that serves layers fails or times out as soon as TLS begins.
    BlobEndpointReset {
        /// The host that serves layers.
        #[serde(flatten)]
        at: At,
        /// How it fails.
        fault: Fault,
    },
    /// The host ended the handshake with an alert.
    Refused {
        /// The host that was asked.
        #[serde(flatten)]
        at: At,
        /// The name of the alert.
        alert: String,
    },
    /// This client and the host find no TLS parameters in common. A container runtime supports more
    /// of them: could not tell.
    Incompatible {
        /// The host that was asked.
        #[serde(flatten)]
        at: At,
        /// The reason, as the TLS library words it.
        said: String,
    },
    /// The certificate has a key that a container runtime supports and this client does not: could not
    /// tell.
    KeyNotSupported {
        /// The host that was asked.
        #[serde(flatten)]
        at: At,
        /// The kind of key.
        key: String,
    },
    /// Reading this machine's trust store timed out.
    TrustStoreUnreadable {
        /// The host that was not verified.
        #[serde(flatten)]
        at: At,
    },
    /// The server at the other end does not speak TLS.
    NotTls {
        /// The host that was asked.
        #[serde(flatten)]
        at: At,
    },
    /// The host is reached over plain HTTP, so there is no handshake.
    PlainHttp {},
    /// The host is this machine and does not speak TLS. containerd falls back to plain HTTP there,
    /// and so does this check.
    PlainHttpHere {},
}

/// A host, in the forms that messages and commands need.
#[derive(Serialize)]
pub struct At {
    /// The host's name.
    pub(super) host: String,
    /// The host's name and port.
    pub(super) endpoint: String,
    /// The arguments with which `openssl s_client` connects to it.
    pub(super) connect: Vec<String>,
    /// The proxy on the way to the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) through: Option<Rc<Proxy>>,
}

/// Where a name leads whose server has a certificate for other names: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Leads {
    /// To an Azure registry, whose login server is another name.
    AliasOfAzure,
    /// To a server that is no Azure registry.
    AnotherServer,
}

/// The issuer of an untrusted certificate: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum SelfSigned {
    /// The host itself issued it.
    SelfSigned,
}

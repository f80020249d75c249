//! What the area `tls` can find wrong.

use crate::kit::{engine::Skew, net::Fault, world::Proxy};
use jiff::Timestamp;
use serde::Serialize;
use std::rc::Rc;

/// What can be wrong with a handshake.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// No authority that is trusted here signed the certificate.
    UnknownCa {
        /// The host.
        #[serde(flatten)]
        at: At,
        /// Who did.
        issuer: String,
        /// Whether that is the host itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        self_signed: Option<SelfSigned>,
    },
    /// The certificate is for other names.
    HostnameMismatch {
        /// The host.
        #[serde(flatten)]
        at: At,
        /// The names.
        names: Vec<String>,
        /// The address that presented it.
        address: String,
    },
    /// The certificate is out of date by this clock, and by the host's it is not.
    ClockSkew {
        /// The host.
        #[serde(flatten)]
        at: At,
        /// This clock.
        here: Timestamp,
        /// The host's.
        there: Timestamp,
        /// How far they are apart.
        #[serde(flatten)]
        skew: Skew,
    },
    /// The certificate is out of date.
    CertificateExpired {
        /// For how many days it has been expired.
        #[serde(skip_serializing_if = "Option::is_none")]
        expired_days: Option<i64>,
        /// In how many days it becomes valid.
        #[serde(skip_serializing_if = "Option::is_none")]
        early_days: Option<i64>,
        /// The host.
        #[serde(flatten)]
        at: At,
        /// When it became valid.
        not_before: Timestamp,
        /// When it ceased to be.
        not_after: Timestamp,
        /// Who signed it.
        issuer: String,
    },
    /// The certificate is bad in another way.
    CertificateInvalid {
        /// The host.
        #[serde(flatten)]
        at: At,
        /// How, in the words of the verifier.
        said: String,
        /// Who signed it.
        issuer: String,
    },
    /// The connection is cut, or stays silent, as soon as TLS begins.
    Reset {
        /// The host.
        #[serde(flatten)]
        at: At,
        /// How.
        fault: Fault,
    },
    /// The same, at the host that serves layers.
    BlobEndpointReset {
        /// The host.
        #[serde(flatten)]
        at: At,
        /// How.
        fault: Fault,
    },
    /// The host ended the handshake with an alert.
    Refused {
        /// The host.
        #[serde(flatten)]
        at: At,
        /// The alert.
        alert: String,
    },
    /// The two ends find no common way to speak TLS.
    Incompatible {
        /// The host.
        #[serde(flatten)]
        at: At,
        /// Why, in the words of the library.
        said: String,
    },
    /// This machine's trust store cannot be read in time.
    TrustStoreUnreadable {
        /// The host.
        #[serde(flatten)]
        at: At,
    },
    /// What answers does not speak TLS.
    NotTls {
        /// The host.
        #[serde(flatten)]
        at: At,
    },
    /// Plain HTTP is spoken.
    PlainHttp {},
    /// The host is this machine and does not speak TLS: containerd goes on without, and so do we.
    PlainHttpHere {},
}

/// The host, as words and as commands take it.
#[derive(Serialize)]
pub struct At {
    /// Its name.
    pub(super) host: String,
    /// Name and port.
    pub(super) endpoint: String,
    /// The arguments that lead openssl there.
    pub(super) connect: Vec<String>,
    /// The proxy in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) through: Option<Rc<Proxy>>,
}

/// Who signed a certificate that is not trusted: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum SelfSigned {
    /// The host itself.
    SelfSigned,
}

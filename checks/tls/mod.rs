//! Does the host prove who it is, with a certificate that is trusted here?

use std::cell::RefCell;

use jiff::Timestamp;
use rustls::CertificateError;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::{
    kit::{
        Cx, Got, Halt, Host, Role,
        net::{
            Fault,
            open::date_unverified,
            tls::{Certificate, Refusal, handshake},
        },
    },
    network::Reached,
};

/// What can be wrong with a handshake.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Trouble {
    /// Nobody who is trusted here signed the certificate.
    UnknownCa {
        /// The host.
        host: String,
        /// Who did.
        issuer: String,
    },
    /// The certificate is for other names.
    HostnameMismatch {
        /// The host.
        host: String,
        /// The names.
        names: Vec<String>,
        /// The address that presented it.
        address: String,
    },
    /// The certificate is out of date by this clock, and by the host's it is not.
    ClockSkew {
        /// The host.
        host: String,
        /// This clock.
        here: Timestamp,
        /// The host's.
        there: Timestamp,
        /// How far they are apart.
        minutes: i64,
    },
    /// The certificate is out of date.
    CertificateExpired {
        /// The host.
        host: String,
        /// When it became valid.
        not_before: Timestamp,
        /// When it ceased to be.
        not_after: Timestamp,
    },
    /// The certificate is bad in another way.
    CertificateInvalid {
        /// The host.
        host: String,
        /// How, in the words of the verifier.
        said: String,
        /// Who signed it.
        issuer: String,
    },
    /// The connection is cut, or stays silent, as soon as TLS begins.
    Reset {
        /// The host.
        host: String,
        /// How.
        fault: Fault,
    },
    /// The same, at the host that serves layers.
    BlobEndpointReset {
        /// The host.
        host: String,
        /// How.
        fault: Fault,
    },
    /// The host ended the handshake with an alert.
    Refused {
        /// The host.
        host: String,
        /// The alert.
        alert: String,
    },
    /// What answers does not speak TLS.
    NotTls {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// Plain HTTP was asked for.
    PlainHttp {},
    /// The host is this machine and does not speak TLS: containerd goes on without, and so do we.
    PlainHttpHere {},
}

/// A connection with a certificate that was found good.
#[derive(Serialize)]
pub struct Secured {
    #[serde(skip)]
    stream: RefCell<Option<TlsStream<TcpStream>>>,
    issuer: String,
    not_after: Timestamp,
}

impl Secured {
    /// The connection, once.
    pub(crate) fn take(&self) -> Option<TlsStream<TcpStream>> {
        self.stream.borrow_mut().take()
    }
}

/// Shakes hands with the host.
pub async fn secure(cx: &Cx, reached: &Reached) -> Got<Secured> {
    let host = &reached.host;
    if host.plain {
        return Err(Halt::skipped(Trouble::PlainHttp {}));
    }
    let refusal = match reached.stream(cx).await {
        Err(fault) => Refusal::Broken(fault),
        Ok(stream) => match handshake(cx, host, stream).await {
            Err(refusal) => refusal,
            Ok((stream, Certificate { issuer, not_after, .. })) => {
                return Ok(Secured { stream: RefCell::new(Some(stream)), issuer, not_after });
            }
        },
    };
    match refusal {
        Refusal::Broken(Fault::NotTls) if host.may_be_plain() => {
            Err(Halt::skipped(Trouble::PlainHttpHere {}))
        }
        Refusal::Broken(fault) => Err(broken(host, fault).into()),
        Refusal::Alert(alert) => Err(Trouble::Refused { host: host.to_string(), alert }.into()),
        Refusal::Untrusted(why, seen) => Err(judge(cx, reached, why, seen).await.into()),
    }
}

fn broken(host: &Host, fault: Fault) -> Trouble {
    let name = host.to_string();
    match (fault, host.role) {
        (Fault::NotTls, _) => Trouble::NotTls { host: name, port: host.port },
        (fault, Role::Data) => Trouble::BlobEndpointReset { host: name, fault },
        (fault, _) => Trouble::Reset { host: name, fault },
    }
}

/// Says what is wrong with a certificate.
async fn judge(cx: &Cx, reached: &Reached, why: CertificateError, seen: Certificate) -> Trouble {
    use CertificateError as Why;
    let host = reached.host.to_string();
    match why {
        Why::UnknownIssuer => Trouble::UnknownCa { host, issuer: seen.issuer },
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            let address = reached.address.ip().to_string();
            Trouble::HostnameMismatch { host, names: seen.names, address }
        }
        Why::Expired | Why::ExpiredContext { .. } | Why::NotValidYet | Why::NotValidYetContext { .. } => {
            out_of_date(cx, reached, seen).await
        }
        other => {
            Trouble::CertificateInvalid { host, said: other.to_string(), issuer: seen.issuer }
        }
    }
}

/// Is the certificate out of date, or this clock? The host's own clock decides.
async fn out_of_date(cx: &Cx, reached: &Reached, seen: Certificate) -> Trouble {
    let host = reached.host.to_string();
    let there = date_unverified(cx, &reached.host, reached.address).await;
    let valid = |time: &Timestamp| (seen.not_before..=seen.not_after).contains(time);
    match there.filter(valid).and_then(|there| Some((there, cx.skew(there)?))) {
        Some((there, minutes)) => Trouble::ClockSkew { host, here: cx.now(), there, minutes },
        None => {
            let Certificate { not_before, not_after, .. } = seen;
            Trouble::CertificateExpired { host, not_before, not_after }
        }
    }
}

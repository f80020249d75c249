//! Does the host prove who it is, with a certificate that is trusted here?

use std::{cell::RefCell, rc::Rc};

use jiff::Timestamp;
use rustls::CertificateError;
use serde::Serialize;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::kit::{
    Cx, HostPurpose, NoFact, StepResult,
    engine::Skew,
    net::{
        Connected, DATE_WAIT, Fault, Stream,
        pool::date_unverified,
        tls::{Certificate, Refusal, handshake},
    },
    world::Proxy,
};

/// The host, as words and as commands take it.
#[derive(Serialize)]
pub struct At {
    /// Its name.
    host: String,
    /// Name and port.
    endpoint: String,
    /// The arguments that lead openssl there.
    connect: Vec<String>,
    /// The proxy in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<Rc<Proxy>>,
}

impl At {
    fn of(connected: &Connected) -> Self {
        let through = connected.route.proxy().cloned();
        let (host, endpoint) = (connected.host.name.clone(), connected.host.endpoint());
        let mut connect = vec!["-connect".to_owned(), endpoint.clone()];
        if let Some(proxy) = &through {
            connect.extend(["-proxy".to_owned(), proxy.host().endpoint()]);
        }
        Self { host, endpoint, connect, through }
    }
}

/// What can be wrong with a handshake.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// Nobody who is trusted here signed the certificate.
    UnknownCa {
        /// The host.
        #[serde(flatten)]
        at: At,
        /// Who did.
        issuer: String,
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

/// A connection with a certificate that was found good.
#[derive(Serialize)]
pub struct Secured {
    #[serde(skip)]
    stream: RefCell<Option<TlsStream<Stream>>>,
    issuer: String,
    not_after: Timestamp,
}

impl Secured {
    /// The connection, once.
    pub(crate) fn take(&self) -> Option<TlsStream<Stream>> {
        self.stream.borrow_mut().take()
    }
}

/// Shakes hands with the host.
pub async fn secure(cx: &Cx, connected: &Connected) -> StepResult<Secured> {
    let host = &connected.host;
    if host.plain {
        return Err(NoFact::skipped(Problem::PlainHttp {}));
    }
    let refusal = match connected.stream(cx).await {
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
            Err(NoFact::skipped(Problem::PlainHttpHere {}))
        }
        refusal if !refusal.is_certain() => {
            let said = match &refusal {
                Refusal::Untrusted(why, _) => why.to_string(),
                _ => Fault::from(refusal).word().to_owned(),
            };
            Err(NoFact::could_not_tell(Problem::Incompatible { at: At::of(connected), said }))
        }
        Refusal::Broken(fault) => Err(broken(connected, fault).into()),
        Refusal::Alert(alert) => Err(Problem::Refused { at: At::of(connected), alert }.into()),
        Refusal::Untrusted(why, seen) => Err(diagnose(cx, connected, why, seen).await.into()),
    }
}

fn broken(connected: &Connected, fault: Fault) -> Problem {
    let at = At::of(connected);
    match (fault, connected.host.purpose) {
        (Fault::NotTls, _) => Problem::NotTls { at },
        (fault, HostPurpose::Data) => Problem::BlobEndpointReset { at, fault },
        (fault, _) => Problem::Reset { at, fault },
    }
}

/// Says what is wrong with a certificate.
async fn diagnose(
    cx: &Cx,
    connected: &Connected,
    why: CertificateError,
    seen: Certificate,
) -> Problem {
    use CertificateError as Why;
    let at = At::of(connected);
    match why {
        Why::UnknownIssuer => Problem::UnknownCa { at, issuer: seen.issuer },
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            let address = match (connected.route.address(), connected.route.proxy()) {
                (None, Some(proxy)) => proxy.to_string(),
                (address, _) => address.map(|a| a.ip().to_string()).unwrap_or_default(),
            };
            Problem::HostnameMismatch { at, names: seen.names, address }
        }
        Why::Expired
        | Why::ExpiredContext { .. }
        | Why::NotValidYet
        | Why::NotValidYetContext { .. } => out_of_date(cx, connected, seen).await,
        other => {
            let said = other.to_string();
            Problem::CertificateInvalid { at, said, issuer: seen.issuer }
        }
    }
}

/// Is the certificate out of date, or this clock? The host's own clock decides.
async fn out_of_date(cx: &Cx, connected: &Connected, seen: Certificate) -> Problem {
    let at = At::of(connected);
    let there = timeout(DATE_WAIT, date_unverified(cx, connected)).await.ok().flatten();
    let valid = |time: &Timestamp| (seen.not_before..=seen.not_after).contains(time);
    match there.filter(valid).and_then(|there| Some((there, cx.skew(there)?))) {
        Some((there, skew)) => Problem::ClockSkew { at, here: cx.now(), there, skew },
        None => {
            let Certificate { not_before, not_after, issuer, .. } = seen;
            Problem::CertificateExpired { at, not_before, not_after, issuer }
        }
    }
}

//! Does the host prove its identity with a certificate that is trusted here?

mod problem;

use std::cell::RefCell;

use jiff::Timestamp;
use rustls::CertificateError;
use serde::Serialize;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::kit::{
    Cx, HostPurpose, NoFact, StepResult,
    net::{
        Connected, DATE_WAIT, Fault, Stream,
        pool::date_unverified,
        tls::{Certificate, Refusal, handshake},
    },
    target::AcrHostName,
    world::{DELIVERED, TrustChange},
};
pub(crate) use problem::At;
pub use problem::{Leads, Problem, SelfSigned};

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

/// A TLS connection whose certificate is trusted.
#[derive(Serialize)]
pub struct Secured {
    #[serde(skip)]
    stream: RefCell<Option<TlsStream<Stream>>>,
    issuer: String,
    not_after: Timestamp,
    /// Whether only an authority that somebody added to the trust store vouches for the host.
    #[serde(skip)]
    is_private: bool,
    #[serde(skip)]
    host: String,
}

impl Secured {
    /// Returns the host and its issuer where only an authority that somebody added to the trust store
    /// vouches for it.
    pub(crate) fn private_issuer(&self) -> Option<(&str, &str)> {
        self.is_private.then_some((&self.host, &self.issuer))
    }

    /// Takes the connection; `None` when it was taken before.
    pub(crate) fn take(&self) -> Option<TlsStream<Stream>> {
        self.stream.borrow_mut().take()
    }
}

/// Performs the TLS handshake with the host and verifies its certificate.
pub async fn secure(cx: &Cx, connected: &Connected) -> StepResult<Secured> {
    let host = &connected.host;
    if host.plain {
        return Err(NoFact::skipped(Problem::PlainHttp {}));
    }
    let refusal = match connected.stream(cx).await {
        Err(fault) => Refusal::Broken(fault),
        Ok(stream) => match handshake(cx, host, stream).await {
            Err(refusal) => refusal,
            Ok((stream, Certificate { issuer, not_after, is_private, .. })) => {
                let (stream, host) = (RefCell::new(Some(stream)), host.name.clone());
                return Ok(Secured { stream, issuer, not_after, is_private, host });
            }
        },
    };
    match refusal {
        Refusal::Broken(Fault::NotTls) if host.may_be_plain() => {
            Err(NoFact::skipped(Problem::PlainHttpHere {}))
        }
        Refusal::UnsupportedKey(key) => {
            Err(NoFact::could_not_tell(Problem::KeyNotSupported { at: At::of(connected), key }))
        }
        Refusal::NoTrustStore => {
            let at = At::of(connected);
            Err(NoFact::could_not_tell(Problem::TrustStoreUnreadable { at }))
        }
        Refusal::MayBeTrusted(TrustChange { file, changed, started }, seen) => {
            let (at, issuer) = (At::of(connected), seen.issuer);
            let may = Problem::CaMayBeLoaded { at, issuer, file, changed, started };
            Err(NoFact::could_not_tell(may))
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

/// Returns what is wrong with an untrusted certificate.
async fn diagnose(
    cx: &Cx,
    connected: &Connected,
    why: CertificateError,
    seen: Certificate,
) -> Problem {
    use CertificateError as Why;
    let at = At::of(connected);
    match why {
        Why::UnknownIssuer if seen.is_delivered => {
            Problem::CaNotInstalled { at, issuer: seen.issuer, folder: DELIVERED.to_owned() }
        }
        // A server that has a chain to send, and sends none of it. A private authority may issue
        // certificates directly, but rarely says where its own is.
        Why::UnknownIssuer
            if seen.chain.is_empty() && seen.names_issuer_url && !seen.is_self_issued =>
        {
            Problem::ChainNotSent { at, issuer: seen.issuer }
        }
        Why::UnknownIssuer => {
            let itself = seen.names.contains(&seen.issuer) || seen.issuer == at.host;
            let itself = itself || (seen.is_self_issued && seen.chain.is_empty());
            let self_signed = itself.then_some(SelfSigned::SelfSigned);
            Problem::UnknownCa { at, issuer: seen.issuer, self_signed }
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. }
            if at.host.parse::<std::net::IpAddr>().is_ok() =>
        {
            Problem::NoIpSan { at, names: seen.names }
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            let address = match (connected.route.address(), connected.route.proxy()) {
                (None, Some(proxy)) => proxy.to_string(),
                (address, _) => address.map(|a| a.ip().to_string()).unwrap_or_default(),
            };
            let of_azure = |name: &String| AcrHostName::read(&name.replace("*.", "any.")).is_some();
            let is_alias = connected.host.azure().is_none() && seen.names.iter().any(of_azure);
            let leads = if is_alias { Leads::AliasOfAzure } else { Leads::AnotherServer };
            Problem::HostnameMismatch { at, names: seen.names, address, leads }
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

/// Returns which is wrong, the certificate or this machine's clock. The host's own clock decides.
async fn out_of_date(cx: &Cx, connected: &Connected, seen: Certificate) -> Problem {
    let (at, now) = (At::of(connected), cx.now());
    let is_valid = |from: Timestamp, until: Timestamp| (from..=until).contains(&now);
    let expired = seen.chain.iter().find(|link| !is_valid(link.not_before, link.not_after));
    if let Some(link) = expired.filter(|_| is_valid(seen.not_before, seen.not_after)) {
        let (subject, not_before, not_after) =
            (link.subject.clone(), link.not_before, link.not_after);
        return Problem::ChainExpired { at, subject, not_before, not_after };
    }
    let there = timeout(DATE_WAIT, date_unverified(cx, connected)).await.ok().flatten();
    let valid = |time: &Timestamp| (seen.not_before..=seen.not_after).contains(time);
    match there.filter(valid).and_then(|there| Some((there, cx.skew(there)?))) {
        Some((there, skew)) => Problem::ClockSkew { at, here: cx.now(), there, skew },
        None => {
            let Certificate { not_before, not_after, issuer, .. } = seen;
            let days = |from: Timestamp, to: Timestamp| {
                (from < to).then(|| to.duration_since(from).as_hours() / 24)
            };
            let (expired_days, early_days) = (days(not_after, now), days(now, not_before));
            Problem::CertificateExpired {
                at,
                expired_days,
                early_days,
                not_before,
                not_after,
                issuer,
            }
        }
    }
}

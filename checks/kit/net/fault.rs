//! The ways in which a connection fails, each with one evidence word.

use std::{error::Error, fmt, io};

use rustls::AlertDescription;
use serde::{Serialize, Serializer};
use strum::VariantNames;

/// What hyper says of more headers than it was told to read.
const TOO_LARGE: &str = "message head is too large";

/// How a connection failed. Its text is an evidence word that `evidence.toml` translates, or text
/// from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Nothing came before our timeout.
    TimedOut,
    /// The other end, or a firewall, actively refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// The peer closed the connection where a response was due.
    ClosedByPeer,
    /// This machine has no route to the address.
    NoRoute,
    /// The other end does not speak TLS.
    NotTls,
    /// The other end does not speak HTTP.
    NotHttp,
    /// The content is longer than the limit.
    TooLong,
    /// There are more headers than this program reads.
    HeadTooLong,
    /// The headers are longer than Go reads.
    HeadOverLimit,
    /// The HTTP status is one that Go accepts, and this program cannot hold.
    OddStatus,
    /// The URL holds what this program cannot send as it is written, and Go can.
    Unsendable,
    /// The certificate is not trusted.
    Certificate,
    /// This machine's trust store cannot be read.
    NoTrustStore,
    /// The response is no DNS message, or does not answer this query.
    NotDns,
    /// The name has no address.
    NoAddress,
    /// The peer ended TLS with this alert.
    Alert(String),
    /// Another error, as a library or the peer words it.
    Other(String),
}

impl Fault {
    /// Returns the fault behind a library's error, however deeply it is nested.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let (mut next, mut http) = (Some(error), false);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<Fault>() {
                return fault.clone();
            }
            if let Some(io) = error.downcast_ref::<io::Error>() {
                // `io::Error::source()` skips the error that the `io::Error` wraps.
                match io.get_ref() {
                    Some(inner) if io.kind() == io::ErrorKind::Other => return Self::of(inner),
                    _ => return Self::from(io),
                }
            }
            if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
                http = true;
                if hyper.is_parse() {
                    // hyper tells servers alone which error of parsing this is.
                    if hyper.to_string() == TOO_LARGE {
                        return Fault::HeadTooLong;
                    }
                    return Fault::NotHttp;
                }
                if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() {
                    return Fault::ClosedByPeer;
                }
            }
            if error.source().is_none() {
                // The sources of an HTTP error only repeat it in the library's own wording.
                return if http { Fault::NotHttp } else { Fault::Other(error.to_string()) };
            }
            next = error.source();
        }
        Fault::ClosedByPeer
    }

    /// The words of evidence among its texts.
    pub const WORDS: &[&str] = &[
        "timed-out",
        "refused",
        "reset",
        "closed-by-peer",
        "no-route",
        "not-tls",
        "not-http",
        "too-long",
        "head-too-long",
        "head-over-limit",
        "odd-status",
        "url-not-sendable",
        "certificate-not-trusted",
        "trust-store-unreadable",
        "not-dns",
        "no-address",
    ];

    /// Returns whether it is a limit of this program, and says nothing about a container runtime.
    pub fn is_ours(&self) -> bool {
        matches!(self, Fault::TooLong | Fault::HeadTooLong | Fault::OddStatus | Fault::Unsendable)
    }

    /// The word.
    pub fn word(&self) -> &str {
        match self {
            Fault::TimedOut => "timed-out",
            Fault::Refused => "refused",
            Fault::Reset => "reset",
            Fault::ClosedByPeer => "closed-by-peer",
            Fault::NoRoute => "no-route",
            Fault::NotTls => "not-tls",
            Fault::NotHttp => "not-http",
            Fault::TooLong => "too-long",
            Fault::HeadTooLong => "head-too-long",
            Fault::HeadOverLimit => "head-over-limit",
            Fault::OddStatus => "odd-status",
            Fault::Unsendable => "url-not-sendable",
            Fault::Certificate => "certificate-not-trusted",
            Fault::NoTrustStore => "trust-store-unreadable",
            Fault::NotDns => "not-dns",
            Fault::NoAddress => "no-address",
            Fault::Alert(said) | Fault::Other(said) => said,
        }
    }
}

impl From<&io::Error> for Fault {
    fn from(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return Fault::Alert(alert_name(*alert));
        }
        match error.kind() {
            Kind::TimedOut => Fault::TimedOut,
            Kind::ConnectionRefused => Fault::Refused,
            Kind::ConnectionReset | Kind::BrokenPipe => Fault::Reset,
            Kind::ConnectionAborted | Kind::UnexpectedEof => Fault::ClosedByPeer,
            // What hyper says of chunks that are none.
            Kind::InvalidInput => Fault::NotHttp,
            Kind::NetworkUnreachable | Kind::HostUnreachable | Kind::AddrNotAvailable => {
                Fault::NoRoute
            }
            _ => Fault::Other(error.to_string()),
        }
    }
}

impl Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

/// One attempt and its result: a line of evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// The address or the name server that was tried.
    pub who: String,
    /// Why it failed.
    pub fault: Fault,
}

/// The stages of connecting to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Stage {
    /// Resolving the name.
    Dns,
    /// Opening a TCP connection.
    Tcp,
    /// The TLS handshake, with its certificate.
    Tls,
    /// The proxy.
    Proxy,
}

/// The stage at which connecting to a host failed, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectError {
    /// The stage that failed.
    pub stage: Stage,
    /// Why it failed.
    pub fault: Fault,
    /// Whether a container runtime would fail in the same way.
    pub certain: bool,
}

impl ConnectError {
    /// Returns an error that a container runtime would hit as well.
    pub fn at(stage: Stage, fault: Fault) -> Self {
        Self { stage, fault, certain: true }
    }
}

/// Returns an alert's name as RFC 8446 and other tools write it: `handshake_failure` for
/// `HandshakeFailure`.
pub(super) fn alert_name(alert: AlertDescription) -> String {
    let name = format!("{alert:?}");
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake.replace("recognised", "recognized")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_faults() {
        use Fault::{
            Certificate, ClosedByPeer, HeadOverLimit, HeadTooLong, NoAddress, NoRoute,
            NoTrustStore, NotDns, NotHttp, NotTls, OddStatus, Refused, Reset, TimedOut, TooLong,
            Unsendable,
        };
        let all = [
            TimedOut,
            Refused,
            Reset,
            ClosedByPeer,
            NoRoute,
            NotTls,
            NotHttp,
            TooLong,
            HeadTooLong,
            HeadOverLimit,
            OddStatus,
            Unsendable,
            Certificate,
            NoTrustStore,
            NotDns,
            NoAddress,
        ];
        let words: Vec<&str> = all.iter().map(Fault::word).collect();
        assert_eq!(words, Fault::WORDS);
    }
}

//! How a connection fails, in one word.

use std::{error::Error, fmt, io};

use rustls::AlertDescription;
use serde::{Serialize, Serializer};
use strum::VariantNames;

/// How a connection failed. Its text is a word that the words translate, or a foreign text.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Silence until we gave up.
    TimedOut,
    /// Something actively said no.
    Refused,
    /// Cut with a reset.
    Reset,
    /// Closed where an answer was due.
    ClosedByPeer,
    /// This machine has no way there.
    NoRoute,
    /// The other end does not speak TLS.
    NotTls,
    /// The other end does not speak HTTP, or says more than can be read.
    NotHttp,
    /// More than is read.
    TooLong,
    /// The certificate is not to be trusted.
    Certificate,
    /// This machine's trust store cannot be read.
    NoTrustStore,
    /// What answered is no DNS message, or not the answer to this question.
    NotDns,
    /// The name has no address.
    NoAddress,
    /// TLS was ended by the other end, with this alert.
    Alert(String),
    /// Something else, in the words of a library or of the other end.
    Other(String),
}

impl Fault {
    /// The fault behind an error of a library, however deep it sits.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let (mut next, mut http) = (Some(error), false);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<Fault>() {
                return fault.clone();
            }
            if let Some(io) = error.downcast_ref::<io::Error>() {
                // The payload of an io::Error is skipped by its own source().
                match io.get_ref() {
                    Some(inner) if io.kind() == io::ErrorKind::Other => return Self::of(inner),
                    _ => return Self::from(io),
                }
            }
            if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
                http = true;
                if hyper.is_parse() {
                    return Fault::NotHttp;
                }
                if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() {
                    return Fault::ClosedByPeer;
                }
            }
            if error.source().is_none() {
                // Below HTTP's own errors there are only more of them, in a library's words.
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
        "certificate-not-trusted",
        "trust-store-unreadable",
        "not-dns",
        "no-address",
    ];

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

/// Who was tried and what came of it: a line of evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// An address or a name server.
    pub who: String,
    /// What came of it.
    pub fault: Fault,
}

/// The stages of the way to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Stage {
    /// Its name.
    Dns,
    /// A connection.
    Tcp,
    /// A certificate.
    Tls,
    /// A way through the proxy.
    Proxy,
}

/// Where the way to a host ended, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectError {
    /// At this stage.
    pub stage: Stage,
    /// How.
    pub fault: Fault,
    /// Whether a container runtime would get no further, either.
    pub certain: bool,
}

impl ConnectError {
    /// The way ends here for everybody.
    pub fn at(stage: Stage, fault: Fault) -> Self {
        Self { stage, fault, certain: true }
    }
}

/// `HandshakeFailure` as the standard and other tools write it: `handshake_failure`.
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

//! How long the outside may take: each wait is bounded, and shorter than the budget of its step.

use std::time::Duration;

/// How long a name server may take; a query is sent again after each second of it.
pub const DNS_WAIT: Duration = Duration::from_secs(5);
/// How long a connection may take: enough for a lost first packet and a lost second one.
pub const TCP_WAIT: Duration = Duration::from_secs(5);
/// How long a TLS handshake may take: as long as containerd waits for one.
pub const TLS_WAIT: Duration = Duration::from_secs(10);
/// How long the whole way to a host may take that no step of its own leads to: longer than its
/// parts, of which one is reading the trust store, so that where it ends is known.
pub const OPEN_WAIT: Duration = Duration::from_secs(34);
/// How long the look at the clock of a host may take whose certificate is out of date.
pub const DATE_WAIT: Duration = Duration::from_secs(15);
/// How long a server may take to begin its answer.
pub const HTTP_WAIT: Duration = Duration::from_secs(15);
/// How long a question may take as a whole, wherever it is sent on to.
pub const FOLLOW_WAIT: Duration = Duration::from_secs(30);
/// How long a body may stay silent, and how long a small one may take as a whole.
pub const BODY_WAIT: Duration = Duration::from_secs(15);
/// How long it may take to see whether a refusal is meant for every connection.
pub const SETTLE_WAIT: Duration = Duration::from_secs(12);

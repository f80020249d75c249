//! The only code that opens a socket: DNS, TCP, TLS and HTTP at a low level, because high-level
//! clients hide what a diagnosis needs. Every wait is bounded and every exchange is recorded.

mod certificate;
mod challenge;
mod chunked_reader;
mod chunks;
pub mod client;
pub mod dns;
mod dns_answer;
mod encoding;
mod fault;
pub mod http;
mod http1;
mod oci_error;
pub mod pool;
mod reach;
mod redirect;
pub mod reply;
mod request;
pub mod resolver;
mod route;
mod signatures;
mod signed_in;
pub mod tcp;
pub mod tls;
pub mod tunnel;
mod verifier;
mod waits;

pub use challenge::{Challenge, challenges, hides_bearer};
pub use dns_answer::{DnsAnswer, NoAnswer, Question, read as read_dns_answer};
pub use encoding::OddEncoding;
pub use fault::{ConnectError, Fault, Stage, Tried};
pub use http::Connection;
pub use oci_error::ErrorBody;
pub use reach::reach;
pub use redirect::{BadLocation, MAX_REDIRECTS, redirect, redirected, userinfo};
pub use reply::{MAX_STALLED_RETRIES, Reply, Rest};
pub use request::Request;
pub use route::{AddressKind, Connected, ProxyUse, Route};
pub use signed_in::SignedIn;
pub use tcp::Stream;
pub use waits::*;

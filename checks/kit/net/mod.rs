//! The only code that opens a socket: DNS, TCP, TLS and HTTP by hand, each wait bounded and each
//! exchange recorded, because high-level clients hide exactly what a diagnosis needs.

mod challenge;
mod chunked_reader;
pub mod dns;
mod fault;
pub mod http;
mod http1;
mod oci_error;
pub mod pool;
mod reach;
mod redirect;
pub mod reply;
mod route;
pub mod tcp;
pub mod tls;
pub mod tunnel;
mod waits;

pub use challenge::{Challenge, challenges};
pub use fault::{ConnectError, Fault, Stage, Tried};
pub use http::{Connection, Request};
pub use oci_error::ErrorBody;
pub use reach::reach;
pub use redirect::redirect;
pub use reply::Reply;
pub use route::{AddressKind, Connected, ProxyUse, Route};
pub use tcp::Stream;
pub use waits::*;

//! The grammars of containerd, Go and the kubelet, as pure functions.

mod digest;
mod fields;
mod no_proxy;
mod pattern;
mod platform;
mod proxy_url;
mod reference;

pub use digest::{Hasher, digest};
pub use fields::{Fields, Malformed};
pub use no_proxy::NoProxy;
pub use pattern::{Differs, Pattern, glob_matches};
pub use platform::{Fit, Platform};
pub use proxy_url::{ProxyUrl, ProxyUrlError};
pub use reference::ReferenceError;
pub(crate) use reference::{is_tag, read as read_reference};

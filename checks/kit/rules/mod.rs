//! The grammars of containerd, Go and the kubelet, as pure functions.

mod digest;
pub mod docker_hub;
mod duration;
mod environment;
mod fields;
mod flags;
mod go_build;
pub mod go_json;
mod go_parse;
mod go_url;
mod guid;
mod malformed;
mod no_proxy;
mod pattern;
mod pem;
mod platform;
mod process;
mod proxy_url;
mod reference;

pub use digest::{Hasher, digest, is_storable};
pub use duration::go_duration;
pub use environment::{SystemdSection, environ, environment_file};
pub use fields::Fields;
pub use flags::KubeletFlags;
pub use go_build::GoBuild;
pub use go_url::{request_path, request_url};
pub use guid::is_guid;
pub use malformed::{Malformed, Unusable};
pub use no_proxy::NoProxy;
pub use pattern::{Differs, Pattern, glob_matches};
pub use pem::{PemBlock, authorities_in, pem_blocks};
pub use platform::{Fit, Platform};
pub use process::{command_line, flag, system_unit};
pub use proxy_url::{ProxyUrl, ProxyUrlError};
pub use reference::ReferenceError;
pub(crate) use reference::{is_tag, read as read_reference};

//! What every check is made of. Names no area.

pub mod azure;
mod cx;
mod digest;
mod event;
mod feed;
mod fields;
mod files;
mod finding;
mod host;
mod messages;
pub mod net;
mod no_proxy;
mod pattern;
mod plan;
mod platform;
pub mod process;
mod proxies;
mod proxy_url;
mod redact;
mod reference;
mod sanitize;
mod secret;
mod target;
mod template;
mod world;

/// The table of areas: for each module its name, the names of its problems and its words.
#[macro_export]
macro_rules! areas {
    ($($area:ident),+ $(,)?) => {
        $(impl $crate::kit::Findings for $area::Problem {
            const AREA: &'static str = stringify!($area);
        })+
        /// Every area: its name, the names of its problems, its words.
        pub const AREAS: &[$crate::kit::Area] = &[
            $crate::kit::RUN,
            $($crate::kit::Area {
                name: stringify!($area),
                problems: <$area::Problem as strum::VariantNames>::VARIANTS,
                messages: include_str!(concat!(stringify!($area), "/findings.toml")),
            }),+
        ];
    };
}

/// An area as the words and the tests see it.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// The part of a code before the slash.
    pub name: &'static str,
    /// The names of its problems: the part of a code after the slash.
    pub problems: &'static [&'static str],
    /// Its `findings.toml`.
    pub messages: &'static str,
}

/// What can go wrong with running a step at all, whatever its area.
pub const RUN: Area = Area {
    name: "run",
    problems: <plan::Problem as strum::VariantNames>::VARIANTS,
    messages: include_str!("findings.toml"),
};

pub use azure::{AcrHostKind, AcrHostName, Cloud};
pub use cx::{Cx, Listener, Local, Skew};
pub use digest::{Hasher, digest};
pub use event::{Event, EventKind, StepEnd, VERSION};
pub use feed::Feed;
pub use fields::{Fields, Malformed};
pub use files::{FILE_WAIT, FileError, yaml, yaml_loosely};
pub use finding::{Finding, Findings, NoFact, StepResult};
pub use host::{Host, HostPurpose, is_private};
pub use messages::{Entry, FilledFix, Fix, Lang, Messages, MessagesError, Mode, Severity, Text};
pub use no_proxy::NoProxy;
pub use pattern::{Differs, Pattern, glob_matches};
pub use plan::{Check, Fact, Inputs, Plan, Problem as RunProblem, Step};
pub use platform::{Fit, Platform};
pub use proxies::{Proxies, Proxy, ProxyDecision};
pub use proxy_url::{ProxyUrl, ProxyUrlError};
pub(crate) use reference::is_tag;
pub use sanitize::sanitize_text;
pub use secret::{Secret, claims};
pub use target::{Image, InvalidReference, RegistryOrImage, SignIn, Target, Who};
pub use world::{AZURE_JSON, CREDENTIAL_PROVIDERS, VARIABLES, World};

//! What every check is made of, in floors: a file imports from its own folder or from lower floors. Names no area.

// Floor 1
pub mod redact;
// Floor 2
pub mod rules;
// Floor 3
pub mod target;
// Floor 4
pub mod world;
// Floor 5
pub mod engine;
// Floor 6
pub mod messages;
pub mod net;
// Floor 7
pub mod azure;

// What the author of a check needs.
pub use engine::{Cx, Fact, Feed, Findings, Local, NoFact, Plan, Step, StepResult};
pub use redact::{Secret, sanitize_text};
pub use target::{Cloud, Host, HostPurpose, Image, RegistryOrImage, Target};
pub use world::World;

/// The table of areas: for each module its name, the names of its problems and its words.
#[macro_export]
macro_rules! areas {
    ($($area:ident),+ $(,)?) => {
        $(impl $crate::kit::Findings for $area::Problem {
            const AREA: &'static str = stringify!($area);

            fn severity(name: &str) -> $crate::kit::engine::Severity {
                $crate::severity(stringify!($area), name)
            }
        })+
        /// Every area: its name, the names of its problems, its words.
        pub const AREAS: &[$crate::kit::messages::Area] = &[
            $crate::kit::messages::RUN,
            $($crate::kit::messages::Area {
                name: stringify!($area),
                problems: <$area::Problem as strum::VariantNames>::VARIANTS,
                messages: include_str!(concat!(stringify!($area), "/findings.toml")),
            }),+
        ];
    };
}

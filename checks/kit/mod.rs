//! The parts that every check uses, in floors: a file imports only from its own folder or from
//! lower floors. Nothing here names an area.

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
pub mod keyring;
// Floor 6
pub mod messages;
pub mod net;
// Floor 7
pub mod azure;
pub mod kube;

// What a check needs.
pub use engine::{Cx, Fact, Feed, Findings, Local, NoFact, Plan, Step, StepResult};
pub use redact::{Secret, sanitize_text};
pub use target::{Cloud, Host, HostPurpose, Image, RegistryOrImage, Target};
pub use world::World;

/// An area, for the tests.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// The part of a code before the slash.
    pub name: &'static str,
    /// The names of its problems: the part of a code after the slash.
    pub problems: &'static [&'static str],
}

/// Generates the table of areas, and ties each module's problems to its name and its messages.
#[macro_export]
macro_rules! areas {
    ($($area:ident),+ $(,)?) => {
        $crate::areas!(@ run: $crate::kit::engine::RunProblem, job: $crate::kit::kube::JobProblem, $($area: $area::Problem),+);
    };
    (@ $($area:ident: $problem:path),+) => {
        $(impl $crate::kit::Findings for $problem {
            const AREA: &'static str = stringify!($area);

            fn severity(code: &str) -> $crate::kit::engine::Severity {
                $crate::severity(code)
            }
        })+
        /// Every area: its name, and the names of its problems.
        pub const AREAS: &[$crate::kit::Area] = &[
            $($crate::kit::Area {
                name: stringify!($area),
                problems: <$problem as strum::VariantNames>::VARIANTS,
            }),+
        ];
    };
}

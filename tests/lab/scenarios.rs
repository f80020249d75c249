//! The scenarios, carried in the program: healthy first, the rest by area and name.

/// A scenario as its file has it.
#[derive(Debug)]
pub struct ScenarioFile {
    /// The file's name without its ending.
    pub name: &'static str,
    /// The folder that it is in; none for healthy.
    pub area: &'static str,
    /// What it says.
    pub text: &'static str,
}

/// What `build.rs` found in `tests/scenarios`.
const EMBEDDED: &[ScenarioFile] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// Returns the embedded scenarios: healthy first, the rest by area and name.
#[must_use]
pub fn scenarios() -> &'static [ScenarioFile] {
    EMBEDDED
}

/// Returns the text of the embedded scenario of that name.
pub(crate) fn text_of(name: &str) -> Option<&'static str> {
    Some(EMBEDDED.iter().find(|scenario| scenario.name == name)?.text)
}

/// Returns the world that all scenarios differ from.
pub(crate) fn healthy() -> &'static str {
    EMBEDDED[0].text
}

//! The scenarios, embedded in the program: healthy first, the rest by area and name.

/// An embedded scenario file.
#[derive(Debug)]
pub struct ScenarioFile {
    /// The file name without its extension.
    pub name: &'static str,
    /// The folder of the file; none for healthy.
    pub area: &'static str,
    /// The text of the file.
    pub text: &'static str,
}

/// The files that `build.rs` found in `tests/scenarios`.
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

/// Returns the healthy world, from which all scenarios differ.
pub(crate) fn healthy() -> &'static str {
    EMBEDDED[0].text
}

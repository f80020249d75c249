//! The scenarios, carried in the program: healthy first, the rest sorted.

macro_rules! embed {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../scenarios/", $name, ".toml")))),+]
    };
}

const EMBEDDED: &[(&str, &str)] = embed!["healthy"];

/// Names and texts of the embedded scenarios: healthy first, the rest sorted.
#[must_use]
pub fn scenarios() -> &'static [(&'static str, &'static str)] {
    EMBEDDED
}

/// The world that all scenarios differ from.
pub(crate) fn healthy() -> &'static str {
    EMBEDDED[0].1
}

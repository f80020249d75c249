//! Errors that prevent a lab from starting.

use std::fmt;

/// Why a scenario could not be read or its world could not start.
#[derive(Debug)]
pub enum Error {
    /// The scenario contains something that the lab does not understand.
    Scenario(String),
    /// The system refused a socket.
    Io(std::io::Error),
    /// The certificates could not be created.
    Certificate(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenario(why) => write!(f, "scenario: {why}"),
            Self::Io(why) => write!(f, "lab: {why}"),
            Self::Certificate(why) => write!(f, "lab certificates: {why}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(why: std::io::Error) -> Self {
        Self::Io(why)
    }
}

impl From<toml::de::Error> for Error {
    fn from(why: toml::de::Error) -> Self {
        Self::Scenario(why.to_string())
    }
}

impl From<rcgen::Error> for Error {
    fn from(why: rcgen::Error) -> Self {
        Self::Certificate(why.to_string())
    }
}

impl From<rustls::Error> for Error {
    fn from(why: rustls::Error) -> Self {
        Self::Certificate(why.to_string())
    }
}

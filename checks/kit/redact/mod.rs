//! Secrets, and untrusted text made safe to print.

mod sanitize;
mod secret;
mod urls;
mod words;

pub use sanitize::sanitize_text;
pub(crate) use sanitize::{sanitize, sanitize_owned};
pub use secret::{Secret, claims};
pub use words::{foreign_words, without_logins, without_secrets};

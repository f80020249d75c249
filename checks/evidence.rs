//! The words that evidence may hold: an enum for each set of them, listed here for the tests.
//!
//! Every word has a text in `evidence.toml`, and every text there is a word of one of these sets.

/// Every set of words, by its enum (`<Enum as strum::VariantNames>::VARIANTS`).
pub const WORDS: &[&[&str]] = &[];

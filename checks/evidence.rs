//! The words that evidence may hold: an enum for each set of them, listed here for the tests.
//!
//! Every word has a text in `evidence.toml`, and every text there is a word of one of these sets.

use strum::VariantNames;

use crate::{
    dns::{AddressKind, KnownFrom},
    kit::{engine::Direction, rules::ReferenceError},
    proxy::Shown,
};

/// Every set of words, by its enum (`<Enum as strum::VariantNames>::VARIANTS`).
pub const WORDS: &[&[&str]] = &[
    AddressKind::VARIANTS,
    Direction::VARIANTS,
    KnownFrom::VARIANTS,
    ReferenceError::VARIANTS,
    Shown::VARIANTS,
];

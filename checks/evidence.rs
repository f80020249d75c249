//! The words that evidence may hold and that are enums, listed here for the tests: each has a text
//! in `evidence.toml`.

use strum::VariantNames;

use crate::{
    dns::{Known, Reach},
    identity::NearMiss,
    kit::{
        engine::Direction,
        net::{AddressKind, ProxyUse, Stage},
        rules::ReferenceError,
    },
    layer::Verified,
    manifest::Kind,
    proxy::Shown,
};

/// Every set of words, by its enum (`<Enum as strum::VariantNames>::VARIANTS`).
pub const WORDS: &[&[&str]] = &[
    Reach::VARIANTS,
    Known::VARIANTS,
    NearMiss::VARIANTS,
    AddressKind::VARIANTS,
    ProxyUse::VARIANTS,
    Stage::VARIANTS,
    Direction::VARIANTS,
    Verified::VARIANTS,
    Kind::VARIANTS,
    ReferenceError::VARIANTS,
    Shown::VARIANTS,
];

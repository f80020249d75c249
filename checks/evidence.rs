//! The words that evidence may hold and that are enums, listed here for the tests: each has a text
//! in `evidence.toml`.

use strum::VariantNames;

use crate::{
    dns::{Known, Reach},
    identity::{Absent, Answered, CandidateKind, ManagementAudience},
    kit::{
        engine::Direction,
        keyring::NearMiss,
        net::{AddressKind, Fault, ProxyUse, Stage},
        rules::{Malformed, ReferenceError},
        world::{FileError, ProcessError},
    },
    kubelet::{MissedBy, NotReplayed, ProviderFault, SignInKind},
    layer::Verified,
    manifest::{ArtifactKind, DigestProof, Flaw, HeadField, Kind, Lone},
    proxy::Shown,
    registry::{AuthScheme, NoChallenge},
    runtime::NotFollowed,
    tls::{Leads, SelfSigned},
    token::{Access, AnonymousAnswer, ManagementToken, NoAnswer, NoTenant, Scopes, SignedIn},
};

/// Every set of words, by its enum (`<Enum as strum::VariantNames>::VARIANTS`); of an enum that
/// holds foreign texts as well, the words among its texts.
pub const WORDS: &[&[&str]] = &[
    Absent::VARIANTS,
    AddressKind::VARIANTS,
    AnonymousAnswer::VARIANTS,
    Answered::VARIANTS,
    ArtifactKind::VARIANTS,
    AuthScheme::WORDS,
    CandidateKind::VARIANTS,
    DigestProof::VARIANTS,
    Direction::VARIANTS,
    Fault::WORDS,
    FileError::WORDS,
    Flaw::VARIANTS,
    HeadField::VARIANTS,
    Kind::VARIANTS,
    Known::VARIANTS,
    Leads::VARIANTS,
    Lone::VARIANTS,
    Malformed::VARIANTS,
    ManagementAudience::VARIANTS,
    ManagementToken::VARIANTS,
    MissedBy::VARIANTS,
    NearMiss::VARIANTS,
    NoAnswer::VARIANTS,
    NoChallenge::VARIANTS,
    Access::VARIANTS,
    NoTenant::VARIANTS,
    NotFollowed::VARIANTS,
    NotReplayed::VARIANTS,
    ProcessError::WORDS,
    ProviderFault::VARIANTS,
    ProxyUse::VARIANTS,
    Reach::VARIANTS,
    ReferenceError::VARIANTS,
    Scopes::VARIANTS,
    SelfSigned::VARIANTS,
    Shown::VARIANTS,
    SignInKind::VARIANTS,
    SignedIn::VARIANTS,
    Stage::VARIANTS,
    Verified::VARIANTS,
];

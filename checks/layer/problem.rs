//! What the area `layer` can find wrong.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    kit::{engine::Skew, net::Fault},
    manifest::Build,
};

/// What can be wrong with the bytes of an image.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The manifest names a blob that is not there.
    BlobMissing(Refused),
    /// The storage refuses this network.
    BlobServiceEndpointPolicy(Refused),
    /// The storage does not take the signature in the URL.
    BlobSasRejected(Unsigned),
    /// The host that serves the bytes refuses for a reason of its own.
    BlobRefused(Refused),
    /// It fails.
    BlobOutage(Refused),
    /// The bytes stop before the end.
    BlobUnexpectedEof(Broken),
    /// They stop, and the rest comes without saying which part it is: could not tell.
    BlobRestUnclear(Broken),
    /// The bytes stop before the end, and go on when they are asked for.
    BlobResumed {
        /// Who sent them.
        host: String,
        /// How often.
        times: usize,
    },
    /// The bytes stop coming, and the connection stays. A runtime waits longer: could not tell.
    PullProgressTimeout {
        /// How long we waited.
        seconds: u64,
        /// What there was by then.
        #[serde(flatten)]
        broken: Broken,
    },
    /// They are not the bytes that the digest names.
    BlobDigestMismatch {
        /// Who sent them.
        host: String,
        /// The digest that was due.
        digest: String,
        /// The digest of what came.
        got: String,
    },
    /// The config is longer than what is read: could not tell.
    ConfigTooLong {
        /// What the manifest says.
        bytes: u64,
    },
    /// A lone manifest for another platform: it is pulled, and will not run.
    OtherPlatform {
        /// What was needed.
        wanted: String,
        /// What the config says.
        built_for: String,
        /// How to build it for both.
        #[serde(flatten)]
        build: Build,
    },
    /// The bytes come, but slowly.
    Slow {
        /// Who sends them.
        host: String,
        /// How many came.
        got: u64,
        /// In how long.
        seconds: u64,
    },
}

/// A blob that was refused.
#[derive(Serialize)]
pub struct Refused {
    pub(super) host: String,
    pub(super) digest: String,
    pub(super) status: u16,
    /// The storage's or the registry's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    /// For support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
}

/// A blob that broke off.
#[derive(Serialize)]
pub struct Broken {
    pub(super) host: String,
    pub(super) digest: String,
    /// The bytes that came.
    pub(super) got: u64,
    /// The bytes that were due, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<u64>,
    pub(super) fault: Fault,
}

/// A signed URL that was not taken, and what of the times in it is known.
#[derive(Serialize)]
pub struct Unsigned {
    #[serde(flatten)]
    pub(super) refused: Refused,
    /// Until when the URL holds, where it says so and that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expired: Option<Timestamp>,
    /// What time it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) there: Option<Timestamp>,
    /// How far this clock is from it.
    #[serde(flatten)]
    pub(super) skew: Option<Skew>,
}

//! The problems that the area `layer` can find.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    kit::{engine::Skew, net::Fault},
    manifest::Build,
};

/// A problem with the bytes of an image.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The manifest names a blob that does not exist.
    BlobMissing(Refused),
    /// The storage refuses this network.
    BlobServiceEndpointPolicy(Refused),
    /// The storage rejects the signature in the URL.
    BlobSasRejected(Unsigned),
    /// The host that serves the blob refuses it for a reason of its own.
    BlobRefused(Refused),
    /// The host that serves the blob fails or throttles.
    BlobOutage(Refused),
    /// The download stops before the end of the blob.
    BlobUnexpectedEof(Broken),
    /// The download stops, and the response with the rest does not say which part it holds: could
    /// not tell.
    BlobRestUnclear(Broken),
    /// The download stops before the end of the blob and resumes when the rest is requested.
    BlobResumed {
        /// The host that sent the bytes.
        host: String,
        /// How often the download was resumed.
        times: usize,
    },
    /// No more bytes arrive, but the connection stays open. A runtime waits longer: could not tell.
    PullProgressTimeout {
        /// How many seconds we waited.
        seconds: u64,
        /// The blob, and what had arrived of it by then.
        #[serde(flatten)]
        broken: Broken,
    },
    /// The bytes do not match the digest.
    BlobDigestMismatch {
        /// The host that sent the bytes.
        host: String,
        /// The expected digest.
        digest: String,
        /// The digest of the bytes that arrived.
        #[serde(skip_serializing_if = "Option::is_none")]
        got: Option<String>,
        /// The size that was exceeded.
        #[serde(skip_serializing_if = "Option::is_none")]
        more_than: Option<u64>,
    },
    /// The uncompressed bytes of a layer do not have the digest that the config states.
    WrongDiffId {
        /// The digest of the layer.
        digest: String,
        /// The diff id in the config.
        wanted: String,
        /// The digest of the uncompressed bytes.
        got: String,
    },
    /// A layer does not decompress.
    NotUnpackable {
        /// The digest of the layer.
        digest: String,
        /// What the decompressor says.
        said: String,
    },
    /// A layer decompresses, and containerd cannot extract the archive.
    NoArchive {
        /// The digest of the layer.
        digest: String,
        /// What Go says of it.
        said: String,
    },
    /// A layer was not decompressed to its end: could not tell.
    DiffIdUnknown {
        /// The digest of the layer.
        digest: String,
    },
    /// The files of a layer were not laid out, so whether they fit together is open: could not tell.
    FilesUnknown {
        /// The digest of the layer.
        digest: String,
    },
    /// A host serves the layer, but not to the credentials that a runtime sends along.
    AuthorizationUnwanted {
        /// The registry.
        registry: String,
        /// The host that serves the layer.
        host: String,
        /// The HTTP status of the response.
        status: u16,
        /// The code and message of the host.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// The signed URL is not valid now, by the clock of the host that serves the layer.
    SignedUrlExpired(Unsigned),
    /// The host that serves the layer computes another signature than the URL has.
    SignatureMismatch(Refused),
    /// The host that serves the layer does not let who signed the URL read it.
    SignerRejected(Refused),
    /// The config is larger than the limit, so it was not read: could not tell.
    ConfigTooLong {
        /// The size that the manifest states.
        bytes: u64,
    },
    /// A single manifest is for another platform: it can be pulled but will not run.
    OtherPlatform {
        /// The platform that was requested.
        wanted: String,
        /// The platform that the config names.
        built_for: String,
        /// How to build the image for both platforms.
        #[serde(flatten)]
        build: Build,
    },
    /// The bytes arrive, but slowly.
    Slow {
        /// The host that sends the bytes.
        host: String,
        /// The number of bytes that arrived.
        got: u64,
        /// How many seconds that took.
        seconds: u64,
    },
}

/// A blob that was refused.
#[derive(Serialize)]
pub struct Refused {
    pub(super) host: String,
    pub(super) digest: String,
    pub(super) status: u16,
    /// The code and message of the storage or the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    /// The correlation id, for a support request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
}

/// A blob whose download stopped.
#[derive(Serialize)]
pub struct Broken {
    pub(super) host: String,
    pub(super) digest: String,
    /// The number of bytes that arrived.
    pub(super) got: u64,
    /// The size of the blob in bytes, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<u64>,
    pub(super) fault: Fault,
}

/// A signed URL that was rejected, and what is known about the times that matter to it.
#[derive(Serialize)]
pub struct Unsigned {
    #[serde(flatten)]
    pub(super) refused: Refused,
    /// The time at which the URL expired, if it states one and that time has passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expired: Option<Timestamp>,
    /// The time on the clock of the host that rejected the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) there: Option<Timestamp>,
    /// How far this clock is from that host's clock.
    #[serde(flatten)]
    pub(super) skew: Option<Skew>,
}

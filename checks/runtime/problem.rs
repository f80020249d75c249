//! The problems of the area `runtime`.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::stops::StopsBy;
use crate::kit::{redact::without_logins, world::Seen};

/// What can be wrong with the way that containerd goes for an image.
#[derive(Clone, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// A file that decides the way cannot be read: could not tell.
    ConfigUnreadable {
        /// The file or directory.
        file: String,
        /// Why not, without quoting it.
        said: String,
    },
    /// A setting is not replayed here: could not tell.
    NotReplayed {
        /// The file that has it.
        file: String,
        /// What it is.
        what: NotFollowed,
        /// How it is written there. An address may have a password.
        #[serde(serialize_with = "masked")]
        written: String,
    },
    /// containerd ignores a file of hosts that it cannot parse.
    HostsFileIgnored {
        /// The file.
        file: String,
        /// What is wrong with it, without quoting it.
        said: String,
    },
    /// A directory of the registry hides the settings for all registries, and has none itself.
    DefaultHidden {
        /// The directory.
        folder: String,
        /// The file that it hides.
        hidden: String,
    },
    /// A certificate file that `hosts.toml` names is missing or no certificate: every pull fails.
    CertificateFileUnusable {
        /// The file that names it, or the directory that it is in.
        file: String,
        /// The certificate file.
        certificate: String,
        /// Why it cannot be used.
        said: String,
    },
    /// What should be a directory is none, or what should be a file is one: every pull fails.
    HostsPathUnusable {
        /// The path.
        file: String,
        /// What it is.
        said: String,
    },
    /// A mirror fails, and containerd goes on to the next host.
    MirrorFails {
        /// The file that names the mirror.
        file: String,
        /// The mirror.
        mirror: String,
        /// How it fails.
        said: String,
    },
    /// No mirror can be reached, so containerd asks the registry.
    NoMirrorAnswers {
        /// The file that names the mirrors.
        file: String,
    },
    /// No mirror has the image, or not all of it, so the pull depends on the registry.
    LeftToRegistry {
        /// The registry.
        registry: String,
    },
    /// A mirror has another image under the tag than the registry.
    MirrorImageDiffers {
        /// The file that names the mirror.
        file: String,
        /// The mirror.
        mirror: String,
        /// The digest there.
        mirror_digest: String,
        /// The registry.
        registry: String,
        /// The digest at the registry.
        registry_digest: String,
    },
    /// A mirror has the manifest, but not all of its content.
    MirrorIncomplete {
        /// The file that names the mirror.
        file: String,
        /// The mirror.
        mirror: String,
    },
    /// A mirror wants credentials: could not tell. containerd sends it those of the registry.
    MirrorWantsCredentials {
        /// The file that names the mirror.
        file: String,
        /// The mirror.
        mirror: String,
        /// The registry.
        registry: String,
    },
    /// Whether a mirror serves the image cannot be told.
    MirrorUnclear {
        /// The file that names the mirror.
        file: String,
        /// The mirror.
        mirror: String,
        /// What it said.
        said: String,
    },
    /// No host that containerd asks serves the image, and the registry is not among them.
    RegistryNotAsked {
        /// The file that names the hosts.
        file: String,
        /// The registry.
        registry: String,
        /// The hosts, and how each fails.
        tried: Vec<String>,
    },
    /// containerd has other proxies than this process: could not tell.
    ProxyDiffers {
        /// The file that has containerd's.
        file: String,
        /// The registry's host.
        host: String,
        /// The proxy that containerd uses for it, or `none`.
        containerd: String,
        /// The proxy that is used here, or `none`.
        here: String,
        /// How containerd's was seen.
        seen: Seen,
    },
    /// A proxy was changed after containerd started, which still has the one of before.
    ProxyNotRolledOut {
        /// The file that has the change.
        file: String,
        /// The registry's host.
        host: String,
        /// The proxy of the running containerd for it, or `none`.
        running: String,
        /// The proxy that it has after a restart, or `none`.
        configured: String,
    },
    /// What sets containerd's environment changed after it started, so its proxies are not known:
    /// could not tell.
    EnvironmentChanged {
        /// The file or directory that changed.
        file: String,
        /// When it changed.
        changed: Timestamp,
        /// When containerd started.
        started: Timestamp,
    },
    /// The kubelet and containerd have different proxies for the registry.
    KubeletProxyDiffers {
        /// The file that has containerd's.
        file: String,
        /// The file that has the kubelet's.
        kubelet_file: String,
        /// The registry's host.
        host: String,
        /// The proxy of containerd, or `none`.
        containerd: String,
        /// The proxy of the kubelet, or `none`.
        kubelet: String,
        /// How containerd's was seen.
        seen: Seen,
    },
    /// The configuration changed after containerd started, which still has the one of before: could
    /// not tell.
    ConfigChanged {
        /// The file that changed.
        file: String,
        /// When it changed.
        changed: Timestamp,
        /// When containerd started.
        started: Timestamp,
    },
    /// containerd does not run on this node.
    NotRunning {
        /// Its configuration, which shows that it should.
        file: String,
    },
    /// The configuration disables the part of containerd that pulls images.
    PluginDisabled {
        /// The configuration.
        file: String,
        /// The name of the part.
        plugin: String,
        /// How the configuration was seen.
        seen: Seen,
    },
    /// Programs on the node decide which images containerd may pull, or may be there: could not tell.
    ImageVerifiers {
        /// Their directory.
        folder: String,
        /// Their names, or why they cannot be listed.
        said: String,
    },
    /// The image is of a format that this version of containerd cannot pull.
    FormatNotSupported {
        /// The version of containerd.
        version: String,
    },
    /// Whether this containerd can pull an image of this format is not known: could not tell.
    FormatUnclear {
        /// The version of containerd, if it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// The part of containerd that pulls images does not start with its configuration, or ends each pull.
    PluginStops {
        /// The configuration.
        file: String,
        /// What of it.
        said: StopsBy,
        /// How the configuration was seen.
        seen: Seen,
    },
    /// A host is trusted through an authority that was added, perhaps after containerd read its trust
    /// store: could not tell.
    CaNotLoaded {
        /// The file or directory of authorities that changed.
        file: String,
        /// When it changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        changed: Option<Timestamp>,
        /// When containerd started.
        #[serde(skip_serializing_if = "Option::is_none")]
        started: Option<Timestamp>,
        /// The host.
        host: String,
        /// The authority.
        issuer: String,
    },
    /// containerd's environment names other authorities than the system's.
    TrustStoreReplaced {
        /// The file that has the environment.
        file: String,
        /// The variables and their values.
        written: Vec<String>,
        /// How the environment was seen.
        seen: Seen,
    },
    /// A file or directory of authorities cannot be read here, though containerd may read it.
    TrustFileUnreadable {
        /// The file or directory.
        file: String,
        /// Why not.
        said: String,
    },
    /// The file system of containerd is too small for the layers that are missing.
    DiskFull {
        /// The directory in which containerd keeps images.
        folder: String,
        /// How many bytes are free.
        got: u64,
        /// How many bytes the layers have as they are sent.
        bytes: u64,
    },
    /// The layers fit, but not certainly once they are unpacked: could not tell.
    DiskTight {
        /// The directory in which containerd keeps images.
        folder: String,
        /// How many bytes are free.
        got: u64,
        /// How many bytes the layers have as they are sent.
        bytes: u64,
    },
    /// A layer that containerd has already is not as long as the manifest says: could not tell.
    ContentDamaged {
        /// The file.
        file: String,
        /// The digest of the layer.
        digest: String,
        /// How long it is.
        got: u64,
        /// How long it must be.
        bytes: u64,
    },
    /// This process asks other name servers than the node: could not tell.
    ResolverDiffers {
        /// The node's file.
        file: String,
        /// The name servers of the node.
        node: Vec<IpAddr>,
        /// The name servers that were asked.
        here: Vec<IpAddr>,
    },
    /// Layers are streamed from the registry while containers run, instead of downloaded.
    ArtifactStreaming {
        /// The file that says so.
        file: String,
    },
}

/// What is not replayed: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NotFollowed {
    /// The configuration includes other files.
    Imports,
    /// Mirrors in the configuration itself.
    InlineMirrors,
    /// Credentials or TLS settings in the configuration itself.
    InlineConfig,
    /// More than one directory for the settings of registries.
    SeveralFolders,
    /// Versions of containerd read it differently.
    VersionDecides,
    /// A form of TOML that versions of containerd read differently.
    TomlForm,
    /// No valid TOML: some versions of containerd ignore the file, others read it.
    NotToml,
    /// A URL that containerd may read differently.
    OddUrl,
    /// Certificates are not verified.
    SkipVerify,
    /// A client certificate is shown.
    ClientCertificate,
    /// More headers are sent.
    ExtraHeaders,
    /// The API is at another path.
    OtherPath,
    /// The registry is asked without TLS. Credentials are sent so only where the user says so.
    PlainHttp,
    /// The configuration is in another file.
    OtherConfig,
    /// A way to set the environment that is not read here.
    Environment,
    /// The unit of containerd has another network, or other files, than the system.
    Isolated,
    /// The kubelet is told to use another runtime.
    OtherRuntime,
    /// A connection must be open within a short time.
    DialTimeout,
    /// The configuration disables plugins that pulls need.
    DisabledPlugins,
    /// A setting with which nothing can be pulled.
    MayStop,
    /// Layers are unpacked by another snapshotter.
    Snapshotter,
    /// No host may be asked to look up or to fetch.
    Capabilities,
    /// More hosts than are tested here.
    ManyHosts,
    /// More certificate files than are read here.
    ManyFiles,
}

fn masked<S: Serializer>(written: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_logins(written))
}

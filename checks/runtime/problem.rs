//! The problems of the area `runtime`.

use std::net::IpAddr;

use serde::Serialize;

/// What can be wrong with the way that containerd goes for an image.
#[derive(Serialize, strum::VariantNames)]
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
        /// How it is written there.
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
    /// No host may be asked to look up or to fetch.
    Capabilities,
    /// More hosts than are tested here.
    ManyHosts,
    /// More certificate files than are read here.
    ManyFiles,
}

//! What can be wrong with a node's files.

use serde::Serialize;

use super::provider::{NotReplayed, ProviderFault};

/// What can be wrong with a node's files.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// They are there, and we may not read them: could not tell.
    FilesNotReadable {
        /// The first of them.
        file: String,
    },
    /// There is no configuration of credential providers: the kubelet may have none.
    CredproviderNotConfigured {
        /// Where it would be.
        file: String,
    },
    /// That configuration does not parse; the kubelet goes on with what it read when it started.
    CredproviderConfigUnreadable {
        /// The file.
        file: String,
        /// What is wrong with it, in words that do not quote it.
        said: String,
    },
    /// The kubelet has Azure's provider, and does not ask it for this image; or it asks, and the provider
    /// takes the image for another's.
    CredproviderMatchMiss {
        /// The image's registry.
        registry: String,
        /// Who ignores the image.
        by: MissedBy,
        /// The file.
        file: String,
        /// Its patterns.
        patterns: Vec<String>,
    },
    /// The same for the endpoint of one region, which older node images do not know.
    ImageRefRegionalEndpointOldNode {
        /// The image's registry.
        registry: String,
        /// The same image by the registry's own name.
        global: String,
        /// Who ignores the image.
        by: MissedBy,
    },
    /// The provider's program is not there, or cannot run.
    CredproviderMissingOrCrashing {
        /// The program.
        #[serde(skip_serializing_if = "Option::is_none")]
        program: Option<String>,
        /// The file that says how it is called, where that is wrong.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// Why not.
        said: ProviderFault,
    },
    /// The provider signs in as the pod's service account, which is not known here: could not tell.
    ServiceAccountDecides {
        /// The file that says so.
        file: String,
    },
    /// The file that says who this node is cannot be read.
    AzurejsonMissingOrCorrupt {
        /// The file.
        file: String,
        /// Why not, in words that do not quote it.
        said: String,
    },
    /// This cloud's endpoints are in a file that is not there.
    EnvironmentFileMissing {
        /// As the node calls the cloud.
        cloud: String,
        /// Where the file would be.
        file: String,
        /// Why it was not read.
        said: String,
    },
    /// The image's registry is in another cloud than the node.
    RegistryOtherCloud {
        /// The image's registry.
        registry: String,
        /// As the node calls its cloud.
        cloud: String,
        /// What the names of registries end in there.
        suffix: String,
    },
    /// `useManagedIdentityExtension` is off, and what stands for a managed identity is sent as name and password.
    NapMiFlagFalse {
        /// The file.
        file: String,
    },
    /// The provider is set up in a way that is not replayed here: could not tell.
    ProviderNotReplayed {
        /// The file that says so.
        file: String,
        /// What is not.
        what: NotReplayed,
        /// How it is written there.
        written: String,
    },
}

/// Who ignores an image: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum MissedBy {
    /// The kubelet does not call the credential provider for it.
    Kubelet,
    /// The credential provider is called, and does not know the registry.
    Provider,
    /// The provider gives a service principal's credentials out for other names only.
    ServicePrincipal,
}

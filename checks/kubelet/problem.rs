//! The problems of the area `kubelet`.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    account::AccountMode,
    provider::{NotReplayed, ProviderFault},
    run_fault::RunFault,
};

/// What can be wrong with a node's files.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// We lack the permission to read the files: could not tell.
    FilesNotReadable {
        /// The first file that cannot be read.
        file: String,
    },
    /// No credential providers are configured: the kubelet may have none.
    CredproviderNotConfigured {
        /// The file where the configuration would be.
        file: String,
    },
    /// The running kubelet lacks one of the flags of a credential provider.
    CredproviderFlagsMissing {},
    /// A file with settings of the kubelet, or its provider's program, cannot be read.
    SettingsUnreadable {
        /// The file.
        file: String,
        /// Why not, without quoting it.
        said: String,
    },
    /// The configuration does not parse; the kubelet keeps the one that it read at its start.
    CredproviderConfigUnreadable {
        /// The file.
        file: String,
        /// What is wrong with it, without quoting it.
        said: String,
    },
    /// The configuration of the credential providers was changed after the kubelet started: could not
    /// tell.
    CredproviderConfigChanged {
        /// The file.
        file: String,
        /// When it was changed.
        changed: Timestamp,
        /// When the kubelet started.
        started: Timestamp,
    },
    /// The kubelet has Azure's credential provider but does not call it for this image, or the
    /// provider does not recognize the registry as Azure's.
    CredproviderMatchMiss {
        /// The image's registry.
        registry: String,
        /// Who ignores the image.
        by: MissedBy,
        /// The file.
        file: String,
        /// The patterns in that file.
        patterns: Vec<String>,
    },
    /// The node's version of Azure's credential provider does not know such a name.
    ProviderTooOldForName {
        /// The image's registry.
        registry: String,
        /// The program.
        program: String,
        /// Its version.
        version: String,
    },
    /// The registry is a regional endpoint, which older node images do not recognize.
    ImageRefRegionalEndpointOldNode {
        /// The image's registry.
        registry: String,
        /// The same image at the registry's login server.
        global: String,
        /// Who ignores the image.
        by: MissedBy,
    },
    /// The credential provider's program is missing or cannot run.
    CredproviderMissingOrCrashing {
        /// The program.
        #[serde(skip_serializing_if = "Option::is_none")]
        program: Option<String>,
        /// The configuration file, if it calls the program wrongly.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// Why not.
        said: ProviderFault,
    },
    /// The provider fails when it is run as the kubelet runs it: could not tell, as this process may
    /// lack what the kubelet has.
    CredproviderRunFails {
        /// The program.
        program: String,
        /// How it fails.
        said: RunFault,
        /// How it ended, as the system words it.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<String>,
    },
    /// The provider signs in as the pod's service account, which is unknown here: could not tell.
    ServiceAccountDecides {
        /// The file that configures this.
        file: String,
        /// Whom its tokens are for.
        audience: String,
        /// How it signs in.
        mode: AccountMode,
        /// The annotations that it needs, if it needs any.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        needs: Vec<&'static str>,
    },
    /// The provider needs an annotation of the pod's service account that the kubelet does not hand on.
    AnnotationNotPassed {
        /// The file that configures this.
        file: String,
        /// The annotation.
        annotation: &'static str,
        /// How it signs in.
        mode: AccountMode,
    },
    /// The file that holds the node's identity cannot be read.
    AzurejsonMissingOrCorrupt {
        /// The file.
        file: String,
        /// Why it cannot be read, without quoting it.
        said: String,
    },
    /// The file with this cloud's endpoints is missing.
    EnvironmentFileMissing {
        /// The cloud's name in the node's files.
        cloud: String,
        /// The file where the endpoints would be.
        file: String,
        /// Why it was not read.
        said: String,
    },
    /// The image's registry is in a different cloud from the node.
    RegistryOtherCloud {
        /// The image's registry.
        registry: String,
        /// The cloud's name in the node's files.
        cloud: String,
        /// The suffix of that cloud's registry names.
        suffix: String,
    },
    /// `useManagedIdentityExtension` is off, so the placeholder for a managed identity is sent as
    /// user name and password.
    NapMiFlagFalse {
        /// The file.
        file: String,
    },
    /// The provider is configured in a way that is not replayed here: could not tell.
    ProviderNotReplayed {
        /// The file that configures this.
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

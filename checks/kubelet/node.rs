//! A node, as its files describe it: who signs in, and where it is in Azure.

use std::rc::Rc;

use serde::Serialize;
use strum::VariantNames;

use super::{records::PullRecord, settings::PullLimits, version::ProviderBuild};
use crate::kit::{
    Secret,
    azure::Endpoints,
    target::{Cloud, ManagedIdentityId},
    world::Seen,
};

/// What this node's kubelet signs in with.
#[derive(Serialize)]
pub struct Node {
    #[serde(skip)]
    pub(crate) signs_in: KubeletSignIn,
    pub(super) how: SignInKind,
    /// The pattern by which it asks its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pattern: Option<String>,
    /// The file that says who the node is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// As the node calls its cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cloud: Option<String>,
    /// The version of the credential provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider_version: Option<String>,
    /// How the kubelet's settings were seen.
    pub(super) settings: Seen,
    #[serde(flatten)]
    pub(super) limits: PullLimits,
    #[serde(flatten)]
    pub(super) record: PullRecord,
    /// Whether another provider is asked for the image as well.
    #[serde(skip)]
    pub(crate) others_may: bool,
    /// Who signs in at a mirror of the registry instead, which wants no credentials itself.
    #[serde(skip)]
    pub(crate) at_mirror: Option<MirrorSignIn>,
}

/// Who signs in at a mirror.
pub(crate) struct MirrorSignIn {
    /// The login server.
    pub(crate) host: String,
    pub(crate) identity: ManagedIdentityId,
    pub(crate) around: AzureEnvironment,
}

/// What a kubelet signs in with: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum SignInKind {
    /// A managed identity that the node's file does not name.
    ManagedIdentityUnnamed,
    /// A managed identity.
    ManagedIdentity,
    /// A service principal.
    ServicePrincipal,
    /// The placeholder `msi`, sent as name and password.
    MsiLiterally,
    /// The kubelet gets no credentials for the image.
    KubeletNoCredentials,
    /// The files do not tell.
    KubeletUnknown,
}

/// Who signs in for a node.
#[derive(Clone)]
pub(crate) enum KubeletSignIn {
    /// A managed identity.
    Managed(ManagedIdentityId, AzureEnvironment),
    /// An application, by name and password.
    Application(Application),
    /// What stands for a managed identity, as name and password.
    Placeholder { user: String, password: Secret, file: String },
    /// The image is pulled without credentials.
    Anonymous,
    /// It cannot be told from the files.
    Unknown,
}

impl KubeletSignIn {
    /// Returns the user name that the provider gives out; `of_token` goes with a refresh token.
    pub(super) fn user(&self, of_token: &str) -> Option<String> {
        match self {
            KubeletSignIn::Managed(..) => Some(of_token.to_owned()),
            KubeletSignIn::Application(application) => Some(application.client_id.clone()),
            KubeletSignIn::Placeholder { user, .. } => Some(user.clone()),
            KubeletSignIn::Anonymous | KubeletSignIn::Unknown => None,
        }
    }
}

/// An application that signs in with its password.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) client_id: String,
    pub(crate) secret: Secret,
    pub(crate) around: AzureEnvironment,
}

/// Where the node signs in: the cloud, the tenant, the node's place in Azure.
#[derive(Clone, Debug)]
pub(crate) struct AzureEnvironment {
    /// Where that stands.
    pub(crate) file: String,
    /// The tenant that the file names.
    pub(crate) tenant: Option<String>,
    pub(crate) endpoints: Rc<Endpoints>,
    pub(crate) place: NodeLocation,
    /// The node's credential provider; `None` elsewhere.
    pub(crate) provider: Option<ProviderBuild>,
}

/// A tenant, and the file that names it.
#[derive(Debug)]
pub(crate) struct TenantHint {
    pub(crate) tenant: String,
    pub(crate) file: String,
}

/// Where a node is in Azure, as far as it knows: for commands that mend it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NodeLocation {
    /// The resource group of the cluster's nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node_group: Option<String>,
    /// The node pool, by the node's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pool: Option<String>,
}

impl AzureEnvironment {
    /// Not on a node.
    pub(crate) fn elsewhere(from: String) -> Self {
        let endpoints = Rc::new(Endpoints::of(Cloud::default()));
        let place = NodeLocation::default();
        Self { file: from, tenant: None, endpoints, place, provider: None }
    }

    /// Returns the tenant to send with a token: a node's provider sends what its file has, even an
    /// empty one.
    pub(crate) fn named(&self) -> Option<TenantHint> {
        let tenant = self.tenant.clone()?;
        Some(TenantHint { tenant, file: self.file.clone() })
    }
}

impl Node {
    /// Returns the resource group of the cluster's nodes, if the node's files name it.
    pub(crate) fn node_group(&self) -> Option<&str> {
        match &self.signs_in {
            KubeletSignIn::Managed(_, around) => around.place.node_group.as_deref(),
            KubeletSignIn::Application(application) => {
                application.around.place.node_group.as_deref()
            }
            _ => None,
        }
    }

    pub(super) fn new(signs_in: KubeletSignIn) -> Self {
        let how = match signs_in {
            KubeletSignIn::Managed(ManagedIdentityId::Unnamed, _) => {
                SignInKind::ManagedIdentityUnnamed
            }
            KubeletSignIn::Managed(..) => SignInKind::ManagedIdentity,
            KubeletSignIn::Application(_) => SignInKind::ServicePrincipal,
            KubeletSignIn::Placeholder { .. } => SignInKind::MsiLiterally,
            KubeletSignIn::Anonymous => SignInKind::KubeletNoCredentials,
            KubeletSignIn::Unknown => SignInKind::KubeletUnknown,
        };
        Self {
            signs_in,
            how,
            pattern: None,
            file: None,
            cloud: None,
            provider_version: None,
            settings: Seen::Assumed,
            limits: PullLimits::default(),
            record: PullRecord::default(),
            others_may: false,
            at_mirror: None,
        }
    }
}

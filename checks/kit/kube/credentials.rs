//! The credentials that pods present for an image, as the kubelet lists them: what travels with a
//! target. None of it is a secret.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::kit::{keyring::RegistryAnswer, redact::Secret};

/// The annotation of a service account that names the identity with which Azure's credential provider signs
/// in for its pods (cloud-provider-azure, `pkg/credentialprovider`).
pub const CLIENT_ANNOTATION: &str = "kubernetes.azure.com/acr-client-id";

/// What the pods of a namespace with the same service account and the same pull secrets present.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodCredentials {
    /// The namespace.
    pub namespace: String,
    /// The service account.
    pub account: String,
    /// The pull secrets that the pods name, in their order.
    pub secrets: Vec<String>,
    /// What each of them holds for the image: the entries that match in the order in which the kubelet
    /// tries them, then the secrets of which it uses nothing.
    pub rows: Vec<CredentialRow>,
    /// A secret with credentials for the image that the pods do not name.
    pub unattached: Option<String>,
    /// The names of the service account's annotations for Azure's provider; nothing where the account
    /// could not be read.
    pub annotations: Option<Vec<String>>,
    /// The client id that one of them names.
    pub client_id: Option<String>,
}

/// One credential, or why there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialRow {
    /// The pull secret.
    pub secret: String,
    /// What the kubelet makes of it.
    pub state: CredentialState,
    /// The key of the entry, or the key that nearly matches.
    pub key: Option<String>,
    /// What is wrong with the secret: its type, the place in it, the words of a refusal to read it.
    pub said: Option<String>,
    /// What the registry answers, where the credential was tried.
    pub answer: Option<RegistryAnswer>,
    /// Whether the secret is for other registries only, and the node signs in to this one itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_for_others: bool,
}

/// What the kubelet makes of a pull secret (kubernetes, pkg/credentialprovider/secrets and
/// keyring.go).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialState {
    /// It presents this entry.
    Presented,
    /// There is no such secret: it logs that and goes on.
    Missing,
    /// Its type is none of a pull secret: it is passed over in silence.
    WrongType,
    /// It cannot be decoded: the pull fails, whatever else there is.
    Malformed,
    /// It holds no entry.
    Empty,
    /// None of its entries is for this image.
    NoMatch,
    /// We may not read it.
    #[default]
    NotRead,
    /// It tries this last: Azure's provider adds the anonymous client behind what it gives out.
    Last,
    /// It does not try this: it is anonymous only where it has no credentials for the image.
    PassedOver,
}

/// A credential that can be tried, or the anonymous client.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The image, as its pods are folded.
    pub image: String,
    /// What is presented; nothing as the anonymous client.
    pub presented: Option<PresentedRow>,
}

/// A credential of pods, and where it stands.
#[derive(Clone, Debug)]
pub struct PresentedRow {
    /// The place of what the pods present among the credentials of the image.
    pub set: usize,
    /// The place of the row in it.
    pub row: usize,
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Rc<Secret>,
}

impl PodCredentials {
    /// Returns whether these are what pods with that namespace, account and secrets present.
    pub fn is_of(&self, namespace: &str, account: &str, secrets: &[String]) -> bool {
        (&*self.namespace, &*self.account, &*self.secrets) == (namespace, account, secrets)
    }
}

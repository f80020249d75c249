//! The candidates that may sign in: their credentials, and where these were found.

use std::rc::Rc;

use serde::Serialize;
use strum::{Display, VariantNames};

use super::late::{Came, Late};
use crate::{
    kit::{
        Secret,
        azure::{Endpoints, Principal},
        keyring::Stored,
        target::ManagedIdentityId,
    },
    kubelet::{Application, Audience, ProviderBuild, TenantHint},
};

/// The credentials that a candidate signs in with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// No credentials.
    Anonymous,
    /// A user name and a password.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token (`identitytoken`), to be exchanged for an access token.
    Refresh(Secret),
    /// An access token (`registrytoken`), sent as it is.
    Access(Secret),
    /// An Entra token, to be exchanged at the registry for a refresh token.
    Entra(Rc<EntraToken>),
}

impl From<Stored> for Credential {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Password { user, password } => Credential::Password { user, password },
            Stored::Refresh(token) => Credential::Refresh(token),
            Stored::Access(token) => Credential::Access(token),
        }
    }
}

/// The kind of credentials that a candidate has, or why it is anonymous: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum CandidateKind {
    /// No credentials were found.
    Anonymous,
    /// The named file has no usable entry for the image.
    NoneInFile,
    /// A user name and a password.
    Password,
    /// A refresh token.
    RefreshToken,
    /// An access token.
    AccessToken,
    /// An Entra token.
    EntraToken,
    /// The kubelet's managed identity.
    KubeletIdentity,
    /// A managed identity other than the kubelet's.
    ManagedIdentity,
    /// A service principal.
    ServicePrincipal,
    /// The workload identity of a pod.
    WorkloadIdentity,
    /// The account of the Azure CLI.
    AzureCli,
    /// The kubelet gets no credentials for the image.
    KubeletAnonymous,
    /// It is unknown whether the kubelet gets credentials.
    KubeletUnknown,
    /// The kubelet gets no token for its managed identity.
    KubeletWithoutToken,
    /// IMDS has not issued the token of the managed identity yet.
    UntilTokenComes,
    /// Entra issues no token for the workload identity.
    WorkloadWithoutToken,
    /// IMDS issues no token for the managed identity.
    MachineWithoutToken,
    /// The user asked for an anonymous check.
    AnonymousAsAsked,
}

/// An Entra token, and what helps to explain why a registry refuses it.
#[derive(Debug)]
pub struct EntraToken {
    /// The token.
    pub(crate) token: Secret,
    /// The identity that the token was issued to.
    pub(crate) principal: Principal,
    /// The tenant to send with the token, and the file that names it; `None` to send the token's
    /// own tenant.
    pub(crate) named: Option<TenantHint>,
    /// The identity for which IMDS can issue a token for Azure Resource Manager, and the endpoints
    /// of its cloud.
    pub(crate) machine: Option<(ManagedIdentityId, Rc<Endpoints>)>,
    /// The credential provider of the node that signs in so.
    pub(crate) provider: Option<ProviderBuild>,
}

impl EntraToken {
    /// Returns a token without a tenant hint and without a machine's identity.
    pub(super) fn of(token: Secret) -> Self {
        Self { principal: Principal::of(&token), token, named: None, machine: None, provider: None }
    }
}

impl EntraToken {
    /// Returns the audience that this kind of sign-in asks for.
    pub(crate) fn audience(&self) -> Audience {
        self.provider.as_ref().map_or(Audience::RegistryAudience, ProviderBuild::audience)
    }
}

/// A candidate that may sign in, and where its credentials were found.
#[derive(Clone, Serialize)]
pub struct Candidate {
    #[serde(skip)]
    pub(crate) credential: Credential,
    pub(super) kind: CandidateKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// The identity that an Entra token was issued to.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) principal: Option<Principal>,
    /// The file or the flag that the credentials come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    /// The key of the entry in that file.
    #[serde(skip)]
    pub(crate) key: Option<String>,
    /// Whether another identity, unknown here, may sign in for this image.
    #[serde(skip)]
    pub(crate) others_may: bool,
    /// The token that the node signs in with, where IMDS has not issued it yet.
    #[serde(skip)]
    pub(crate) late: Option<Late<Rc<Candidate>>>,
    /// The service principal whose client id and password the credentials are.
    #[serde(skip)]
    pub(crate) application: Option<Rc<Application>>,
}

impl Candidate {
    pub(super) fn new(credential: Credential, from: Option<String>) -> Self {
        let mut principal = None;
        let (kind, user) = match &credential {
            Credential::Anonymous => (CandidateKind::Anonymous, None),
            // If the user name is the secret itself, it is not printed.
            Credential::Password { user, password } => {
                let is_secret = password.expose().is_empty() || password.expose() == user;
                (CandidateKind::Password, (!is_secret).then(|| user.clone()))
            }
            Credential::Refresh(_) => (CandidateKind::RefreshToken, None),
            Credential::Access(_) => (CandidateKind::AccessToken, None),
            Credential::Entra(login) => {
                principal = Some(login.principal.clone());
                (CandidateKind::EntraToken, login.principal.word().map(str::to_owned))
            }
        };
        Self {
            credential,
            kind,
            user,
            principal,
            from,
            key: None,
            others_may: false,
            late: None,
            application: None,
        }
    }

    /// Returns the candidate without credentials.
    pub(crate) fn anonymous() -> Self {
        Self::new(Credential::Anonymous, None)
    }

    /// Returns the candidate that an Entra token was issued to.
    pub(super) fn by_token(login: EntraToken, kind: CandidateKind, from: &str) -> Self {
        Self::new(Credential::Entra(Rc::new(login)), Some(from.to_owned())).called(kind)
    }

    /// Returns the candidate for a service principal with its client id and password.
    pub(super) fn of(application: Application) -> Self {
        let (user, password) = (application.client_id.clone(), application.secret.clone());
        let credential = Credential::Password { user: user.clone(), password };
        let principal = Some(Principal { client_id: Some(user), ..Principal::default() });
        let (kind, from) = (CandidateKind::ServicePrincipal, application.around.file.clone());
        let application = Some(Rc::new(application));
        Self { kind, principal, application, ..Self::new(credential, Some(from)) }
    }

    /// Returns the candidate with another kind.
    pub(super) fn called(self, kind: CandidateKind) -> Self {
        Self { kind, ..self }
    }

    /// Returns the candidate with the token, once it came.
    pub(super) async fn when_it_came(self) -> Self {
        match &self.late {
            Some(late) => match late.came().await {
                Came::Token(candidate) => Self::clone(&candidate),
                Came::Nothing | Came::NotYet => self,
            },
            None => self,
        }
    }

    /// Returns the candidate with the refresh token that its Entra token was exchanged for, or an
    /// anonymous one if the registry refused the exchange.
    pub(crate) fn with_refresh_token(&self, user: &str, refresh: Option<Secret>) -> Self {
        let credential = match refresh {
            Some(password) => Credential::Password { user: user.to_owned(), password },
            None => Credential::Anonymous,
        };
        Self { credential, ..self.clone() }
    }

    /// Returns the user name, or else the kind of credentials, for the text of a refusal.
    pub(crate) fn name(&self) -> String {
        self.user.clone().unwrap_or_else(|| self.kind.to_string())
    }

    /// Returns where the credentials come from, for the text of a refusal.
    pub(crate) fn source(&self) -> String {
        self.from.clone().unwrap_or_else(|| CandidateKind::Anonymous.to_string())
    }

    /// Returns whether the candidate is an Entra identity: a managed identity, a service principal
    /// or a user.
    pub(crate) fn is_entras(&self) -> bool {
        self.principal.is_some()
    }
}

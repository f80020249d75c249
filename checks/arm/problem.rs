//! What the area `arm` can find wrong: Azure Resource Manager does not answer. None of it says
//! anything about the pull.

use serde::Serialize;

use crate::kit::{
    azure::{SignInError, TokenSource},
    net::{Fault, Stage},
};

/// Why Azure's control plane tells nothing.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The pull works, so there is nothing to explain.
    NotNeeded {},
    /// There is no Azure sign-in here.
    NotSignedIn {},
    /// Entra issues no token, or what holds the sign-in fails.
    SignInRefused {
        /// What would sign in.
        by: TokenSource,
        /// The reason that was given.
        said: String,
        /// How to sign in again.
        #[serde(flatten)]
        again: SignInAgain,
    },
    /// What issues tokens gave no answer that could be used: it may the next time.
    SignInUnclear {
        /// What would sign in.
        by: TokenSource,
        /// What came instead.
        said: String,
    },
    /// The file with the federated token cannot be read.
    FileUnreadable {
        /// The file.
        file: String,
        /// Why.
        fault: String,
    },
    /// `AZURE_AUTHORITY_HOST` is no https URL, so it gets no secret.
    UnsafeAuthority {},
    /// Azure Resource Manager refuses the token.
    TokenRefused {
        /// The reason that was given.
        said: String,
        /// The tenant whose tokens are accepted.
        #[serde(skip_serializing_if = "Option::is_none")]
        tenant: Option<String>,
        /// How to sign in again.
        #[serde(flatten)]
        again: SignInAgain,
    },
    /// Azure Resource Manager, or the issuer of tokens for it, cannot be reached.
    Unreachable {
        /// The host.
        host: String,
        /// How far the connection came.
        stage: Stage,
        /// How it failed.
        fault: Fault,
    },
    /// The caller may not read something.
    NotPermitted {
        /// Who asked.
        who: String,
        /// The caller's object id.
        #[serde(skip_serializing_if = "Option::is_none")]
        caller_id: Option<String>,
        /// Whether the caller is a `User` or a `ServicePrincipal`.
        caller_type: &'static str,
        /// The permission that is missing.
        action: String,
        /// Where it is missing.
        scope: String,
    },
    /// A deny assignment keeps the caller from reading something.
    DeniedToCaller {
        /// Who asked.
        who: String,
        /// The permission that is taken away.
        action: String,
        /// Where.
        scope: String,
        /// The message, which names the deny assignment.
        said: String,
    },
    /// Too many requests.
    Throttled {
        /// The pause that was asked for, in seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// The caller can read no subscription with this name.
    SubscriptionNotFound {
        /// The name.
        name: String,
    },
    /// Several subscriptions have this name.
    SubscriptionAmbiguous {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// Azure Resource Manager itself fails.
    Outage {
        /// The HTTP status.
        status: u16,
    },
    /// The answer has no meaning here.
    Unexpected {
        /// What was requested.
        path: String,
        /// What came.
        said: String,
    },
}

/// How to sign in again: what the commands of fixes need. Of all, the ones that fit are known.
#[derive(Serialize)]
pub struct SignInAgain {
    /// `az`, if the Azure CLI signs in, to whichever tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    az: Option<&'static str>,
    /// The tenant, if the Azure CLI signs in and it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    az_tenant: Option<String>,
    /// The variables, if the environment signs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<&'static str>,
}

impl SignInAgain {
    /// Returns how to sign in again with what signed in before.
    pub(super) fn with(by: TokenSource, tenant: Option<&str>) -> Self {
        let variables = match by {
            TokenSource::EnvironmentSecret => {
                Some("AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_CLIENT_SECRET")
            }
            TokenSource::FederatedToken => {
                Some("AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE")
            }
            TokenSource::AzureCli | TokenSource::ManagedIdentity => None,
        };
        let is_az = by == TokenSource::AzureCli;
        Self {
            az: (is_az && tenant.is_none()).then_some("az"),
            az_tenant: tenant.filter(|_| is_az).map(str::to_owned),
            variables,
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::NoCredential => Problem::NotSignedIn {},
            SignInError::Refused { by, said, .. } => {
                Problem::SignInRefused { by, said, again: SignInAgain::with(by, None) }
            }
            SignInError::Unclear { by, said } => Problem::SignInUnclear { by, said },
            SignInError::Unreachable { host, error, .. } => {
                Problem::Unreachable { host, stage: error.stage, fault: error.fault }
            }
            SignInError::FileUnreadable { file, error } => {
                Problem::FileUnreadable { file, fault: error.to_string() }
            }
            SignInError::UnsafeAuthority => Problem::UnsafeAuthority {},
        }
    }
}

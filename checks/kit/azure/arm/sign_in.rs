//! Signs in to Azure Resource Manager with the first credential that this machine has.
//!
//! The order is that of Azure's own libraries: the environment, the Azure CLI, the managed identity
//! of the machine. A credential that is there but refused is not passed over, as another one would
//! be another caller.

use std::path::Path;

use serde::Serialize;
use strum::VariantNames;

use crate::kit::{
    azure::{
        Endpoints, Principal, authority_of,
        cli::{self, CliError},
        entra::{self, Proof},
        imds,
    },
    engine::Cx,
    net::ConnectError,
    redact::{Secret, sanitize_text},
    target::{Host, ManagedIdentityId},
    world::{FileError, ProcessError, World},
};

/// The kind of credential that a caller signs in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum TokenSource {
    /// `AZURE_CLIENT_ID`, `AZURE_TENANT_ID` and `AZURE_CLIENT_SECRET`.
    EnvironmentSecret,
    /// The same, with `AZURE_FEDERATED_TOKEN_FILE` in place of the secret.
    FederatedToken,
    /// The account that the Azure CLI is signed in with.
    AzureCli,
    /// A managed identity of this machine.
    ManagedIdentity,
}

/// Who reads the control plane.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Caller {
    /// The credential that was used.
    pub source: TokenSource,
    /// The identity that its token was issued to.
    #[serde(flatten)]
    pub principal: Principal,
}

/// Why there is no sign-in.
#[derive(Clone, Debug, PartialEq)]
pub enum SignInError {
    /// This machine has no credential.
    NoCredential,
    /// A credential is refused.
    Refused {
        /// The credential.
        by: TokenSource,
        /// Entra's error numbers.
        codes: Vec<u64>,
        /// Why it is refused, as its issuer words it.
        said: String,
    },
    /// The issuer of tokens, or Azure Resource Manager, is out of reach by configuration or network.
    Unreachable {
        /// The credential.
        by: TokenSource,
        /// The host.
        host: String,
        /// Why.
        error: ConnectError,
    },
    /// The issuer's response, or that of a program, is not what it should be.
    Unclear {
        /// The credential.
        by: TokenSource,
        /// What came instead.
        said: String,
    },
    /// The file that `AZURE_FEDERATED_TOKEN_FILE` names cannot be read.
    FileUnreadable {
        /// The file.
        file: String,
        /// Why.
        error: FileError,
    },
    /// The token issuer in `AZURE_AUTHORITY_HOST`, or that of a cloud of its own, is no `https` URL:
    /// it gets no secret.
    UnsafeAuthority,
}

/// Returns whether the environment or the Azure CLI has a credential, without using it. A managed
/// identity shows only when it is asked for.
pub fn is_at_hand(world: &World) -> bool {
    let is_set = |name| world.variables.contains_key(name);
    let proof = world.client_secret.is_some() || is_set("AZURE_FEDERATED_TOKEN_FILE");
    world.azure_cli || (is_set("AZURE_CLIENT_ID") && is_set("AZURE_TENANT_ID") && proof)
}

/// Gets a token for the management audience from the first credential that is there.
pub(super) async fn token(cx: &Cx, at: &Endpoints) -> Result<(TokenSource, Secret), SignInError> {
    if let Some((by, proof)) = environment(cx).await? {
        return of_entra(cx, at, by, proof).await.map(|token| (by, token));
    }
    let by = TokenSource::AzureCli;
    let mut signed_out = None;
    if cx.world.azure_cli {
        match cli::token(cx, &at.management).await {
            Ok(token) => return Ok((by, token)),
            Err(CliError::NotRun(ProcessError::Missing)) => {}
            Err(CliError::Refused { codes, said, is_signed_out: true }) => {
                signed_out = Some(SignInError::Refused { by, codes, said });
            }
            Err(CliError::Refused { codes, said, is_signed_out: false }) => {
                return Err(SignInError::Refused { by, codes, said });
            }
            Err(error @ CliError::NotRun(_)) => {
                return Err(SignInError::Unclear { by, said: error.word() });
            }
        }
    }
    match of_machine(cx, at).await {
        Ok(token) => Ok((TokenSource::ManagedIdentity, token)),
        Err(SignInError::NoCredential) => Err(signed_out.unwrap_or(SignInError::NoCredential)),
        Err(error) => Err(error),
    }
}

/// Returns the credential of the environment, if its variables are set.
async fn environment(cx: &Cx) -> Result<Option<(TokenSource, Proof)>, SignInError> {
    let is_set = |name| cx.world.variables.contains_key(name);
    if !is_set("AZURE_CLIENT_ID") || !is_set("AZURE_TENANT_ID") {
        return Ok(None);
    }
    if let Some(secret) = &cx.world.client_secret {
        return Ok(Some((TokenSource::EnvironmentSecret, Proof::Secret(secret.clone()))));
    }
    let Some(file) = cx.world.variables.get("AZURE_FEDERATED_TOKEN_FILE") else { return Ok(None) };
    let read = cx.world.read(Path::new(file)).await;
    let bytes = read.map_err(|error| SignInError::FileUnreadable { file: file.clone(), error })?;
    let assertion = Secret::new(String::from_utf8_lossy(&bytes).trim());
    Ok(Some((TokenSource::FederatedToken, Proof::Assertion(assertion))))
}

async fn of_entra(
    cx: &Cx,
    at: &Endpoints,
    by: TokenSource,
    proof: Proof,
) -> Result<Secret, SignInError> {
    let variable = |name: &str| cx.world.variables.get(name).cloned();
    let authority: Option<Host> = match variable("AZURE_AUTHORITY_HOST") {
        Some(url) => authority_of(&url),
        None => at.authority.clone(),
    };
    let authority = authority.ok_or(SignInError::UnsafeAuthority)?;
    let host = authority.to_string();
    let client = entra::Client {
        authority,
        tenant: variable("AZURE_TENANT_ID").unwrap_or_default(),
        client_id: variable("AZURE_CLIENT_ID").unwrap_or_default(),
        proof,
    };
    entra::token(cx, &client, &at.management).await.map_err(|refused| match refused {
        entra::Refused::Unreachable(error) => SignInError::Unreachable { by, host, error },
        entra::Refused::Unclear(said) => SignInError::Unclear { by, said: sanitize_text(&said) },
        entra::Refused::Said { codes, said } => {
            SignInError::Refused { by, codes, said: sanitize_text(&said) }
        }
    })
}

/// Gets a token of the machine's managed identity: of the one that `AZURE_CLIENT_ID` names, as
/// Azure's libraries do, else of the only one.
async fn of_machine(cx: &Cx, at: &Endpoints) -> Result<Secret, SignInError> {
    use imds::Refused;
    let by = TokenSource::ManagedIdentity;
    let named = cx.world.variables.get("AZURE_CLIENT_ID").map_or("", String::as_str);
    let which = ManagedIdentityId::named(named);
    let issued = imds::token_straight(cx, &which, &at.management).await;
    issued.map(|issued| issued.token).map_err(|refused| match &refused {
        // Not a machine of Azure, or one without an identity.
        Refused::Unreachable(_)
        | Refused::Silent
        | Refused::Stranger { .. }
        | Refused::Away(_)
        | Refused::NotFound => SignInError::NoCredential,
        Refused::Busy(_) => SignInError::Unclear { by, said: refused.word() },
        Refused::Several | Refused::NoAudience(_) | Refused::Other { .. } => {
            SignInError::Refused { by, codes: vec![], said: sanitize_text(&refused.word()) }
        }
    })
}

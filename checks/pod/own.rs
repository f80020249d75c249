//! What the credentials of pods decide, where their node signs in otherwise: which of them is wrong, or
//! that one of them does.

use super::problem::{OwnSecret, Problem};
use crate::kit::kube::{
    CredentialRow, CredentialState, ImagePods, PodCredentials, RegistryAnswer, WaitingWorkload,
};

/// The annotations that Azure's provider needs where it signs in as a service account
/// (cloud-provider-azure, docs, acr-credential-provider).
const NEEDED: [&str; 2] =
    ["kubernetes.azure.com/acr-client-id", "kubernetes.azure.com/acr-tenant-id"];

/// Whose credentials come behind those of the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The node's own.
    Node,
    /// Those of the pods' service account.
    ServiceAccount,
}

/// What is known of the credentials of a workload.
pub enum Standing {
    /// It has none of its own: what its node signs in with decides.
    None,
    /// One of them gets the image.
    Works {
        /// The pull secret.
        secret: String,
    },
    /// It cannot be told.
    Unknown {
        /// Why, where the API server says it.
        said: Option<String>,
    },
    /// All of them are wrong, for this reason.
    Wrong(Problem),
}

impl Standing {
    /// Returns what is known of a workload's credentials.
    pub fn of(pods: &ImagePods, it: &WaitingWorkload, behind: Behind) -> Self {
        let set =
            pods.credentials.iter().find(|set| set.is_of(&it.namespace, &it.account, &it.secrets));
        let Some(set) = set else {
            return if it.secrets.is_empty() { Self::None } else { Self::Unknown { said: None } };
        };
        if let Some(problem) = malformed(pods, it) {
            return Self::Wrong(problem);
        }
        let is = |wanted: RegistryAnswer| move |row: &&CredentialRow| row.answer == Some(wanted);
        if let Some(row) = set.rows.iter().find(is(RegistryAnswer::Accepted)) {
            return Self::Works { secret: row.secret.clone() };
        }
        let is_open = |row: &&CredentialRow| match row.state {
            CredentialState::NotRead => true,
            CredentialState::Presented => {
                matches!(row.answer, None | Some(RegistryAnswer::NotTried))
            }
            _ => false,
        };
        if let Some(row) = set.rows.iter().find(is_open) {
            return Self::Unknown { said: row.said.clone() };
        }
        if let Some(row) = set.rows.first() {
            return Self::Wrong(of_row(row, set, it));
        }
        if behind == Behind::ServiceAccount
            && let Some(given) = &set.annotations
        {
            let missing = NEEDED.iter().find(|name| given.iter().all(|known| known != *name));
            if let Some(annotation) = missing {
                return Self::Wrong(Problem::SaTokenAnnotationMissing {
                    workload: it.workload.clone(),
                    namespace: it.namespace.clone(),
                    account: it.account.clone(),
                    annotation,
                });
            }
        }
        match &set.unattached {
            Some(secret) => Self::Wrong(Problem::PullsecretNotAttached {
                of: OwnSecret::of(it, secret),
                account: it.account.clone(),
            }),
            None => Self::None,
        }
    }
}

/// Returns the secret that cannot be decoded, which ends the pull whatever else there is.
pub fn malformed(pods: &ImagePods, it: &WaitingWorkload) -> Option<Problem> {
    let set =
        pods.credentials.iter().find(|set| set.is_of(&it.namespace, &it.account, &it.secrets))?;
    let row = set.rows.iter().find(|row| row.state == CredentialState::Malformed)?;
    let said = row.said.clone().unwrap_or_default();
    Some(Problem::PullsecretMalformed { of: OwnSecret::of(it, &row.secret), said })
}

/// Returns what is wrong with the first row of several that are all wrong.
fn of_row(row: &CredentialRow, set: &PodCredentials, it: &WaitingWorkload) -> Problem {
    let of = OwnSecret::of(it, &row.secret);
    let key = || row.key.clone().unwrap_or_default();
    match (row.state, row.answer) {
        (CredentialState::Missing, _) => {
            Problem::PullsecretMissing { of, fits: set.unattached.clone() }
        }
        (CredentialState::WrongType, _) => {
            Problem::PullsecretWrongType { of, kind: row.said.clone().unwrap_or_default() }
        }
        (CredentialState::NoMatch, _) => Problem::PullsecretServerMismatch {
            of,
            key: row.key.clone().or_else(|| row.said.clone()),
        },
        (_, Some(RegistryAnswer::Expired)) => Problem::PullsecretExpired { of, key: key() },
        (_, Some(RegistryAnswer::RefusedButAnonymous)) => {
            Problem::AnonymousBlockedByBadCreds { of, key: key() }
        }
        (_, Some(RegistryAnswer::NotForRepository)) => {
            Problem::PullsecretNotForRepository { of, key: key() }
        }
        (_, Some(_)) => Problem::PullsecretRefused { of, key: key() },
        (_, None) => Problem::PullsecretHoldsNothing { of },
    }
}

impl OwnSecret {
    fn of(it: &WaitingWorkload, secret: &str) -> Self {
        Self {
            workload: it.workload.clone(),
            namespace: it.namespace.clone(),
            secret: secret.to_owned(),
        }
    }
}

//! What the credentials of pods decide, where their node signs in otherwise: which of them is wrong, or
//! that one of them does.

use serde_json::Value;

use super::{
    parts::{NotTried, OfAccount, OwnSecret},
    problem::Problem,
};
use crate::kit::{
    engine::Finding,
    keyring::RegistryAnswer,
    kube::{CredentialRow, CredentialState, ImagePods, PodCredentials, WaitingWorkload},
};

/// Whose credentials come behind those of the pods.
#[derive(Clone, Copy)]
pub enum Behind<'f> {
    /// The node's own.
    Node,
    /// Those of the pods' service account, which this finding of the node is about.
    ServiceAccount(&'f Finding),
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
    /// It cannot be told, for this reason.
    Unknown(Problem),
    /// All of them are wrong, for this reason.
    Wrong(Problem),
    /// One of them is not there yet: the kubelet would go on without it.
    NotThere(Problem),
    /// It has none of its own, and this is known of those of its service account.
    ByAccount(Problem),
}

impl Standing {
    /// Returns what is known of a workload's credentials.
    pub fn of(pods: &ImagePods, it: &WaitingWorkload, behind: Behind<'_>) -> Self {
        let Some(set) = pods.credentials_of(it) else {
            let has_none = it.secrets.is_empty() && !it.is_planned();
            return if has_none { Self::None } else { Self::Unknown(not_tried(it, None)) };
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
            return Self::Unknown(not_tried(it, row.said.clone()));
        }
        // What makes the others of an application may make this secret, too.
        let is_missing = |row: &&CredentialRow| row.state == CredentialState::Missing;
        if let Some(row) = set.rows.iter().find(is_missing).filter(|_| it.is_planned()) {
            return Self::NotThere(Problem::ManifestSecretMissing(OwnSecret::of(it, &row.secret)));
        }
        if let Some(said) = &it.account_said {
            return Self::Unknown(Problem::ManifestAccountNotRead(OfAccount {
                workload: it.workload.clone(),
                namespace: it.namespace.clone(),
                account: it.account.clone(),
                said: said.clone(),
            }));
        }
        if let Some(row) = set.rows.iter().find(|row| !row.is_for_others) {
            return Self::Wrong(of_row(row, set, it));
        }
        if let Behind::ServiceAccount(finding) = behind {
            return Self::ByAccount(by_account(finding, set, it));
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

/// Returns that the pull secrets of pods were not tried.
fn not_tried(it: &WaitingWorkload, said: Option<String>) -> Problem {
    Problem::SecretsNotTried(NotTried {
        workload: it.workload.clone(),
        namespace: it.namespace.clone(),
        secret: it.secrets.first().cloned().unwrap_or_default(),
        secrets: it.secrets.join(", "),
        said,
    })
}

/// Returns the secret that cannot be decoded, which ends the pull whatever else there is.
pub fn malformed(pods: &ImagePods, it: &WaitingWorkload) -> Option<Problem> {
    let row =
        pods.credentials_of(it)?.rows.iter().find(|row| row.state == CredentialState::Malformed)?;
    let said = row.said.clone().unwrap_or_default();
    Some(Problem::PullsecretMalformed { of: OwnSecret::of(it, &row.secret), said })
}

/// Returns that a service account lacks an annotation that its node needs, or else what Azure has to
/// know of it.
fn by_account(finding: &Finding, set: &PodCredentials, it: &WaitingWorkload) -> Problem {
    let (workload, namespace) = (it.workload.clone(), it.namespace.clone());
    let account = it.account.clone();
    let text = |name: &str| finding.evidence.get(name).and_then(Value::as_str).map(str::to_owned);
    let needs = finding.evidence.get("needs").and_then(Value::as_array);
    let needs: Vec<String> =
        needs.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if let Some(given) = &set.annotations
        && let Some(annotation) = needs.iter().find(|name| !given.contains(name)).cloned()
    {
        return Problem::SaTokenAnnotationMissing {
            workload,
            namespace,
            account,
            annotation,
            needs,
        };
    }
    let subject = format!("system:serviceaccount:{namespace}:{account}");
    let named =
        |mode: &str| set.client_id.clone().filter(|_| text("mode").as_deref() == Some(mode));
    Problem::FederationNotSeen {
        workload,
        namespace,
        account,
        subject,
        audience: text("audience"),
        client_id: named("federated-credential"),
        bound: named("identity-binding"),
    }
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
    /// Names a pull secret of a workload.
    pub fn of(it: &WaitingWorkload, secret: &str) -> Self {
        let (patched, by_hand) = it.patched(Some(secret));
        Self {
            workload: it.workload.clone(),
            namespace: it.namespace.clone(),
            secret: secret.to_owned(),
            patched,
            by_hand,
        }
    }
}

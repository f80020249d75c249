//! What the area `kubeconfig` can find wrong: the cluster is not known here, or nothing signs in to
//! it. None of it says anything about the registry.

use serde::{Serialize, Serializer};

use crate::kit::{target::ResourceId, world::FileError};

/// Why no cluster can be asked.
#[derive(Debug, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// There is no kubeconfig.
    NoKubeconfig {
        /// Where one was looked for.
        looked: Vec<String>,
    },
    /// A kubeconfig cannot be read.
    FileUnreadable {
        /// The file.
        file: String,
        /// Why.
        fault: String,
    },
    /// A kubeconfig does not parse.
    Malformed {
        /// The file.
        file: String,
        /// Where.
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
        /// Where in that line.
        #[serde(skip_serializing_if = "Option::is_none")]
        column: Option<u64>,
        /// Why, where it is not the syntax.
        #[serde(skip_serializing_if = "Option::is_none")]
        fault: Option<String>,
    },
    /// No context is selected.
    NoContext {
        /// Those that there are.
        contexts: Vec<String>,
    },
    /// There is no such context.
    ContextNotFound {
        /// The context.
        context: String,
        /// Those that there are.
        contexts: Vec<String>,
    },
    /// The context names a cluster or a user that is not there.
    EntryNotFound {
        /// The context.
        context: String,
        /// The list that it should be in: `clusters`, `users`.
        list: &'static str,
        /// Its name.
        name: String,
    },
    /// A field of a cluster or of a user is of no use.
    EntryUnusable {
        /// Its name.
        name: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The user's token has expired.
    TokenExpired {
        /// The user.
        user: String,
        /// When.
        expired: jiff::Timestamp,
    },
    /// The user's client certificate has expired.
    CertificateExpired {
        /// The user.
        user: String,
        /// When.
        expired: jiff::Timestamp,
    },
    /// The program that signs in is not installed.
    ProgramMissing {
        /// The program.
        program: String,
        /// The same, if it is kubelogin.
        #[serde(skip_serializing_if = "Option::is_none")]
        kubelogin: Option<String>,
        /// How to install it, as the kubeconfig says.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// The program that signs in fails.
    ProgramFailed {
        /// The program.
        program: String,
        /// What it says.
        said: String,
    },
    /// Signing in needs a person: a device code or a browser.
    Interactive {
        /// The program.
        program: String,
        /// How it would ask.
        mode: String,
        /// The same, if it is kubelogin.
        #[serde(skip_serializing_if = "Option::is_none")]
        kubelogin: Option<String>,
    },
    /// The user signs in by a way that kubectl no longer has.
    ProviderRemoved {
        /// Its name.
        provider: String,
    },
    /// An AKS cluster is stopped, so its API does not answer.
    ClusterStopped {
        /// The cluster.
        #[serde(flatten)]
        aks: AksName,
    },
    /// The caller may not get the credentials of an AKS cluster.
    ClusterUserRoleMissing {
        /// Who asked.
        who: String,
        /// The caller's object id.
        #[serde(skip_serializing_if = "Option::is_none")]
        caller_id: Option<String>,
        /// Whether the caller is a `User` or a `ServicePrincipal`.
        caller_type: &'static str,
        /// The cluster.
        #[serde(flatten)]
        aks: AksName,
    },
    /// An AKS cluster without Entra ID has its local accounts disabled, so that there is no way to sign in.
    LocalAccountsDisabled {
        /// What Azure says.
        said: String,
        /// The cluster.
        #[serde(flatten)]
        aks: AksName,
    },
    /// The sign-in to Azure gives no token for the API servers of AKS clusters with Entra ID.
    EntraTokenRefused {
        /// Why.
        said: String,
        /// The cluster.
        #[serde(flatten)]
        aks: AksName,
    },
    /// Azure answers without credentials that can be read.
    NoCredentials {
        /// The cluster.
        #[serde(flatten)]
        aks: AksName,
    },
}

/// An AKS cluster, as the commands of az name it.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct AksName(Box<Names>);

#[derive(Clone, Debug, Serialize)]
struct Names {
    cluster: String,
    cluster_group: String,
    cluster_id: String,
    subscription: String,
}

impl AksName {
    /// Returns the name of the cluster with this id.
    pub(crate) fn of(id: &ResourceId) -> Self {
        Self(Box::new(Names {
            cluster: id.name().to_owned(),
            cluster_group: id.group().to_owned(),
            cluster_id: id.to_string(),
            subscription: id.subscription().to_owned(),
        }))
    }
}

/// What is wrong with a field of a kubeconfig.
#[derive(Clone, Debug, strum::VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum EntryFault {
    /// It is no URL with a host.
    NotAUrl,
    /// It is not PEM, or holds nothing of the kind that is needed.
    NotPem,
    /// It is not base64.
    NotBase64,
    /// It names no program.
    NoCommand,
    /// It has another type than kubectl takes, such as a number in the place of a text.
    OtherType,
    /// It is no name of an object of Kubernetes.
    NotAName,
    /// There is none beside a client certificate.
    NoKey,
    /// The file that it names is empty.
    EmptyCredential,
    /// The file that it names cannot be read.
    #[strum(disabled)]
    File(FileError),
}

impl EntryFault {
    /// The words of evidence among its texts.
    pub const WORDS: &[&str] = &[
        "not-a-url",
        "not-pem",
        "not-base64",
        "no-command",
        "other-type",
        "not-a-name",
        "no-key",
        "empty-credential",
    ];
}

impl Serialize for EntryFault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            EntryFault::NotAUrl => to.serialize_str("not-a-url"),
            EntryFault::NotPem => to.serialize_str("not-pem"),
            EntryFault::NotBase64 => to.serialize_str("not-base64"),
            EntryFault::NoCommand => to.serialize_str("no-command"),
            EntryFault::OtherType => to.serialize_str("other-type"),
            EntryFault::NotAName => to.serialize_str("not-a-name"),
            EntryFault::NoKey => to.serialize_str("no-key"),
            EntryFault::EmptyCredential => to.serialize_str("empty-credential"),
            EntryFault::File(error) => to.collect_str(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantNames;

    use super::*;

    #[test]
    fn the_words_are_those_of_the_variants() {
        assert_eq!(EntryFault::VARIANTS[..EntryFault::WORDS.len()], *EntryFault::WORDS);
    }
}

//! Who signs in?

pub mod docker;
mod entry;
mod helper;
mod kubelet;
mod near;
mod read;
mod secret;

use std::rc::Rc;

use serde::Serialize;

use crate::{
    image::Understood,
    kit::{Cx, Got, Secret, Who},
};

/// What can be wrong with what we were given to sign in with.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Trouble {
    /// The file with the credentials cannot be read.
    AuthFileUnreadable {
        /// The file.
        file: String,
        /// Why not.
        said: String,
    },
    /// The pull secret, or any entry in it, does not parse: the kubelet refuses it as a whole.
    PullsecretMalformed {
        /// The file.
        file: String,
        /// Why not, in words that do not quote it.
        said: String,
        /// The key of the entry that is malformed, where it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// The pull secret has no `auths`, below which its entries belong: none is found.
    PullsecretWithoutAuths {
        /// The file.
        file: String,
        /// Entries that stand alone instead.
        #[serde(skip_serializing_if = "Option::is_none")]
        keys: Option<Vec<String>>,
    },
    /// The Secret is of a type that the kubelet passes over.
    PullsecretWrongType {
        /// The file.
        file: String,
        /// That type.
        kind: String,
    },
    /// The entry holds a token in a field that the kubelet does not read.
    PullsecretHoldsToken {
        /// The file.
        file: String,
        /// The entry's key.
        key: String,
        /// The field.
        holds: &'static str,
    },
    /// The pull secret has credentials, under a key that is nearly the registry's.
    PullsecretServerMismatch {
        /// The file.
        file: String,
        /// The entry's key.
        key: String,
        /// The key that is due.
        due: String,
        /// How it differs, as a word.
        differs: &'static str,
    },
    /// The same of docker's own config.
    DockerServerMismatch {
        /// The file.
        file: String,
        /// The entry's key.
        key: String,
        /// The key that is due.
        due: String,
        /// How it differs, as a word.
        differs: &'static str,
    },
    /// docker's own config, which nobody named, or an entry of it cannot be read: docker goes on without.
    DockerConfigUnusable {
        /// The file.
        file: String,
        /// Why not, in words that do not quote it.
        said: String,
        /// The entry, where it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// What was encoded is a line, not a password: its end is part of the password.
    PasswordEndsInNewline {
        /// The file.
        file: String,
        /// The entry's key.
        key: String,
    },
    /// The program that keeps the credentials does not give them.
    HelperFailed {
        /// The file that names it.
        file: String,
        /// The program.
        helper: String,
        /// How it failed.
        said: String,
    },
}

/// Credentials for the registry, and the key under which a file has them.
struct Found {
    credential: Credential,
    key: Option<String>,
}

/// What we sign in with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nothing.
    Nobody,
    /// A user name and a password.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token, to be traded for an access token (`identitytoken`).
    Refresh(Secret),
    /// An access token as it is (`registrytoken`).
    Access(Secret),
}

/// Who signs in, and where that was found.
#[derive(Clone, Serialize)]
pub struct Identity {
    #[serde(skip)]
    pub(crate) credential: Credential,
    /// As a word.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// The file or flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The key of the entry in it.
    #[serde(skip)]
    pub(crate) key: Option<String>,
    /// Whom else the kubelet tries after that.
    #[serde(skip)]
    pub(crate) next: Option<Rc<Identity>>,
}

impl Identity {
    fn new(credential: Credential, from: Option<String>) -> Self {
        let (kind, user) = match &credential {
            Credential::Nobody => ("nobody", None),
            // Where the user name is the secret, it is not shown.
            Credential::Password { user, password } => {
                let is_secret = password.expose().is_empty() || password.expose() == user;
                ("password", (!is_secret).then(|| user.clone()))
            }
            Credential::Refresh(_) => ("refresh-token", None),
            Credential::Access(_) => ("access-token", None),
        };
        Self { credential, kind, user, from, key: None, next: None }
    }

    /// Nobody, whoever there is.
    pub(crate) fn nobody() -> Self {
        Self::new(Credential::Nobody, None)
    }

    /// For the words of a refusal: the user, or what else it is.
    pub(crate) fn name(&self) -> String {
        self.user.clone().unwrap_or_else(|| self.kind.to_owned())
    }

    /// Where it came from, for the words of a refusal.
    pub(crate) fn source(&self) -> String {
        self.from.clone().unwrap_or_else(|| "nobody".to_owned())
    }
}

/// Chooses: `--username`, else the pull secret's file that was named, else the docker config, else nobody.
pub async fn choose(cx: &Cx, understood: &Understood) -> Got<Identity> {
    let sign_in = &cx.subject.sign_in;
    if let (Some((user, password)), Who::Auto) = (&sign_in.given, sign_in.who) {
        let credential = Credential::Password { user: user.clone(), password: password.clone() };
        return Ok(Identity::new(credential, Some("--username".to_owned())));
    }
    if sign_in.who == Who::Anonymous {
        return Ok(Identity::new(Credential::Nobody, None));
    }
    let named = sign_in.auth_file.as_deref();
    let mut file = named;
    for config in &cx.world.docker_configs {
        if file.is_none() && cx.world.has_file(config).await {
            file = Some(config);
        }
    }
    let Some(file) = file else { return Ok(Identity::new(Credential::Nobody, None)) };
    let found = if named.is_some() && sign_in.who != Who::Docker {
        kubelet::find(cx, file, understood).await?
    } else {
        docker::find(cx, file, named.is_some(), understood).await?
    };
    let name = file.display().to_string();
    for Found { credential, key } in &found {
        if let (Some(key), true) = (key, entry::ends_in_newline(credential)) {
            cx.tell(Trouble::PasswordEndsInNewline { file: name.clone(), key: key.clone() });
        }
    }
    let last_first = found.into_iter().rev();
    let first = last_first.fold(None, |next: Option<Identity>, Found { credential, key }| {
        let identity = Identity::new(credential, Some(name.clone()));
        Some(Identity { key, next: next.map(Rc::new), ..identity })
    });
    Ok(first.unwrap_or_else(Identity::nobody))
}

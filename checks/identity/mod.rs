//! Who signs in?

pub mod docker;

use std::path::PathBuf;

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
    /// The file, or this registry's entry in it, does not parse.
    PullsecretMalformed {
        /// The file.
        file: String,
        /// Why not, in words that do not quote it.
        said: String,
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
        Self { credential, kind, user, from }
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

/// Chooses: `--username`, else the docker config, else nobody.
pub async fn choose(cx: &Cx, understood: &Understood) -> Got<Identity> {
    let sign_in = &cx.subject.sign_in;
    if let (Some((user, password)), Who::Auto) = (&sign_in.given, sign_in.who) {
        let credential = Credential::Password { user: user.clone(), password: password.clone() };
        return Ok(Identity::new(credential, Some("--username".to_owned())));
    }
    if sign_in.who == Who::Anonymous {
        return Ok(Identity::new(Credential::Nobody, None));
    }
    let Some(file) = config(cx) else { return Ok(Identity::new(Credential::Nobody, None)) };
    let found = docker::find(cx, &file, &understood.asked).await?;
    let from = found.is_some().then(|| file.display().to_string());
    Ok(Identity::new(found.unwrap_or(Credential::Nobody), from))
}

/// The file that counts: the one that was named, else the first that exists.
fn config(cx: &Cx) -> Option<PathBuf> {
    let named = cx.subject.sign_in.auth_file.clone();
    named.or_else(|| cx.world.docker_configs.iter().find(|file| cx.world.has_file(file)).cloned())
}

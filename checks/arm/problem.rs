//! What the area `arm` can find wrong: Azure Resource Manager does not answer. None of it says
//! anything about the pull.

use serde::Serialize;

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
        /// Who would sign in.
        by: String,
        /// The reason that was given.
        said: String,
    },
    /// Azure Resource Manager refuses the token.
    TokenRefused {
        /// The reason that was given.
        said: String,
    },
    /// Azure Resource Manager cannot be reached.
    Unreachable {
        /// Its host.
        host: String,
        /// How far the connection came.
        stage: String,
        /// How it failed.
        fault: String,
    },
    /// The caller may not read something.
    NotPermitted {
        /// Who asked.
        who: String,
        /// The caller's object id.
        #[serde(skip_serializing_if = "Option::is_none")]
        caller_id: Option<String>,
        /// The permission that is missing.
        action: String,
        /// Where it is missing.
        scope: String,
    },
    /// Too many requests.
    Throttled {
        /// The pause that was asked for, in seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// The answer has no meaning here.
    Unexpected {
        /// What was requested.
        path: String,
        /// What came.
        said: String,
    },
}

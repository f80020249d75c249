//! The words of evidence of the area `token`.

use serde::Serialize;
use strum::{Display, VariantNames};

/// As what each request is made: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum SignedIn {
    /// The registry wants no credentials.
    NotNeeded,
    /// With credentials.
    Yes,
    /// With an anonymous token.
    AsAnonymous,
}

/// What an anonymous client gets: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum AnonymousAnswer {
    /// The manifest.
    Served,
    /// A refusal.
    Refused,
}

/// What the registry does with a token for Azure's management: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ManagementToken {
    /// It accepts the token.
    Taken,
    /// It refuses the token.
    Refused,
    /// That was not asked.
    NotAsked,
}

/// What stands for scopes where there are none: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Scopes {
    /// The token grants nothing.
    Nothing,
    /// The token does not say.
    NotSaid,
    /// No image was named: signing in is all that is asked for.
    SignIn,
}

/// What stands for what a server said where it said nothing of use: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NoAnswer {
    /// Its answer has no token in it.
    NoTokenInIt,
    /// Its realm is not a URL.
    NotAUrl,
}

/// What stands for the tenant of a file that names none: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NoTenant {
    /// None.
    None,
}

//! The words of evidence of the area `token`.

use serde::Serialize;
use strum::{Display, VariantNames};

/// How each request is authenticated: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum SignedIn {
    /// The registry requires no credentials.
    NotNeeded,
    /// Requests carry credentials.
    Yes,
    /// Requests carry an anonymous token.
    AsAnonymous,
}

/// What an anonymous client receives: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum AnonymousAnswer {
    /// The registry serves the manifest.
    Served,
    /// The registry refuses the request.
    Refused,
}

/// What the registry does with a token for Azure Resource Manager: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ManagementToken {
    /// The registry accepts the token.
    Taken,
    /// The registry refuses the token.
    Refused,
    /// It was not tested whether the registry accepts the token.
    NotAsked,
}

/// A substitute for the scopes if there are none: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Scopes {
    /// The token grants nothing.
    Nothing,
    /// The token does not state its scopes.
    NotSaid,
    /// No image was named, so only signing in is requested.
    SignIn,
}

/// A substitute for a server's message if it sent nothing useful: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NoAnswer {
    /// The response contains no token.
    NoTokenInIt,
}

/// What the registry refuses to a client without credentials: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Access {
    /// A client without credentials.
    AnonymousAccess,
}

/// A substitute for the tenant if a file names none: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NoTenant {
    /// The file names no tenant.
    None,
}

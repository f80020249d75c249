//! What is wrong with how the credential provider runs.

use serde::Serialize;
use strum::VariantNames;

/// What is wrong with how the provider ran: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum RunFault {
    /// It cannot be started.
    NotStarted,
    /// It ends with an error.
    EndsWithError,
    /// It does not end in time.
    DoesNotEnd,
    /// It prints more than anybody reads.
    PrintsTooMuch,
    /// It prints nothing.
    PrintsNothing,
    /// It prints something else than the answer.
    PrintsGarbage,
    /// The kubelet does not take the kind of its cache key.
    OddCacheKey,
    /// It answers, but not for this image.
    OtherImage,
    /// The answer has no password for this image.
    NoPasswordInAnswer,
    /// It signs in with another user name than its files say.
    OtherUser,
}

//! Who signs in: the candidates, in the order in which a kubelet tries them.

use serde::Serialize;
use strum::VariantNames;

use super::credential::Candidate;

/// Who signs in: the first of the candidates, and those that are tried after it.
#[derive(Clone, Serialize)]
pub struct Identity {
    #[serde(flatten)]
    pub(crate) first: Candidate,
    #[serde(skip)]
    pub(crate) rest: Vec<Candidate>,
    /// What would have come before the first, and is not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) instead_of: Vec<Absent>,
}

/// What was looked for before the candidate that was found: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Absent {
    /// The files of an AKS node.
    NoNodeFiles,
    /// The variables of a workload identity.
    NoWorkloadIdentity,
    /// An entry for the registry in a docker config.
    NoDockerEntry,
    /// A single managed identity that is attached to the machine.
    NoSingleIdentity,
}

impl From<Candidate> for Identity {
    fn from(first: Candidate) -> Self {
        Self { first, rest: vec![], instead_of: vec![] }
    }
}

impl Identity {
    /// Returns those of a list, where there are any.
    pub(super) fn of(candidates: Vec<Candidate>) -> Option<Self> {
        let mut candidates = candidates.into_iter();
        let first = candidates.next()?;
        Some(Self { rest: candidates.collect(), ..Self::from(first) })
    }

    /// Returns all candidates, the first first.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Adds all of another one after its own.
    pub(super) fn followed_by(mut self, last: Self) -> Self {
        self.rest.push(last.first);
        self.rest.extend(last.rest);
        self
    }

    /// Sets whether an identity that is unknown here may sign in instead of the first.
    pub(super) fn others_may(mut self, others_may: bool) -> Self {
        self.first.others_may = others_may;
        self
    }
}

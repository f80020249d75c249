//! The identity that signs in: the candidates, in the order in which a kubelet tries them.

use serde::Serialize;
use strum::VariantNames;

use super::credential::Candidate;

/// The identity that signs in: the first candidate and those that are tried after it.
#[derive(Clone, Serialize)]
pub struct Identity {
    #[serde(flatten)]
    pub(crate) first: Candidate,
    #[serde(skip)]
    pub(crate) rest: Vec<Candidate>,
    /// The sources that come before the first candidate's but are absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) instead_of: Vec<Absent>,
    /// Who signs in at a mirror of the registry, and its login server.
    #[serde(skip)]
    pub(crate) at_mirror: Option<(String, Candidate)>,
}

/// A source of credentials that is absent, so that a later one was used: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Absent {
    /// There are no files of an AKS node.
    NoNodeFiles,
    /// There are no variables of a workload identity.
    NoWorkloadIdentity,
    /// There is no entry for the registry in a docker config.
    NoDockerEntry,
    /// There is no single managed identity that is attached to the machine.
    NoSingleIdentity,
}

impl From<Candidate> for Identity {
    fn from(first: Candidate) -> Self {
        Self { first, rest: vec![], instead_of: vec![], at_mirror: None }
    }
}

impl Identity {
    /// Returns an identity with the candidates of a list; `None` if the list is empty.
    pub(super) fn of(candidates: Vec<Candidate>) -> Option<Self> {
        let mut candidates = candidates.into_iter();
        let first = candidates.next()?;
        Some(Self { rest: candidates.collect(), ..Self::from(first) })
    }

    /// Returns all candidates in order.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Appends the candidates of another identity.
    pub(super) fn followed_by(mut self, last: Self) -> Self {
        self.rest.push(last.first);
        self.rest.extend(last.rest);
        self
    }

    /// Sets whether an identity that is unknown here may sign in instead of the first candidate.
    pub(super) fn others_may(mut self, others_may: bool) -> Self {
        self.first.others_may = others_may;
        self
    }
}

//! A finding that counts, with every view that saw it.

use std::{borrow::Cow, collections::BTreeSet};

use checks::{
    compared::Separator,
    kit::engine::{Finding, Vantage},
};

/// One view's finding of a cause that others may share.
#[derive(Clone, Debug)]
pub struct Sighting<'a> {
    /// The vantage of the view.
    pub vantage: &'a Vantage,
    /// The finding with its evidence.
    pub finding: Cow<'a, Finding>,
}

/// A finding that counts, with every view that saw it.
#[derive(Clone, Debug)]
pub struct Cause<'a> {
    /// The step that found it.
    pub step: &'a str,
    /// One sighting for each view, in report order.
    pub seen: Vec<Sighting<'a>>,
    /// The codes that it explains and the steps that it blocks, in any view.
    pub consequences: Vec<&'a str>,
    /// What separates the nodes that saw it from those that can pull.
    pub separators: Vec<Separator>,
    /// The workloads of pods that it is about, by their places; all that are on these nodes where it does
    /// not say.
    pub workloads: Option<BTreeSet<usize>>,
}

impl Cause<'_> {
    /// Returns the finding as the first view has it.
    pub fn finding(&self) -> &Finding {
        &self.seen[0].finding
    }

    /// Returns its code.
    pub fn code(&self) -> &str {
        &self.finding().code
    }
}

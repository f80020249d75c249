//! What starts the agent on each of the nodes, and what carries it there.

use std::{rc::Rc, sync::Arc};

use checks::kit::kube::{ChosenNode, JobProblem};
use serde_json::Value;

use super::{
    carried::{Packages, maps, start},
    manifest::{JobSettings, Start},
};
use crate::carry::Package;

/// What starts the agent on the nodes, by their numbers.
pub(super) struct Starts {
    /// The nodes on which it can be started.
    pub(super) able: Vec<(usize, Rc<Start>)>,
    /// The others.
    pub(super) unable: Vec<(usize, JobProblem)>,
    /// What is carried, for each kind of processor.
    packages: Vec<(String, Arc<Package>)>,
}

impl Starts {
    /// Finds what starts the agent on these nodes.
    pub(super) async fn of(
        settings: &JobSettings,
        nodes: &[ChosenNode],
        packages: &Packages,
    ) -> Self {
        let mut starts = Self { able: vec![], unable: vec![], packages: vec![] };
        for (number, node) in nodes.iter().enumerate() {
            match starts.find(settings, node, packages).await {
                Ok(start) => starts.able.push((number, Rc::new(start))),
                Err(why) => starts.unable.push((number, why)),
            }
        }
        starts
    }

    async fn find(
        &mut self,
        settings: &JobSettings,
        node: &ChosenNode,
        packages: &Packages,
    ) -> Result<Start, JobProblem> {
        if let Some(image) = &settings.request.image {
            return Ok(pulled(image));
        }
        let package = packages.of(&node.architecture).await?;
        let start = start(settings, node, package.maps.len())?;
        if self.packages.iter().all(|(known, _)| *known != node.architecture) {
            self.packages.push((node.architecture.clone(), package));
        }
        Ok(start)
    }

    /// Returns the Job that is to own everything else; `None` where no node can be looked from.
    pub(super) fn owner(&self, settings: &JobSettings, nodes: &[ChosenNode]) -> Option<Value> {
        let (first, start) = self.able.first()?;
        Some(settings.owner(&nodes[*first], start, self.able.len()))
    }

    /// Returns the ConfigMaps that the Jobs mount.
    pub(super) fn maps(&self, settings: &JobSettings) -> Vec<Value> {
        let packages = self.packages.iter();
        packages.flat_map(|(kind, package)| maps(settings, kind, package)).collect()
    }
}

/// Returns what a container starts from when its image holds check-acr.
pub(super) fn pulled(image: &str) -> Start {
    Start { image: image.to_owned(), command: None, may_pull: true, volumes: vec![] }
}

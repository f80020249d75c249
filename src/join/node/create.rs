//! Creates the Jobs: in sets, whose agent is carried by the same ConfigMaps.

use std::cell::RefCell;

use checks::kit::kube::{
    ChosenNode, GetParams, JobProblem, KubeError, KubeRequest, Object, PostParams, Refusal,
};
use futures::{
    future::join_all,
    stream::{self, StreamExt},
};
use serde_json::Value;

use super::{
    carried::{MAX_OWNERS, maps, start},
    jobs::{AT_ONCE, Jobs, State},
    manifest::Start,
};
use crate::carry::Package;

/// Returns the sets of nodes whose Jobs mount the same: of one architecture, and not too many.
pub(super) fn sets(nodes: &[ChosenNode]) -> Vec<(&str, Vec<usize>)> {
    let mut sets: Vec<(&str, Vec<usize>)> = vec![];
    for (number, node) in nodes.iter().enumerate() {
        let open = sets.iter_mut().find(|(architecture, set)| {
            *architecture == node.architecture && set.len() < MAX_OWNERS
        });
        match open {
            Some((_, set)) => set.push(number),
            None => sets.push((&node.architecture, vec![number])),
        }
    }
    sets
}

/// Returns what a container starts from when its image holds check-acr.
pub(super) fn pulled(image: &str) -> Start {
    Start { image: image.to_owned(), command: None, may_pull: true, volumes: vec![] }
}

impl Jobs<'_> {
    pub(super) async fn create_all(&self) {
        if let Some(image) = &self.settings.request.image {
            let numbers = stream::iter(0..self.nodes.len());
            let start = pulled(image);
            let creating = numbers.map(|number| self.create(number, &start));
            creating.buffer_unordered(AT_ONCE).for_each(|_| std::future::ready(())).await;
            return;
        }
        for (set, (architecture, numbers)) in sets(self.nodes).into_iter().enumerate() {
            match self.packages.of(architecture).await {
                Ok(package) => self.create_set(set, &numbers, &package).await,
                Err(why) => {
                    numbers.iter().for_each(|number| self.settle(*number, Err(why.clone())));
                }
            }
        }
    }

    /// Creates the Jobs of a set, and then what they mount: it goes when they go.
    async fn create_set(&self, set: usize, numbers: &[usize], package: &Package) {
        let owners = RefCell::new(vec![]);
        let create = async |number: usize| {
            let node = &self.nodes[number];
            match start(self.settings, node, set, package) {
                Ok(start) => {
                    let owner = self.create(number, &start).await;
                    owners.borrow_mut().extend(owner);
                }
                Err(why) => self.settle(number, Err(why)),
            }
        };
        let creating = stream::iter(numbers.iter().copied()).map(create);
        creating.buffer_unordered(AT_ONCE).for_each(|()| std::future::ready(())).await;
        let owners = owners.take();
        if owners.is_empty() {
            return;
        }
        let path = format!("/api/v1/namespaces/{}/configmaps", self.settings.namespace);
        let create = async |map: Value| {
            let map = map.to_string().into_bytes();
            match KubeRequest::new(&path).create(&PostParams::default(), map) {
                Ok(request) => self.kube.ask::<Object>(self.cx, request).await,
                Err(error) => Err(error.into()),
            }
        };
        let maps = maps(self.settings, set, package, &owners).into_iter().map(create);
        for created in join_all(maps).await {
            if let Err(error) = created
                && error.status() != Some(409)
            {
                let why = self.refused(&error);
                numbers.iter().for_each(|number| self.settle(*number, Err(why.clone())));
                return;
            }
        }
    }

    fn refused(&self, error: &KubeError) -> JobProblem {
        JobProblem::refused(error, &self.settings.namespace)
    }

    /// Creates the Job of a node; returns its name and its id.
    async fn create(&self, number: usize, start: &Start) -> Option<(String, String)> {
        let job = self.settings.job(number, &self.nodes[number], start).to_string().into_bytes();
        let request = self.jobs().create(&PostParams::default(), job);
        let created: Result<Object, KubeError> = match request {
            Ok(request) => {
                self.states[number].set(State::Begun);
                self.kube.ask(self.cx, request).await
            }
            Err(error) => Err(error.into()),
        };
        // A request that was repeated may have done it the first time.
        let created = match created {
            Err(error) if error.status() == Some(409) => self.existing(number).await,
            created => created,
        };
        match created {
            Ok(job) => {
                self.note_progress();
                // A pod may have reported before its Job's creation was answered.
                if self.states[number].get() == State::Begun {
                    self.states[number].set(State::Created);
                }
                Some((job.metadata.name, job.metadata.uid))
            }
            Err(error) => {
                if Refusal::of(&error).is_some() {
                    self.states[number].set(State::Planned);
                }
                self.settle(number, Err(self.refused(&error)));
                None
            }
        }
    }

    async fn existing(&self, number: usize) -> Result<Object, KubeError> {
        let name = self.settings.name(number);
        self.kube.ask(self.cx, self.jobs().get(&name, &GetParams::default())?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_of_one_architecture_and_not_too_large() {
        let node = |number: usize| ChosenNode {
            name: format!("n{number}"),
            architecture: if number.is_multiple_of(3) { "arm64" } else { "amd64" }.into(),
            attributes: vec![],
            image: None,
            pool: String::new(),
        };
        let nodes: Vec<ChosenNode> = (0..450).map(node).collect();
        let sets = sets(&nodes);
        assert_eq!(sets.iter().map(|(_, set)| set.len()).sum::<usize>(), 450);
        for (architecture, set) in &sets {
            assert!(set.len() <= MAX_OWNERS);
            assert!(set.iter().all(|number| nodes[*number].architecture == *architecture));
        }
        assert_eq!(sets.len(), 5, "150 and 300 nodes");
    }
}

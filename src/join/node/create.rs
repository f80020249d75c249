//! Creates the Jobs, and before them what carries the agent to their nodes.

use checks::kit::kube::{
    ChosenNode, JobProblem, KubeError, KubeRequest, List, ListParams, Object, PostParams, Refusal,
};
use futures::{
    future::join_all,
    stream::{self, StreamExt},
};
use serde_json::Value;

use super::{
    carried::{maps, start},
    jobs::{Jobs, Left, State},
    manifest::Start,
};
use crate::carry::Package;

/// How many requests of a kind are under way at once.
pub(super) const AT_ONCE: usize = 16;

/// Returns the nodes by their kind of processor: those of a kind mount the same.
pub(super) fn kinds(nodes: &[ChosenNode]) -> Vec<(&str, Vec<usize>)> {
    let mut kinds: Vec<(&str, Vec<usize>)> = vec![];
    for (number, node) in nodes.iter().enumerate() {
        match kinds.iter_mut().find(|(architecture, _)| *architecture == node.architecture) {
            Some((_, kind)) => kind.push(number),
            None => kinds.push((&node.architecture, vec![number])),
        }
    }
    kinds
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
            creating.buffer_unordered(AT_ONCE).for_each(|()| std::future::ready(())).await;
            return;
        }
        for (architecture, numbers) in kinds(self.nodes) {
            match self.packages.of(architecture).await {
                Ok(package) => self.create_kind(&numbers, &package).await,
                Err(why) => self.settle_all(&numbers, &why),
            }
        }
    }

    fn settle_all(&self, numbers: &[usize], why: &JobProblem) {
        numbers.iter().for_each(|number| self.settle(*number, Err(why.clone())));
    }

    /// Creates what the Jobs of one kind of nodes mount, and then the Jobs: a kubelet that finds it
    /// missing looks again only after a pause, which grows.
    async fn create_kind(&self, numbers: &[usize], package: &Package) {
        let starts = numbers.iter().map(|number| {
            let node = &self.nodes[*number];
            (*number, start(self.settings, node, package.maps.len()))
        });
        let mut able = vec![];
        for (number, start) in starts {
            match start {
                Ok(start) => able.push((number, start)),
                Err(why) => self.settle(number, Err(why)),
            }
        }
        let Some((first, start)) = able.first() else { return };
        if let Err(error) = self.carry(&self.nodes[*first], start, able.len(), package).await {
            return self.settle_all(numbers, &self.refused(&error));
        }
        let creating = stream::iter(&able).map(|(number, start)| self.create(*number, start));
        creating.buffer_unordered(AT_ONCE).for_each(|()| std::future::ready(())).await;
    }

    /// Creates the Job without a pod, and the ConfigMaps that it owns.
    async fn carry(
        &self,
        node: &ChosenNode,
        start: &Start,
        nodes: usize,
        package: &Package,
    ) -> Result<(), KubeError> {
        let name = self.settings.carrier_name(&node.architecture);
        let job = self.settings.carrier(node, start, nodes).to_string().into_bytes();
        let request = self.jobs().create(&PostParams::default(), job)?;
        self.carriers.borrow_mut().push(name.clone());
        let owner = match self.kube.ask::<Object>(self.cx, request).await {
            Err(error) if error.is_already_there() => self.existing(&name).await?,
            Err(error) => {
                if Refusal::of(&error).is_some() {
                    self.carriers.borrow_mut().pop();
                }
                return Err(error);
            }
            Ok(owner) => owner,
        };
        let path = format!("/api/v1/namespaces/{}/configmaps", self.settings.namespace);
        let create = async |map: Value| {
            let map = map.to_string().into_bytes();
            let request = KubeRequest::new(&path).create(&PostParams::default(), map)?;
            self.kube.ask::<Object>(self.cx, request).await
        };
        let maps = maps(self.settings, &node.architecture, package, &owner.metadata.uid);
        for created in join_all(maps.into_iter().map(create)).await {
            match created {
                Err(error) if !error.is_already_there() => return Err(error),
                _ => {}
            }
        }
        self.note_progress();
        Ok(())
    }

    fn refused(&self, error: &KubeError) -> JobProblem {
        JobProblem::refused(error, &self.settings.namespace)
    }

    /// Creates the Job of a node.
    async fn create(&self, number: usize, start: &Start) {
        let job = self.settings.job(number, &self.nodes[number], start).to_string().into_bytes();
        let request = self.jobs().create(&PostParams::default(), job);
        let created: Result<Object, KubeError> = match request {
            Ok(request) => {
                self.states[number].set(State::Begun);
                self.kube.ask(self.cx, request).await
            }
            Err(error) => Err(error.into()),
        };
        match created {
            Err(error) if error.is_already_there() => {
                let existing = self.existing(&self.settings.name(number)).await;
                match existing {
                    Ok(job) => self.is_created(number, &job).await,
                    // It exists all the same.
                    Err(error) => self.settle(number, Err(self.refused(&error))),
                }
            }
            Ok(job) => self.is_created(number, &job).await,
            Err(error) => {
                self.is_refused(number, &error);
            }
        }
    }

    /// Notes that the API did not take a Job, or did not answer. A pod that reported says that it exists.
    fn is_refused(&self, number: usize, error: &KubeError) {
        if Refusal::of(error).is_some() && self.states[number].get() == State::Begun {
            self.states[number].set(State::Planned);
        }
        self.settle(number, Err(self.refused(error)));
    }

    /// Notes that a Job exists. Its pod may have reported before.
    async fn is_created(&self, number: usize, job: &Object) {
        self.note_progress();
        if let State::Settled(_) = self.states[number].get() {
            self.states[number].set(State::Settled(Left::Created));
            return self.be_done_with(number);
        }
        self.states[number].set(State::Created);
        self.ids.borrow_mut()[number] = Some(job.metadata.uid.clone());
        let early = self.early.borrow_mut().remove(&number);
        if let Some(pod) = early {
            self.take(&pod).await;
        }
    }

    /// Returns the Job of this run with that name. It is listed, which we may: not to read one alone.
    async fn existing(&self, name: &str) -> Result<Object, KubeError> {
        let params = ListParams::default().labels(&self.settings.selector());
        let listed = self.kube.ask::<List<Object>>(self.cx, self.jobs().list(&params)?).await?;
        let found = listed.items.into_iter().find(|job| job.metadata.name == name);
        found.ok_or(KubeError::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_a_kind_are_together() {
        let node = |number: usize| ChosenNode {
            name: format!("n{number}"),
            architecture: if number.is_multiple_of(3) { "arm64" } else { "amd64" }.into(),
            attributes: vec![],
            image: None,
            pool: String::new(),
        };
        let nodes: Vec<ChosenNode> = (0..450).map(node).collect();
        let kinds = kinds(&nodes);
        let counts: Vec<(&str, usize)> =
            kinds.iter().map(|(kind, set)| (*kind, set.len())).collect();
        assert_eq!(counts, [("arm64", 150), ("amd64", 300)]);
    }
}

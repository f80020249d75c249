//! What the nodes told of their pulls of one target, for the control plane: which failed, and whether
//! all work.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use checks::{
    data_path::FromNodes,
    kit::{
        Target,
        engine::{Event, EventKind, Finding, Severity, StepEnd, Vantage},
        kube::ImagePods,
    },
    steps,
};

use super::jobs::Tell;

/// What was told so far of a target.
#[derive(Default)]
pub(crate) struct Told {
    /// The id of the target: what is told of another does not count.
    target: String,
    /// The steps whose success is that of the pull.
    last: Vec<&'static str>,
    works: BTreeSet<Vantage>,
    /// What the nodes say that leave the sign-in to their pods.
    by_account: Vec<(Finding, Vantage)>,
    from_nodes: FromNodes,
}

impl Told {
    /// Returns what is told of that target.
    pub(crate) fn new(target: &Target) -> Self {
        let is_image = target.asked.as_ref().is_ok_and(|asked| asked.image.is_some());
        let last = if is_image {
            vec![steps::LAYER.name, steps::MIRROR_LAYER.name]
        } else {
            vec![steps::TOKEN.name]
        };
        Self { target: target.id(), last, ..Self::default() }
    }

    /// Returns what is told of that target, to be shared.
    pub(super) fn of(target: &Target) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self::new(target)))
    }

    /// Returns what passes each event on, and keeps what it tells.
    pub(super) fn listening(told: &Rc<RefCell<Self>>, tell: Tell) -> Tell {
        let told = told.clone();
        Rc::new(move |event: Event| {
            told.borrow_mut().take(&event);
            tell(event);
        })
    }

    /// Takes an event, whatever target it is of.
    pub(crate) fn take(&mut self, event: &Event) {
        if !event.from.pulls() || event.target != self.target {
            return;
        }
        match &event.kind {
            EventKind::Found { step, finding } if finding.severity == Severity::Error => {
                let failed = &mut self.from_nodes.failed;
                if failed.iter().all(|(known, _)| known != step) {
                    failed.push((step.clone(), finding.clone()));
                }
            }
            EventKind::Finished { end: StepEnd::CouldNotTell { why: finding }, .. }
            | EventKind::Found { finding, .. }
                if checks::waiting::is_by_account(finding) =>
            {
                self.by_account.push((finding.clone(), event.from.clone()));
            }
            EventKind::Finished { step, end: StepEnd::Passed { .. }, .. }
                if self.last.contains(&step.as_str()) =>
            {
                self.works.insert(event.from.clone());
            }
            _ => {}
        }
    }

    /// Returns what the nodes of these pods told, none of which is known to work.
    pub(crate) fn of_pods(&self, pods: Option<&ImagePods>) -> FromNodes {
        let account = self
            .by_account
            .iter()
            .find_map(|(finding, from)| checks::waiting::account(pods?, finding, from.node()?));
        FromNodes { account, ..self.from_nodes.clone() }
    }

    /// Returns what that many nodes told.
    pub(crate) fn of_nodes(&self, nodes: usize) -> FromNodes {
        FromNodes { all_work: self.works.len() == nodes, ..self.from_nodes.clone() }
    }
}

#[cfg(test)]
mod tests {
    use checks::kit::engine::VERSION;

    use super::*;

    #[test]
    fn what_is_told_of_another_target_does_not_count() {
        let told = |target: &str, kind: &EventKind| {
            let mut told =
                Told { target: "a".into(), last: vec![steps::LAYER.name], ..Told::default() };
            let (at, from) = (jiff::Timestamp::UNIX_EPOCH, Vantage::Node("n1".into()));
            let (target, kind) = (target.to_owned(), kind.clone());
            told.take(&Event { v: VERSION, at, target, from, kind });
            let FromNodes { all_work, failed, .. } = told.of_nodes(1);
            (all_work, failed.len())
        };
        let end = StepEnd::Passed { saw: serde_json::Map::default() };
        let works = EventKind::Finished { step: steps::LAYER.name.into(), end, took_ms: 1 };
        assert_eq!((told("a", &works), told("b", &works)), ((true, 0), (false, 0)));
        let (code, evidence) = ("token/outage".to_owned(), serde_json::Map::default());
        let finding = Finding { code, severity: Severity::Error, evidence };
        let fails = EventKind::Found { step: steps::TOKEN.name.into(), finding };
        assert_eq!((told("a", &fails), told("b", &fails)), ((false, 1), (false, 0)));
    }
}

//! Runs the plans of all targets with the selected steps, within the time limit, until interrupted.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use checks::kit::{
    Plan, Target, World,
    engine::{Event, EventKind, Finding, StepEnd, VERSION, Vantage},
};
use futures::future::join_all;
use jiff::Timestamp;

use crate::wait::cut_short;

/// The options of a run.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The steps to run, together with those that they need; empty means all.
    pub only: BTreeSet<String>,
    /// The steps to leave out.
    pub skip: BTreeSet<String>,
    /// The time limit for the whole run.
    pub timeout: Duration,
    /// The vantage of the run.
    pub vantage: Vantage,
    /// The labels of the node that it looks from.
    pub labels: BTreeMap<String, String>,
}

/// Runs the pull path of each target from one vantage, side by side. Reports each event as it happens and
/// returns all of them.
pub async fn run(
    targets: Vec<Target>,
    world: World,
    wanted: &Wanted,
    tell: impl Fn(&Event) + 'static,
) -> Vec<Event> {
    let events: Rc<RefCell<Vec<Event>>> = Rc::default();
    let kept = events.clone();
    let listener = Rc::new(move |event: Event| {
        tell(&event);
        kept.borrow_mut().push(event);
    });
    let ids: Vec<String> = targets.iter().map(Target::id).collect();
    let wants = |step: &str| wanted.only.is_empty() || wanted.only.contains(step);
    let host = host(&world).await;
    let plans = targets.into_iter().map(|target| {
        let skip = wanted.skip.clone();
        let mut plan =
            Plan::new(target, wanted.vantage.clone(), world.clone(), skip, listener.clone());
        plan.announce(env!("CARGO_PKG_VERSION"), host.clone(), wanted.labels.clone());
        checks::pull(&mut plan);
        plan.run(wants)
    });
    let plans: Vec<_> = plans.collect();
    let cut_short = tokio::select! {
        _ = join_all(plans) => None,
        why = cut_short(wanted.timeout) => Some(why),
    };
    if let Some(why) = cut_short {
        let why = Finding::from(why);
        for id in ids {
            for from in [wanted.vantage.clone(), Vantage::Azure] {
                let ends = ends(&events.borrow(), &id, &from, wants, &why);
                for kind in ends {
                    let (at, target, from) = (Timestamp::now(), id.clone(), from.clone());
                    listener(Event { v: VERSION, at, target, from, kind });
                }
            }
        }
    }
    events.take()
}

/// Returns the name of this host: of the node, where its files are seen; in a pod, the pod's name.
async fn host(world: &World) -> Option<String> {
    let nodes =
        if world.on_node { world.read(&world.of_node("/etc/hostname")).await.ok() } else { None };
    let name = match nodes {
        Some(name) => String::from_utf8_lossy(&name).into_owned(),
        None => std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?,
    };
    Some(checks::kit::sanitize_text(name.trim())).filter(|name| !name.is_empty())
}

/// Returns the events that close what was seen of a target from one vantage when the run is cut
/// short.
pub(crate) fn ends(
    events: &[Event],
    target: &str,
    from: &Vantage,
    wants: impl Fn(&str) -> bool,
    why: &Finding,
) -> Vec<EventKind> {
    let events = events.iter().filter(|event| event.target == target && event.from == *from);
    let events: Vec<&EventKind> = events.map(|event| &event.kind).collect();
    let finished = |(step, end)| EventKind::Finished { step, end, took_ms: 0 };
    let mut ends: Vec<EventKind> = open(&events, wants, why).into_iter().map(finished).collect();
    if ends.is_empty() && *from != Vantage::Azure {
        // Every step has ended, but background checks have not.
        let step = events.iter().rev().find_map(|kind| kind.step().map(str::to_owned));
        ends.extend(step.map(|step| EventKind::Found { step, finding: why.clone() }));
    }
    ends
}

/// Ends the unfinished steps of a run that was cut short: those that had begun could not tell, the
/// others are blocked by them.
fn open(
    events: &[&EventKind],
    wants: impl Fn(&str) -> bool,
    why: &Finding,
) -> Vec<(String, StepEnd)> {
    let ended = |name: &str| {
        events.iter().any(|kind| matches!(kind, EventKind::Finished { step, .. } if step == name))
    };
    let started = |name: &str| {
        events.iter().any(|kind| matches!(kind, EventKind::Started { step } if step == name))
    };
    let open = events.iter().filter_map(|kind| match kind {
        EventKind::Planned { step, after } if !ended(step) && (wants(step) || started(step)) => {
            let waits = after.iter().find(|before| !started(step) && !ended(before));
            let end = match waits {
                Some(by) => StepEnd::Blocked { by: by.clone() },
                None => StepEnd::CouldNotTell { why: why.clone() },
            };
            Some((step.clone(), end))
        }
        _ => None,
    });
    open.collect()
}

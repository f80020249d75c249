//! Runs the plan: what is wanted of it, no longer than it may take, until somebody interrupts.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use checks::kit::{
    Plan, Target, World,
    engine::{Event, EventKind, Finding, RunProblem, StepEnd, VERSION},
};
use jiff::Timestamp;

/// What is wanted of a run.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// These steps, and those that they need; all when empty.
    pub only: BTreeSet<String>,
    /// These steps are left out.
    pub skip: BTreeSet<String>,
    /// How long the whole run may take.
    pub timeout: Duration,
}

/// Runs the pull path, tells each event as it happens, and gives them all.
pub async fn run(
    target: Target,
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
    let mut plan = Plan::new(target, world, wanted.skip.clone(), listener.clone());
    plan.announce(env!("CARGO_PKG_VERSION"));
    checks::pull(&mut plan);
    let wants = |step: &str| wanted.only.is_empty() || wanted.only.contains(step);
    let cut_short = tokio::select! {
        () = plan.run(wants) => None,
        () = tokio::time::sleep(wanted.timeout) => {
            Some(RunProblem::TimeUp { seconds: wanted.timeout.as_secs() })
        }
        _ = tokio::signal::ctrl_c() => Some(RunProblem::Interrupted {}),
    };
    if let Some(why) = cut_short {
        let why = Finding::from(why);
        let ends = cut(&events.borrow(), wants, &why);
        let mut ends: Vec<_> = ends
            .into_iter()
            .map(|(step, end)| EventKind::Finished { step, end, took_ms: 0 })
            .collect();
        if ends.is_empty() {
            // Every step has ended; what was graded beside them has not.
            let step = events.borrow().iter().rev().find_map(|e| e.step().map(str::to_owned));
            ends.extend(step.map(|step| EventKind::Found { step, finding: why }));
        }
        for kind in ends {
            listener(Event { v: VERSION, at: Timestamp::now(), from: "here".into(), kind });
        }
    }
    events.take()
}

/// Gives the steps that have no end the one that they have when a run is cut short: those under way
/// could not tell, the others wait for them.
fn cut(events: &[Event], wanted: impl Fn(&str) -> bool, why: &Finding) -> Vec<(String, StepEnd)> {
    let ended = |name: &str| {
        events.iter().any(|e| matches!(&e.kind, EventKind::Finished { step, .. } if step == name))
    };
    let started = |name: &str| {
        events.iter().any(|e| matches!(&e.kind, EventKind::Started { step } if step == name))
    };
    let open = events.iter().filter_map(|event| match &event.kind {
        EventKind::Planned { step, after } if !ended(step) && (wanted(step) || started(step)) => {
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

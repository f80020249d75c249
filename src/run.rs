//! Runs the plan: what is wanted of it, no longer than it may take, until somebody interrupts.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use checks::kit::{End, Event, Finding, Plan, RunTrouble, Subject, VERSION, What, World};
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
    subject: Subject,
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
    let mut plan = Plan::new(subject, world, wanted.skip.clone(), listener.clone());
    plan.announce(env!("CARGO_PKG_VERSION"));
    checks::pull(&mut plan);
    let wants = |step: &str| wanted.only.is_empty() || wanted.only.contains(step);
    let cut_short = tokio::select! {
        () = plan.run(wants) => None,
        () = tokio::time::sleep(wanted.timeout) => {
            Some(RunTrouble::TimeUp { seconds: wanted.timeout.as_secs() })
        }
        _ = tokio::signal::ctrl_c() => Some(RunTrouble::Interrupted {}),
    };
    if let Some(why) = cut_short {
        let unfinished = unfinished(&events.borrow(), wants);
        let why = Finding::from(why);
        for step in unfinished {
            let end = End::Broke { why: why.clone() };
            let what = What::Finished { step, end, took_ms: 0 };
            listener(Event { v: VERSION, at: Timestamp::now(), from: "here".into(), what });
        }
    }
    events.take()
}

/// The wanted steps that have no end.
fn unfinished(events: &[Event], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut open: Vec<String> = vec![];
    for event in events {
        match &event.what {
            What::Planned { step, .. } if wanted(step) => open.push(step.clone()),
            What::Started { step } if !open.contains(step) => open.push(step.clone()),
            What::Finished { step, .. } => open.retain(|open| open != step),
            _ => {}
        }
    }
    open
}

//! Tries the credentials that pods present, from here: what the registry answers to each. Nothing of
//! them goes anywhere else, and of the run only its result is kept.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use checks::{
    kit::{
        Plan, Target, World,
        engine::{Event, EventKind, Severity, StepEnd, Vantage},
        keyring::RegistryAnswer,
        kube::{Attempt, ImagePods},
        target::{ControlPlane, SignIn, Who},
    },
    steps,
};
use futures::future::join_all;

/// How long the credentials may take at most, all of them side by side.
const WAIT: Duration = Duration::from_secs(15);

/// Tries each credential for the image of its target, and writes down what the registry answers.
pub(crate) async fn try_each(
    attempts: &[Attempt],
    targets: &[Target],
    pods: &mut [ImagePods],
    (world, limit): (&World, Duration),
) {
    let place = |attempt: &Attempt| pods.iter().position(|of| of.image == attempt.image);
    let open = attempts.iter().filter_map(|attempt| Some((place(attempt)?, attempt)));
    // A name of this machine is another one on a node, and what answers here would get the password.
    let can_be_tried = |(place, _): &(usize, &Attempt)| {
        targets[*place].asked.as_ref().is_ok_and(|asked| !asked.host.is_local())
    };
    let open: Vec<(usize, &Attempt)> = open.filter(can_be_tried).collect();
    let tries = open.iter().map(|(place, attempt)| {
        let answer = answer(&targets[*place], attempt, world.clone());
        async move {
            tokio::time::timeout(WAIT.min(limit), answer).await.unwrap_or(RegistryAnswer::NotTried)
        }
    });
    let answers = join_all(tries.collect::<Vec<_>>()).await;
    for ((place, attempt), answer) in open.into_iter().zip(answers) {
        let of = &mut pods[place];
        let Some(presented) = &attempt.presented else {
            of.anonymous = Some(answer);
            continue;
        };
        let set = of.credentials.get_mut(presented.set);
        if let Some(row) = set.and_then(|set| set.rows.get_mut(presented.row)) {
            row.answer = Some(answer);
        }
    }
}

async fn answer(target: &Target, attempt: &Attempt, world: World) -> RegistryAnswer {
    let given = attempt.presented.as_ref().map(|it| (it.user.clone(), (*it.password).clone()));
    let who = if given.is_some() { Who::Auto } else { Who::Anonymous };
    let sign_in = SignIn { who, given, ..SignIn::default() };
    let control_plane = ControlPlane { off: true, ..ControlPlane::default() };
    let target = Target { sign_in, control_plane, ..target.clone() };
    let kept = Rc::<RefCell<Vec<Event>>>::default();
    let into = kept.clone();
    let listener = Rc::new(move |event: Event| into.borrow_mut().push(event));
    let mut plan = Plan::new(target, Vantage::Here, world, BTreeSet::new(), listener);
    checks::pull(&mut plan);
    plan.run(|step| step == steps::MANIFEST.name).await;
    read(&kept.take())
}

/// Returns what the registry answered, from the events of a run with that credential.
fn read(events: &[Event]) -> RegistryAnswer {
    let signs_in = [steps::EXCHANGE.name, steps::TOKEN.name];
    for event in events {
        let EventKind::Found { step, finding } = &event.kind else { continue };
        let entry = checks::messages().entries.get(&finding.code);
        if let Some(answer) = entry.and_then(|entry| entry.answer) {
            return answer;
        }
        if signs_in.contains(&step.as_str()) && finding.severity == Severity::Error {
            return RegistryAnswer::NotTried;
        }
    }
    let passed = events.iter().any(|event| match &event.kind {
        EventKind::Finished { step, end: StepEnd::Passed { .. }, .. } => {
            step == steps::MANIFEST.name
        }
        _ => false,
    });
    if passed { RegistryAnswer::Accepted } else { RegistryAnswer::NotTried }
}

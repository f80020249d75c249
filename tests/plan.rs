//! The plan starts each step as soon as its inputs exist and stops it when its time budget is used
//! up.
//!
//! The clock is virtual, so these tests take no time and cannot be late.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use checks::kit::rules::ResolverOptions;
use checks::kit::{
    Cloud, Cx, NoFact, Plan, RegistryOrImage, Step, StepResult, Target, World,
    engine::{Event, EventKind, RunProblem, StepEnd, Vantage},
    rules::Platform,
    target::{ControlPlane, SignIn},
};
use tokio::time::{Instant, sleep};

const MS: fn(u64) -> Duration = Duration::from_millis;

const fn step(name: &'static str) -> Step {
    Step { name, budget: Duration::from_millis(200) }
}

fn target() -> Target {
    Target {
        text: "contoso".into(),
        asked: RegistryOrImage::read("contoso", Cloud::Public, false),
        is_platform_assumed: false,
        platform: Platform::here(),
        containerd: None,
        full: false,
        response_wait: None,
        sign_in: SignIn::default(),
        control_plane: ControlPlane::default(),
        flags: vec![],
        own_flags: vec![],
        named_at: vec![],
        uses: checks::kit::target::ManifestUses::default(),
    }
}

fn world() -> World {
    World {
        name_servers: vec![],
        search: vec![],
        ndots: 1,
        resolver: ResolverOptions::default(),
        hosts: std::collections::HashMap::new(),
        routes: std::collections::HashMap::new(),
        roots: rustls::RootCertStore::empty().into(),
        clock_ahead: jiff::SignedDuration::ZERO,
        in_pod: false,
        on_node: false,
        node_root: "/".into(),
        variables: std::collections::HashMap::new(),
        client_secret: None,
        azure_cli: false,
        proxies: checks::kit::world::Proxies::default(),
        containerd: std::cell::OnceCell::new(),
        containerd_proxies: std::cell::OnceCell::new(),
        containerd_trust: std::cell::OnceCell::new(),
        provider: std::cell::OnceCell::new(),
        units: checks::kit::world::Units::default(),
        namesakes: checks::kit::world::Namesakes::default(),
        docker_configs: vec![],
        files: std::collections::HashMap::new(),
        fake_disk: None,
        paths: std::collections::HashMap::new(),
    }
}

type Heard = Rc<RefCell<Vec<(Duration, Event)>>>;

/// Returns a plan and the events that it reports, with their virtual times.
fn plan(left_out: &[&str]) -> (Plan, Heard) {
    let heard = Heard::default();
    let (kept, began) = (heard.clone(), Instant::now());
    let listener = Rc::new(move |event| kept.borrow_mut().push((began.elapsed(), event)));
    let left_out: BTreeSet<String> = left_out.iter().map(|name| (*name).to_owned()).collect();
    (Plan::new(target(), Vantage::Here, world(), left_out, listener), heard)
}

/// Returns each step with how and when it ended.
fn ends(heard: &Heard) -> Vec<(String, String, u128)> {
    let heard = heard.borrow();
    let ends = heard.iter().filter_map(|(at, event)| match &event.kind {
        EventKind::Finished { step, end, .. } => {
            let end = match end {
                StepEnd::Passed { .. } => "passed".to_owned(),
                StepEnd::Failed => "failed".to_owned(),
                StepEnd::Skipped { why } => format!("skipped {}", why.code),
                StepEnd::Blocked { by } => format!("blocked by {by}"),
                StepEnd::CouldNotTell { why } => format!("broke {}", why.code),
            };
            Some((step.clone(), end, at.as_millis()))
        }
        _ => None,
    });
    ends.collect()
}

fn end(step: &str, end: &str, at: u128) -> (String, String, u128) {
    (step.to_owned(), end.to_owned(), at)
}

async fn a(_: &Cx) -> StepResult<u8> {
    sleep(MS(30)).await;
    Ok(1)
}
async fn b(_: &Cx) -> StepResult<u16> {
    sleep(MS(80)).await;
    Ok(2)
}
async fn c(_: &Cx, a: &u8) -> StepResult<u32> {
    sleep(MS(40)).await;
    Ok(u32::from(*a))
}
async fn d(_: &Cx, b: &u16, c: &u32) -> StepResult<u64> {
    sleep(MS(10)).await;
    Ok(u64::from(*b) + u64::from(*c))
}
async fn boom(_: &Cx) -> StepResult<()> {
    panic!("oh")
}
async fn slow(_: &Cx) -> StepResult<u8> {
    sleep(MS(5000)).await;
    Ok(1)
}
async fn skip(_: &Cx) -> StepResult<u8> {
    Err(NoFact::skipped(RunProblem::LeftOut {}))
}
async fn after_skip(_: &Cx, value: &Option<Rc<u8>>) -> StepResult<bool> {
    Ok(value.is_none())
}

#[tokio::test(start_paused = true)]
async fn a_late_step_is_shown_only_where_it_runs() {
    for (left_out, ended) in [
        (&[][..], [end("a", "passed", 30), end("c", "passed", 70)]),
        (&["c"][..], [end("a", "passed", 30), end("c", "skipped run/left-out", 30)]),
    ] {
        let (mut plan, heard) = plan(left_out);
        let fa = plan.step(step("a"), (), a);
        plan.late_step(true, step("c"), (&fa,), c);
        plan.late_step(false, step("b"), (), b);
        let planned = |heard: &Heard| {
            let heard = heard.borrow();
            heard
                .iter()
                .filter(|(_, event)| matches!(event.kind, EventKind::Planned { .. }))
                .count()
        };
        assert_eq!(planned(&heard), 1);
        plan.run(|_| true).await;
        assert_eq!((planned(&heard), ends(&heard)), (2, ended.to_vec()));
    }
    let (mut plan, heard) = plan(&[]);
    let skipped = plan.step(step("a"), (), skip);
    plan.late_step(true, step("c"), (&skipped,), c);
    plan.run(|_| true).await;
    assert_eq!(ends(&heard), [end("a", "skipped run/left-out", 0)]);
}

#[tokio::test(start_paused = true)]
async fn each_step_starts_as_soon_as_its_inputs_are_there() {
    let (mut plan, heard) = plan(&[]);
    let fa = plan.step(step("a"), (), a);
    let fb = plan.step(step("b"), (), b);
    let fc = plan.step(step("c"), (&fa,), c);
    plan.step(step("d"), (&fb, &fc), d);
    plan.run(|_| true).await;
    let ends = ends(&heard);
    // a 30, c 30 + 40, b 80, d max(70, 80) + 10
    for expected in [
        end("a", "passed", 30),
        end("c", "passed", 70),
        end("b", "passed", 80),
        end("d", "passed", 90),
    ] {
        assert!(ends.contains(&expected), "{expected:?} in {ends:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_an_overrun_are_could_not_tell_and_the_others_go_on() {
    // The panic is the point of this test; its message in the log would only alarm the reader.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut plan, heard) = plan(&[]);
    plan.step(step("boom"), (), boom);
    let slow = plan.step(step("slow"), (), slow);
    plan.step(step("c"), (&slow,), c);
    plan.step(step("a"), (), a);
    plan.run(|_| true).await;
    let ends = ends(&heard);
    for expected in [
        end("boom", "broke run/panicked", 0),
        end("a", "passed", 30),
        end("slow", "broke run/overran", 200),
        end("c", "blocked by slow", 200),
    ] {
        assert!(ends.contains(&expected), "{expected:?} in {ends:?}");
    }
}

async fn boom_with_a_secret(_: &Cx) -> StepResult<u8> {
    let secret = checks::kit::Secret::new("canary-in-a-panic");
    panic!("{} https://me:canary@a.example \u{1b}", secret.expose());
}

#[tokio::test(start_paused = true)]
async fn what_a_panic_says_is_kept_without_secrets() {
    std::panic::set_hook(Box::new(|_| {}));
    let (mut plan, heard) = plan(&[]);
    plan.step(step("boom"), (), boom_with_a_secret);
    plan.run(|_| true).await;
    let heard: Vec<_> = heard.borrow().iter().map(|(_, event)| event.clone()).collect();
    let written = serde_json::to_string(&heard).unwrap();
    assert!(!written.contains("canary"), "{written}");
    assert!(written.contains("*** https://***@a.example \\\\u{1b}"), "{written}");
}

#[tokio::test(start_paused = true)]
async fn only_what_is_wanted_and_what_it_needs() {
    let (mut plan, heard) = plan(&[]);
    let fa = plan.step(step("a"), (), a);
    plan.step(step("b"), (), b);
    plan.step(step("c"), (&fa,), c);
    plan.run(|name| name == "c").await;
    assert_eq!(ends(&heard), [end("a", "passed", 30), end("c", "passed", 70)]);
}

#[tokio::test(start_paused = true)]
async fn a_skip_is_passed_on_unless_a_step_can_do_without() {
    let (mut plan, heard) = plan(&[]);
    let fs = plan.step(step("skip"), (), skip);
    plan.step(step("next"), (&fs,), c);
    plan.step(step("without"), (&fs.optional(),), after_skip);
    plan.run(|_| true).await;
    let ends = ends(&heard);
    for expected in [
        end("skip", "skipped run/left-out", 0),
        end("next", "skipped run/left-out", 0),
        end("without", "passed", 0),
    ] {
        assert!(ends.contains(&expected), "{expected:?} in {ends:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_left_out_is_not_run() {
    let (mut plan, heard) = plan(&["boom"]);
    plan.step(step("boom"), (), boom);
    plan.run(|_| true).await;
    assert_eq!(ends(&heard), [end("boom", "skipped run/left-out", 0)]);
}

async fn hands_on_early(cx: &Cx) -> StepResult<u8> {
    let cx_beside = cx.clone();
    cx.in_background(async move {
        sleep(MS(100)).await;
        cx_beside.add_finding(RunProblem::Interrupted {});
    });
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn what_is_graded_beside_holds_nobody_up_and_still_counts() {
    let (mut plan, heard) = plan(&[]);
    let early = plan.step(step("early"), (), hands_on_early);
    plan.step(step("c"), (&early,), c);
    plan.run(|_| true).await;
    assert_eq!(ends(&heard), [end("early", "passed", 0), end("c", "passed", 40)]);
    let heard = heard.borrow();
    let (at, found) = heard.last().unwrap();
    assert!(matches!(found.kind, EventKind::Found { .. }), "{found:?}");
    assert_eq!(*at, MS(100));
}

async fn hangs_beside(cx: &Cx) -> StepResult<u8> {
    cx.in_background(std::future::pending());
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn what_hangs_beside_ends_with_the_steps_budget() {
    let (mut plan, _) = plan(&[]);
    plan.step(step("hangs"), (), hangs_beside);
    let began = Instant::now();
    plan.run(|_| true).await;
    assert_eq!(began.elapsed(), MS(200));
}

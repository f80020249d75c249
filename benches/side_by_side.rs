//! Measures that the control plane costs no time of its own: `cargo bench --bench side_by_side`.
//!
//! A pull that works and one that is refused, with every server 20 and 50 ms away: the data path
//! alone, the control plane alone, and both. The quickest of several runs counts, because other load
//! on the machine only adds time. The benchmark fails when both together take more than 1.2 times
//! the slower one.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_macros,
    missing_docs,
    reason = "it is for people to read, and what panics has failed"
)]

use std::{
    process::ExitCode,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use check_acr::{prepare_scenario, run};
use lab::{Lab, Scenario};
use tokio::{runtime, sync::oneshot};

const SCENARIOS: [&str; 2] = ["azure-healthy", "role-missing"];
const ROUND_TRIPS: [u64; 2] = [20, 50];
const RUNS: usize = 5;
const MOST: f64 = 1.2;
/// What the control plane is asked, and the steps that say who signs in.
const PLANE: [&str; 4] = ["arm", "cluster", "acr", "role"];

/// What takes part in a run.
#[derive(Clone, Copy)]
enum Part {
    Data,
    Plane,
    Both,
}

fn main() -> ExitCode {
    println!(
        "{:16} {:>7} {:>9} {:>9} {:>9} {:>7}",
        "scenario", "trip", "data", "plane", "both", "ratio"
    );
    let mut slow = 0;
    for scenario in SCENARIOS {
        for round_trip in ROUND_TRIPS {
            let [data, plane, both] = [Part::Data, Part::Plane, Part::Both].map(|part| {
                let runs = (0..RUNS).map(|_| once(scenario, round_trip, part));
                runs.min_by(f64::total_cmp).unwrap()
            });
            let ratio = both / data.max(plane);
            println!(
                "{scenario:16} {round_trip:>4} ms {data:>6.0} ms {plane:>6.0} ms {both:>6.0} ms {ratio:>7.3}"
            );
            slow += usize::from(ratio > MOST);
        }
    }
    println!("\nmore than {MOST} times the slower one: {slow}");
    ExitCode::from(u8::from(slow > 0))
}

/// Returns the time of one run in milliseconds. The world runs on a thread of its own, so its work
/// does not count.
fn once(name: &str, round_trip: u64, part: Part) -> f64 {
    let scenario = Scenario::named(name).unwrap().unwrap();
    let (tell, told) = mpsc::channel::<Lab>();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::scope(|threads| {
        let world = scenario.clone();
        threads.spawn(move || {
            runtime().block_on(async {
                let mut lab = lab::start(&world).await.unwrap();
                lab.move_away(Duration::from_millis(round_trip)).await.unwrap();
                tell.send(lab).unwrap();
                // The world's tasks run on this thread until the run is over.
                let _ = stopped.await;
            });
        });
        let lab = told.recv().unwrap();
        let runtime = runtime();
        let (options, mut targets, world) =
            prepare_scenario(&scenario, &lab, |options| options).unwrap();
        let mut wanted = options.wanted();
        match part {
            Part::Data => targets.iter_mut().for_each(|target| target.control_plane.off = true),
            Part::Plane => wanted.only = PLANE.map(str::to_owned).into(),
            Part::Both => {}
        }
        let began = Instant::now();
        let events = runtime.block_on(run(targets, world, &wanted, |_| {}));
        let took = began.elapsed();
        assert!(!events.is_empty());
        stop.send(()).unwrap();
        took.as_secs_f64() * 1000.0
    })
}

fn runtime() -> runtime::Runtime {
    runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

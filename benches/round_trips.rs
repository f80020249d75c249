//! Measures how long a run takes against the round trips that it needs: `cargo bench --bench
//! round_trips`.
//!
//! Each journey runs several times with every server 20, 50 and 100 ms away. The quickest run
//! counts, because other load on the machine only adds time; the median is shown beside it. The
//! benchmark fails when a journey takes more than 1.15 times the minimum number of round trips.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_macros,
    missing_docs,
    reason = "it is for people to read, and what panics has failed"
)]

#[path = "../tests/journeys/mod.rs"]
mod journeys;

use std::{
    process::ExitCode,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use journeys::{Journey, is_good, journeys};
use lab::Lab;
use tokio::{runtime, sync::oneshot};

const ROUND_TRIPS: [u32; 3] = [20, 50, 100];
const RUNS: usize = 7;
const MOST: f64 = 1.15;

fn main() -> ExitCode {
    for journey in journeys() {
        let legs = journey.legs.iter().map(|leg| format!("{} {}", leg.step, leg.trips));
        println!("{}: {}", journey.scenario, legs.collect::<Vec<_>>().join(", "));
    }
    println!(
        "\n{:24} {:>7} {:>6} {:>6} {:>9} {:>9} {:>8} {:>8}",
        "journey", "trip", "taken", "needed", "middle", "quickest", "/taken", "/needed"
    );
    let mut slow = 0;
    for journey in journeys() {
        for round_trip in ROUND_TRIPS {
            let mut runs: Vec<_> = (0..RUNS).map(|_| once(&journey, round_trip)).collect();
            runs.sort_by(f64::total_cmp);
            let (quickest, middle) = (runs[0], runs[RUNS / 2]);
            let against = |trips: u32| quickest / f64::from(trips * round_trip);
            let (taken, needed) = (against(journey.trips()), against(journey.needed));
            println!(
                "{:24} {round_trip:>4} ms {:>6} {:>6} {middle:>6.0} ms {quickest:>6.0} ms {taken:>8.3} {needed:>8.3}",
                journey.scenario,
                journey.trips(),
                journey.needed
            );
            slow += usize::from(needed > MOST);
        }
    }
    println!("\nmore than {MOST} of what is needed: {slow}");
    ExitCode::from(u8::from(slow > 0))
}

/// Returns the time of one run in milliseconds. The world runs on a thread of its own, so its work
/// does not count.
fn once(journey: &Journey, round_trip: u32) -> f64 {
    let round_trip = Duration::from_millis(round_trip.into());
    let (tell, told) = mpsc::channel::<Lab>();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::scope(|threads| {
        threads.spawn(move || {
            runtime().block_on(async {
                tell.send(journey.world(round_trip).await).unwrap();
                // The world's tasks run on this thread until the run is over.
                let _ = stopped.await;
            });
        });
        let lab = told.recv().unwrap();
        let runtime = runtime();
        let began = Instant::now();
        let events = runtime.block_on(journey.run(&lab));
        let took = began.elapsed();
        assert!(is_good(&events), "{}", journey.scenario);
        stop.send(()).unwrap();
        took.as_secs_f64() * 1000.0
    })
}

fn runtime() -> runtime::Runtime {
    runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

//! Every round trip of a run is accounted for, and the program connects to each host once.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;

use std::time::Duration;

use journeys::{Journey, asks, is_good, journeys, run};

/// Runs every journey without delays: this test checks the requests, not the time.
async fn on_each(look: impl AsyncFn(&Journey)) {
    for journey in journeys() {
        look(&journey).await;
    }
}

#[tokio::test]
async fn each_step_asks_what_it_must_and_no_more() {
    on_each(async |journey| {
        let lab = journey.world(Duration::ZERO).await;
        let events = journey.run(&lab).await;
        assert!(is_good(&events), "{}: {events:#?}", journey.scenario);
        let steps = checks::steps::names();
        for step in steps {
            let leg = journey.legs.iter().find(|leg| leg.step == step);
            let (mut got, mut wanted) =
                (asks(&events, step), leg.map_or(&[][..], |leg| leg.asks).to_vec());
            // Parallel requests complete in any order.
            got.sort();
            wanted.sort_unstable();
            assert_eq!(got, wanted, "{}: {step}", journey.scenario);
        }
    })
    .await;
}

#[tokio::test]
async fn each_host_is_connected_to_once() {
    on_each(async |journey| {
        let lab = journey.world(Duration::ZERO).await;
        assert!(is_good(&journey.run(&lab).await));
        let doors = journey.legs.iter().filter(|leg| leg.asks == ["connect"]).count();
        let mut connected: Vec<_> = lab.connections().into_values().collect();
        connected.sort_unstable();
        // Name servers answer over UDP, and not every journey uses the data host.
        let mut wanted = vec![0; connected.len() - doors];
        wanted.extend(vec![1; doors]);
        assert_eq!(connected, wanted, "{}: {:?}", journey.scenario, lab.connections());
    })
    .await;
}

#[tokio::test]
async fn the_registry_says_where_the_layer_is_while_the_config_comes() {
    let mute = "hosts.\"10.1.0.4\".fault = \"mute-http\"";
    let scenario = lab::Scenario::parse(mute).unwrap();
    let lab = lab::start(&scenario).await.unwrap();
    // The config never arrives: if the layer waited for it, the program would not request the
    // layer.
    let events = run(&scenario, &lab, Some(Duration::from_secs(1))).await;
    assert_eq!(asks(&events, "layer"), ["GET blob", "HEAD blob"]);
}

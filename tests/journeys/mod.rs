//! Runs with a known number of round trips. A test compares them with what happens, and a benchmark
//! with the clock.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each user takes its own part, and what panics has failed"
)]

use std::time::Duration;

use check_acr::{CheckOptions, Presentation, Wanted, prepare_scenario, run_scenario};
use checks::kit::{
    engine::{Event, EventKind},
    messages::Lang,
};
use lab::{Lab, Scenario};

/// A step that sends requests.
#[derive(Clone, Copy)]
pub struct Leg {
    /// The step's name.
    pub step: &'static str,
    /// The number of round trips; parallel requests count as one.
    pub trips: u32,
    /// The requests, without name servers and digests.
    pub asks: &'static [&'static str],
}

/// A run, from the first request to the last byte.
pub struct Journey {
    /// The lab's scenario.
    pub scenario: &'static str,
    /// The steps that run one after the other, so that their round trips add up.
    pub legs: Vec<Leg>,
    /// The minimum number of round trips.
    pub needed: u32,
}

const fn leg(step: &'static str, trips: u32, asks: &'static [&'static str]) -> Leg {
    Leg { step, trips, asks }
}

/// Two name servers and two address families, in parallel.
const DNS: Leg = leg("dns", 1, &["A", "A", "AAAA", "AAAA"]);
const TCP: Leg = leg("tcp", 1, &["connect"]);
/// TLS 1.3.
const TLS: Leg = leg("tls", 1, &["TLS handshake"]);
const CHALLENGE: Leg = leg("challenge", 1, &["HEAD manifest"]);
/// containerd's sequence with a password: Azure refuses the form, so containerd sends a GET.
const PASSWORD: Leg = leg("token", 2, &["POST token", "GET token"]);
const ANONYMOUS: Leg = leg("token", 1, &["GET token"]);
/// HEAD, which containerd relies on, and GET in parallel.
const MANIFEST: Leg = leg("manifest", 1, &["GET manifest", "HEAD manifest"]);
/// On HTTP/1.1 it is asked for by its digest alone: at first without a token, as containerd asks for content,
/// and then with a second token.
const MANIFEST_ONE: Leg = leg(
    "manifest",
    5,
    &["HEAD manifest", "GET manifest", "POST token", "GET token", "GET manifest"],
);
/// The manifest of this platform and, in parallel, the index by its digest, with and without a token; then
/// the location of the config, which the manifest names. Beside that a second token, which containerd gets
/// for content.
const PLATFORM: Leg = leg(
    "platform",
    2,
    &["POST token", "GET token", "GET manifest", "GET manifest", "GET manifest", "GET blob"],
);
const PLATFORM_ANONYMOUS: Leg =
    leg("platform", 2, &["GET token", "GET manifest", "GET manifest", "GET manifest", "GET blob"]);
const PLATFORM_ONE: Leg = leg("platform", 2, &["GET manifest", "GET blob"]);
const DATA_DNS: Leg = leg("layer-dns", 1, DNS.asks);
const DATA_TCP: Leg = leg("layer-tcp", 1, TCP.asks);
const DATA_TLS: Leg = leg("layer-tls", 1, TLS.asks);
/// The config and, in parallel, the location of the layer and whether the other layer exists; then
/// the layer, on the connection that delivered the config.
const LAYER: Leg = leg("layer", 2, &["GET bytes", "GET blob", "GET bytes", "HEAD blob"]);
/// Over HTTP/1.1 the other layer is asked for after the sample.
const LAYER_ONE: Leg = leg("layer", 3, LAYER.asks);

/// Returns the runs that are measured.
pub fn journeys() -> Vec<Journey> {
    let door = [DNS, TCP, TLS];
    let data = [DATA_DNS, DATA_TCP, DATA_TLS];
    let pull = |token, manifest, platform, layer| {
        [&door[..], &[CHALLENGE, token, manifest, platform], &data, &[layer]].concat()
    };
    vec![
        Journey {
            scenario: "anonymous-pull",
            legs: pull(ANONYMOUS, MANIFEST, PLATFORM_ANONYMOUS, LAYER),
            needed: 12,
        },
        Journey {
            scenario: "healthy",
            legs: pull(PASSWORD, MANIFEST, PLATFORM, LAYER),
            needed: 13,
        },
        Journey {
            scenario: "registry-http-1",
            legs: pull(PASSWORD, MANIFEST_ONE, PLATFORM_ONE, LAYER_ONE),
            needed: 18,
        },
        Journey {
            scenario: "registry-serves-layers",
            // The response that names the location already contains the config.
            legs: [
                &door[..],
                &[
                    CHALLENGE,
                    PASSWORD,
                    MANIFEST,
                    PLATFORM,
                    leg("layer", 1, &["GET blob", "HEAD blob"]),
                ],
            ]
            .concat(),
            needed: 9,
        },
        Journey {
            scenario: "sign-in-only",
            legs: [
                &door[..],
                &[
                    leg("challenge", 1, &["GET /v2/"]),
                    leg("token", 3, &["POST token", "GET token", "GET /v2/"]),
                ],
            ]
            .concat(),
            needed: 7,
        },
    ]
}

impl Journey {
    /// Returns the number of round trips of all steps.
    pub fn trips(&self) -> u32 {
        self.legs.iter().map(|leg| leg.trips).sum()
    }

    fn scenario(&self) -> Scenario {
        Scenario::named(self.scenario).unwrap().unwrap()
    }

    /// Starts the journey's world at that distance.
    pub async fn world(&self, round_trip: Duration) -> Lab {
        let mut lab = lab::start(&self.scenario()).await.unwrap();
        lab.move_away(round_trip).await.unwrap();
        lab
    }

    /// Runs the journey once.
    pub async fn run(&self, lab: &Lab) -> Vec<Event> {
        run(&self.scenario(), lab, None).await
    }
}

/// Runs a scenario. A given timeout replaces the scenario's own.
pub async fn run(scenario: &Scenario, lab: &Lab, timeout: Option<Duration>) -> Vec<Event> {
    // The machine's own processor must not affect the result of a test.
    let platform = "linux/amd64".parse().unwrap();
    let change = |base: CheckOptions| CheckOptions {
        platform: base.platform.or(Some(platform)),
        timeout: timeout.or(base.timeout),
        ..base
    };
    run_scenario(scenario, lab, change).await.unwrap()
}

/// Runs a scenario after a change of it.
pub fn run_changed(name: &str, change: impl FnOnce(&mut Scenario)) -> (Vec<Event>, Lab) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut scenario = Scenario::named(name).unwrap().unwrap();
    change(&mut scenario);
    runtime.block_on(async {
        let lab = lab::start(&scenario).await.unwrap();
        (run(&scenario, &lab, None).await, lab)
    })
}

/// Runs a scenario from each of its vantages, one after the other.
pub async fn run_views(scenario: &Scenario) -> Vec<Event> {
    let mut events = vec![];
    for view in &scenario.views {
        let lab = lab::start(&view.world).await.unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let change = |base: CheckOptions| CheckOptions {
            platform: base.platform.or(Some(platform)),
            ..base
        };
        let (options, targets, world) = prepare_scenario(&view.world, &lab, change).unwrap();
        let (vantage, labels) = (view.from.parse().unwrap(), view.labels.clone());
        let wanted = Wanted { vantage, labels, ..options.wanted() };
        events.extend(check_acr::run(targets, world, &wanted, |_| {}).await);
    }
    events
}

/// Returns the requests of a step, in the words of a [`Leg`].
pub fn asks(events: &[Event], step: &str) -> Vec<String> {
    let asked = events.iter().filter_map(|event| match &event.kind {
        EventKind::Exchanged { step: of, request, .. } if of == step => Some(request),
        _ => None,
    });
    asked.map(|asked| short(asked)).collect()
}

fn short(asked: &str) -> String {
    let (verb, what) = asked.split_once(' ').unwrap_or((asked, ""));
    let what = match what {
        "handshake" | "/v2/" => what,
        "/…" => "bytes",
        "/oauth2/token" => "token",
        what if what.contains("/manifests/") => "manifest",
        what if what.contains("/blobs/") => "blob",
        // A host name or an address.
        _ => "",
    };
    format!("{verb} {what}").trim_end().to_owned()
}

/// Returns whether the run succeeded.
pub fn is_good(events: &[Event]) -> bool {
    let run = check_acr::Run::of(events);
    Presentation::of(&run, checks::messages(), Lang::En, true).exit == check_acr::Exit::Can
}

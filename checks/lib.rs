//! The path of a pull, as steps. Read it top to bottom.

pub mod clock;
pub mod dns;
pub mod identity;
pub mod image;
pub mod kit;
pub mod layer;
pub mod manifest;
pub mod network;
pub mod node;
pub mod proxy;
pub mod registry;
pub mod tls;
pub mod token;

use std::time::Duration;

use kit::{
    Fact, Host, Plan, Step,
    messages::{Messages, MessagesError},
    net::{
        BODY_WAIT, Connected, DATE_WAIT, DNS_WAIT, FOLLOW_WAIT, HTTP_WAIT, OPEN_WAIT, SETTLE_WAIT,
        TCP_WAIT, TLS_WAIT,
    },
    world::FILE_WAIT,
};

areas! { clock, dns, identity, image, layer, manifest, network, node, proxy, registry, tls, token }

/// From a text that names an image to bytes of one of its layers.
#[rustfmt::skip]
pub fn pull(plan: &mut Plan) {
    let asked     = plan.step(IMAGE,     (),                                   image::read);
    let front     = connect(plan, FRONT,    &asked.part(image::host));
    let challenge = plan.step(CHALLENGE, (&asked, &front.connected, &front.tls),     registry::challenge);
                    plan.step(CLOCK,     (&challenge,),                        clock::compare);
    let on_node   = plan.world().on_node && plan.target().sign_in.looks_at_node();
    let node      = plan.step_if(on_node, NODE, (&asked,),                  node::read);
    let identity  = plan.step(IDENTITY,  (&asked, &node.optional()),     identity::choose);
    let refresh_token     = plan.step(EXCHANGE,  (&challenge, &identity),              token::exchange);
    let session   = plan.step(TOKEN,     (&challenge, &identity, &refresh_token.optional()), token::fetch);
    let manifest  = plan.step(MANIFEST,  (&session,),                          manifest::fetch);
    let content   = plan.step(PLATFORM,  (&session, &manifest),                manifest::choose);
    let data      = connect(plan, DATA,     &content.part(manifest::data_host));
                    plan.step(LAYER,     (&session, &content, &data.connected.optional(), &data.tls), layer::read);
}

/// The way to a host: its name and an address that accepts, or a proxy in their place; a certificate that is good.
struct ConnectedHost {
    connected: Fact<Connected>,
    /// `None` where TLS is not spoken.
    tls: Fact<Option<std::rc::Rc<tls::Secured>>>,
}

#[rustfmt::skip]
fn connect(plan: &mut Plan, [proxy, dns, tcp, tls]: [Step; 4], host: &Fact<Host>) -> ConnectedHost {
    let proxied = plan.world().proxies.are_set();
    let tunnel  = plan.step_if(proxied, proxy, (host,),      proxy::tunnel);
    let names   = plan.step(dns, (host, &tunnel.optional()), dns::resolve);
    let connected = plan.step(tcp, (&names,),                     network::reach);
    let connected = tunnel.or(&connected);
    let secured = plan.step(tls, (&connected,),                   tls::secure);
    ConnectedHost { connected, tls: secured.optional() }
}

// A step's budget is longer than the sum of the waits in it: running out of it is our own fault.
const IMAGE: Step = step("image", SLACK);
const FRONT: [Step; 4] =
    [step("proxy", PROXY), step("dns", DNS), step("tcp", TCP), step("tls", TLS)];
const CHALLENGE: Step = step("challenge", 2 * ASK);
const CLOCK: Step = step("clock", SLACK);
/// Each of its files.
const NODE: Step = step("node", 8 * FILE_WAIT.as_secs() + SLACK);
/// The Azure CLI, of which it takes the longest to answer; or files, helpers and the metadata service.
const IDENTITY: Step = step("identity", 2 * identity::AZ_WAIT.as_secs() + SLACK);
/// The provider's own challenge, the trade, and the same for another directory and another audience.
const EXCHANGE: Step = step("exchange", 5 * ASK);
const TOKEN: Step = step("token", token::ENTRIES as u64 * 3 * ASK);
const MANIFEST: Step = step("manifest", 2 * ASK);
const PLATFORM: Step = step("platform", 3 * ASK);
const DATA: [Step; 4] = [
    step("layer-proxy", PROXY),
    step("layer-dns", DNS),
    step("layer-tcp", TCP),
    step("layer-tls", TLS),
];
/// As long as it takes: each wait in it is bounded, and `--timeout` bounds them all.
const LAYER: Step = step("layer", 24 * 60 * 60);

const SLACK: u64 = 5;
/// The way to the proxy, and its answer.
const PROXY: u64 = OPEN_WAIT.as_secs() + HTTP_WAIT.as_secs() + SLACK;
/// A name and the search list behind it.
const DNS: u64 = 7 * DNS_WAIT.as_secs() + SLACK;
/// The last address may become known when the last name server answers; then two looks around.
const TCP: u64 =
    DNS_WAIT.as_secs() + TCP_WAIT.as_secs() + 2 * network::AROUND_WAIT.as_secs() + SLACK;
/// A handshake, for which the way may have to be gone once more; and a look at the host's clock.
const TLS: u64 = PROXY + TLS_WAIT.as_secs() + DATE_WAIT.as_secs() + SLACK;
/// A question to the registry as often as it is asked, the body of the answer, whether a refusal is meant for
/// every connection, and what else is looked at where it is one.
const ASK: u64 = HTTP_WAIT.as_secs()
    + 2 * FOLLOW_WAIT.as_secs()
    + 2 * BODY_WAIT.as_secs()
    + SETTLE_WAIT.as_secs()
    + SLACK;

const fn step(name: &'static str, seconds: u64) -> Step {
    Step { name, budget: Duration::from_secs(seconds) }
}

/// The names of all steps, in the order of the path.
pub fn step_names() -> impl Iterator<Item = &'static str> {
    let before = [IMAGE].into_iter().chain(FRONT);
    let middle = [CHALLENGE, CLOCK, NODE, IDENTITY, EXCHANGE, TOKEN, MANIFEST, PLATFORM];
    before.chain(middle).chain(DATA).chain([LAYER]).map(|step| step.name)
}

/// All words: findings, steps, words of evidence, the catalogue of modes.
pub fn messages() -> Result<Messages, MessagesError> {
    let steps = include_str!("steps.toml");
    Messages::load(AREAS, steps, include_str!("evidence.toml"), include_str!("modes.toml"))
}

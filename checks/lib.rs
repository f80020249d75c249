//! The path of a pull, as steps. Read it top to bottom.

pub mod kit;

use std::time::Duration;

use kit::{Fact, Host, Plan, Step, Words, WordsError};

areas! { clock, dns, identity, image, layer, manifest, network, registry, tls, token }

/// From a text that names an image to bytes of one of its layers.
#[rustfmt::skip]
pub fn pull(plan: &mut Plan) {
    let asked     = plan.step(IMAGE,     (),                                   image::read);
    let front     = door(plan, FRONT,    &asked.part(image::host));
    let challenge = plan.step(CHALLENGE, (&asked, &front.tcp, &front.tls),     registry::challenge);
                    plan.step(CLOCK,     (&challenge,),                        clock::compare);
    let identity  = plan.step(IDENTITY,  (&asked,),                            identity::choose);
    let grant     = plan.step(EXCHANGE,  (&challenge, &identity),              token::exchange);
    let session   = plan.step(TOKEN,     (&challenge, &identity, &grant.unless_skipped()), token::fetch);
    let manifest  = plan.step(MANIFEST,  (&session,),                          manifest::fetch);
    let content   = plan.step(PLATFORM,  (&session, &manifest),                manifest::choose);
    let data      = door(plan, DATA,     &content.part(manifest::data_host));
                    plan.step(LAYER,     (&session, &content, &data.tcp.unless_skipped(), &data.tls), layer::read);
}

/// The way to a host: its name, an address that accepts, a certificate that is good.
struct Door {
    tcp: Fact<network::Reached>,
    /// `None` where TLS is not spoken.
    tls: Fact<Option<std::rc::Rc<tls::Secured>>>,
}

#[rustfmt::skip]
fn door(plan: &mut Plan, [dns, tcp, tls]: [Step; 3], host: &Fact<Host>) -> Door {
    let names   = plan.step(dns, (host,),     dns::resolve);
    let reached = plan.step(tcp, (&names,),   network::reach);
    let secured = plan.step(tls, (&reached,), tls::secure);
    Door { tcp: reached, tls: secured.unless_skipped() }
}

// A step's budget is longer than the sum of the waits in it (`kit::net`): running out of it is our fault.
const IMAGE: Step = step("image", 1);
const FRONT: [Step; 3] = [step("dns", 15), step("tcp", 25), step("tls", 35)];
const CHALLENGE: Step = step("challenge", 45);
const CLOCK: Step = step("clock", 1);
const IDENTITY: Step = step("identity", 15);
const EXCHANGE: Step = step("exchange", 1);
const TOKEN: Step = step("token", 60);
const MANIFEST: Step = step("manifest", 60);
const PLATFORM: Step = step("platform", 60);
const DATA: [Step; 3] = [step("layer-dns", 15), step("layer-tcp", 25), step("layer-tls", 35)];
const LAYER: Step = step("layer", 24 * 60 * 60);

const fn step(name: &'static str, seconds: u64) -> Step {
    Step { name, budget: Duration::from_secs(seconds) }
}

/// The names of all steps, in the order of the path.
pub fn step_names() -> impl Iterator<Item = &'static str> {
    let before = [IMAGE].into_iter().chain(FRONT);
    let middle = [CHALLENGE, CLOCK, IDENTITY, EXCHANGE, TOKEN, MANIFEST, PLATFORM];
    before.chain(middle).chain(DATA).chain([LAYER]).map(|step| step.name)
}

/// All words: findings, steps, words of evidence, the catalogue of modes.
pub fn words() -> Result<Words, WordsError> {
    let steps = include_str!("steps.toml");
    Words::load(AREAS, steps, include_str!("values.toml"), include_str!("modes.toml"))
}

//! The kinds of worlds, and the world of a number.

use super::chains::Chains;
use super::challenges;
use super::documents;
use super::draft::{Draft, Shape};
use super::files;
use super::indexes;
use super::layers;
use super::redirects;
use super::refusals;
use super::rng::Rng;
use super::tokens;
use super::world::World;

type Make = fn(&mut Draft, &mut Rng);

/// Every kind, in the order in which they take turns.
pub const KINDS: &[(&str, Make)] = &[
    ("challenge", challenges::challenge),
    ("token", tokens::token),
    ("realm", tokens::realm),
    ("manifest", documents::manifest),
    ("index", indexes::index),
    ("config", documents::config),
    ("head", refusals::head),
    ("digest", refusals::by_digest),
    ("redirect", redirects::redirect),
    ("layer", layers::layer),
    ("encoding", layers::encoding),
    ("files", files::files),
    ("refusal", refusals::refusal),
    ("tls", tls),
    ("mixed", mixed),
];

/// Returns the world with this number of a run.
pub fn world(seed: u64, number: u64, chains: &Chains) -> World {
    let (kind, make) = KINDS[usize::try_from(number).unwrap_or(0) % KINDS.len()];
    let mut rng = Rng::new(seed, number);
    let mut draft = Draft::new(&format!("s{seed}w{number}"), &mut rng);
    if kind == "tls" {
        draft.chain = rng.pick(&chains.names()).to_owned();
    }
    make(&mut draft, &mut rng);
    draft.build(kind)
}

fn tls(draft: &mut Draft, _: &mut Rng) {
    draft.tell(format!("the registry presents the chain {:?}", draft.chain));
}

/// Several things that are odd at once, of which some matter.
fn mixed(draft: &mut Draft, rng: &mut Rng) {
    let all: &[Make] = &[
        challenges::challenge,
        tokens::token,
        documents::manifest,
        documents::config,
        refusals::head,
        refusals::by_digest,
        redirects::redirect,
        layers::layer,
        layers::encoding,
    ];
    for _ in 0..2 {
        rng.pick(all)(draft, rng);
    }
    if rng.chance(30) {
        draft.shape = Shape::Single;
    }
}

//! `check-acr aks -g GROUP -n CLUSTER --acr REF`: what `az aks check-acr` asks, answered by a pull.

use checks::kit::messages::Lang;

use super::node;
use crate::{
    Exit, Presentation,
    args::AksArgs,
    carry,
    phrases::Phrase,
    present::TargetPage,
    verdict::Outcome,
    world,
};

/// Checks from the nodes of the cluster that Azure knows by this name.
pub(super) async fn run(args: AksArgs) -> Result<Exit, String> {
    let args = args.into_node()?;
    let kube = args.kube.options(|_| None);
    let targets = node::targets(&args.asked, &args)?;
    let world = world::real(world::roots(vec![], None), None);
    node::in_world(targets, world, (kube, |_| carry::this_program()), &args).await
}

/// Returns the last sentence, which az's users know. It says no more than was proven.
pub(super) fn sentence(page: &Presentation, lang: Lang) -> String {
    page.targets.first().map(|target| of_target(target, lang)).unwrap_or_default()
}

fn of_target(target: &TargetPage, lang: Lang) -> String {
    let phrase = match target.can {
        Outcome::Pull => Phrase::AksCanPull,
        Outcome::SignIn => Phrase::AksCanSignIn,
        Outcome::No => Phrase::AksCannotPull,
        Outcome::CouldNotTell => Phrase::AksCouldNotTell,
    };
    let nodes = target.views.iter().filter(|view| view.from.pulls()).count().to_string();
    let registry = target.text("registry").unwrap_or_default();
    phrase.say(lang, &[("registry", registry), ("asked", &target.asked()), ("nodes", &nodes)])
}

//! The headline: one sentence that states the result for a target.

use checks::{
    kit::{engine::Vantage, messages::Lang},
    steps,
};

use super::{TargetPage, ViewPage};
use crate::{
    phrases::Phrase,
    verdict::{Outcome, StepStatus},
};

/// How many nodes a headline names.
const MAX_NAMED: usize = 2;

/// Writes the headline of a target.
pub(super) fn headline(page: &TargetPage, lang: Lang) -> String {
    if page.is_scope() {
        return of_scope(page, lang);
    }
    // The control plane pulls nothing, so it does not count as a place.
    let views: Vec<&ViewPage> = page.views.iter().filter(|view| view.from.pulls()).collect();
    match views[..] {
        [view] => of_one(page, view, lang),
        // Nothing was pulled: the cluster or Azure says why.
        [] if !page.views.is_empty() => of_one(page, &page.views[0], lang),
        _ => of_many(page, &views, lang),
    }
}

/// Says of what was looked at that no pod waits for an image, or why that could not be seen.
fn of_scope(page: &TargetPage, lang: Lang) -> String {
    let asked = page.asked();
    match page.can {
        Outcome::NothingWaits => {
            let pods = page.count_of_pods("pods").unwrap_or_default().to_string();
            let is_of_running = page.count_of_pods("running").is_some();
            let phrase = if is_of_running { Phrase::NothingRuns } else { Phrase::NothingWaits };
            phrase.say(lang, &[("asked", &asked), ("pods", &pods)])
        }
        _ => Phrase::PodsCouldNotTell.say(lang, &[("asked", &asked), ("why", why(page))]),
    }
}

fn of_one(page: &TargetPage, view: &ViewPage, lang: Lang) -> String {
    let registry = page.text("registry");
    let asked = page.asked();
    let platform = page.text("platform").unwrap_or_default();
    match page.can {
        Outcome::Pull => {
            let of = |wanted: checks::kit::Step| {
                let step = view.steps.iter().find(|step| step.name == wanted.name);
                step.filter(|step| step.status == StepStatus::Passed)
            };
            let layer = of(steps::MIRROR_LAYER).or_else(|| of(steps::LAYER));
            let proof = layer.map(|step| step.said.as_str()).unwrap_or_default();
            Phrase::CanPull
                .say(lang, &[("asked", &asked), ("platform", platform), ("proof", proof)])
        }
        Outcome::SignIn => {
            Phrase::CanSignIn.say(lang, &[("registry", registry.unwrap_or_default())])
        }
        Outcome::No => cannot(page, lang),
        Outcome::CouldNotTell if !page.could_not_tell.is_empty() => {
            let phrase = if page.only_sign_in() {
                Phrase::SignInCouldNotTell
            } else {
                Phrase::VerdictCouldNotTell
            };
            phrase.say(lang, &[("asked", &asked), ("why", why(page))])
        }
        Outcome::CouldNotTell | Outcome::NothingWaits => unfinished(view, lang),
    }
}

fn cannot(page: &TargetPage, lang: Lang) -> String {
    let phrase = if page.only_sign_in() { Phrase::CannotSignIn } else { Phrase::CannotPull };
    let platform = page.text("platform").unwrap_or_default();
    phrase.say(lang, &[("asked", &page.asked()), ("platform", platform), ("why", why(page))])
}

/// Says why a run without causes or doubts proves nothing: it was cut short, or only some steps
/// were requested.
fn unfinished(view: &ViewPage, lang: Lang) -> String {
    let ended = |status| status != StepStatus::Unfinished;
    let cut = view.steps.iter().find(|step| step.is_cut_short);
    match cut {
        Some(step) => Phrase::CutShort.say(lang, &[("step", &step.name)]),
        None if view.steps.iter().any(|step| ended(step.status)) => {
            Phrase::NotAllAsked.say(lang, &[])
        }
        None => Phrase::NothingAsked.say(lang, &[]),
    }
}

fn of_many(page: &TargetPage, views: &[&ViewPage], lang: Lang) -> String {
    let count = |can| views.iter().filter(|view| view.can == can).count().to_string();
    let are_nodes = views.iter().all(|view| matches!(view.from, Vantage::Node(_)));
    let what = if are_nodes { Phrase::Nodes } else { Phrase::Vantages }.text(lang);
    let all = views.len().to_string();
    let registry = page.text("registry").unwrap_or_default();
    let which = which(page, views, lang);
    let causes = page.causes.len().to_string();
    let say = |phrase: Phrase, count: &str| {
        let values = [
            ("which", which.as_str()),
            ("count", count),
            ("all", &all),
            ("what", what),
            ("why", why(page)),
            ("registry", registry),
            ("causes", &causes),
        ];
        phrase.say(lang, &values)
    };
    match page.can {
        Outcome::Pull => say(Phrase::AllCanPull, &all),
        Outcome::SignIn => say(Phrase::AllCanSignIn, &all),
        // The control plane alone knows why not.
        Outcome::No if count(Outcome::No) == "0" => cannot(page, lang),
        Outcome::No if page.only_sign_in() => say(Phrase::SomeCannotSignIn, &count(Outcome::No)),
        Outcome::No if !is_of_all(page, views) => {
            say(Phrase::SomeCannotPullEach, &count(Outcome::No))
        }
        Outcome::No => say(Phrase::SomeCannotPull, &count(Outcome::No)),
        // The doubt is about all of them.
        Outcome::CouldNotTell if count(Outcome::CouldNotTell) == "0" => {
            let asked = page.asked();
            Phrase::VerdictCouldNotTell.say(lang, &[("asked", &asked), ("why", why(page))])
        }
        Outcome::CouldNotTell | Outcome::NothingWaits => {
            say(Phrase::SomeCouldNotTell, &count(Outcome::CouldNotTell))
        }
    }
}

/// Returns whether the first cause is that of all who cannot pull.
fn is_of_all(page: &TargetPage, views: &[&ViewPage]) -> bool {
    let Some(first) = page.causes.first() else { return true };
    // What only the cluster or Azure tells is about all of them.
    let is_seen = |from: &Vantage| first.seen.iter().any(|(seen, _)| seen == from);
    let is_of_some = views.iter().any(|view| is_seen(&view.from));
    !is_of_some || views.iter().filter(|view| view.can == page.can).all(|view| is_seen(&view.from))
}

/// Names the nodes that the headline is about, in brackets, unless they are all or too many.
fn which(page: &TargetPage, views: &[&ViewPage], lang: Lang) -> String {
    let meant = views.iter().filter(|view| view.can == page.can);
    let names: Vec<&str> = meant.filter_map(|view| view.from.node()).collect();
    if names.is_empty() || names.len() > MAX_NAMED || names.len() == views.len() {
        return String::new();
    }
    let before = if lang == Lang::En { " " } else { "" };
    format!("{before}({})", names.join(", "))
}

/// Returns the title of the most important finding.
fn why(page: &TargetPage) -> &str {
    let list = if page.can == Outcome::No { &page.causes } else { &page.could_not_tell };
    list.first().map(|cause| cause.told.title.as_str()).unwrap_or_default()
}

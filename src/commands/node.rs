//! `check-acr node REF`: can the nodes of a Kubernetes cluster pull it?

use std::{cell::RefCell, env, rc::Rc};

use checks::kit::{
    Target, World,
    engine::{Event, Vantage},
    kube::KubeOptions,
    messages::Lang,
};
use futures::future::join;

use super::{check, inputs, job_settings::settings};
use crate::{
    Exit, Run,
    args::{CheckOptions, NodeArgs},
    carry::{self, Architecture, NotCarried},
    join::{
        gate::Gate,
        node::{Footprint, NodeRun, Programs, look},
        preview::{self, Described},
    },
    phrases::Phrase,
    present::last_sentence::last_sentence,
    show::{Outputs, Progress, locale, print_note},
    wait::interrupted,
    world,
};

/// Checks what was asked from the nodes of the cluster.
pub(super) async fn run(args: NodeArgs) -> Result<Exit, String> {
    let kube = args.kube.options(|name| env::var_os(name));
    let wait = args.options.file_timeout();
    let refs = inputs::refs(&args.asked, &args.options, wait).await?;
    let targets = targets(&refs, &args)?;
    if args.dry_run {
        return super::manifests::print(&args, &targets).await;
    }
    let world = world_of(&args.options)?;
    in_world(targets, world, (kube, |_| carry::this_program()), &args, Described::default()).await
}

/// Which cluster is asked, and what reads this program.
pub(super) type Cluster = (KubeOptions, fn(Architecture) -> Result<Vec<u8>, NotCarried>);

/// Returns the targets, whose commands repeat this one.
pub(super) fn targets(refs: &[String], args: &NodeArgs) -> Result<Vec<Target>, String> {
    let options = &args.options;
    refuse_what_is_of_here(options)?;
    let mut targets = check::targets(refs, options, None)?;
    let is_hidden = |target: &&Target| target.asked.is_err() && target.id() != target.text;
    if let Some(target) = targets.iter().find(is_hidden) {
        return Err(format!(
            "{} is no image; nothing is created for it, as whoever may read Jobs would read the rest of it",
            target.id()
        ));
    }
    if let Some(said) = targets.iter().find_map(|target| unreadable(target, options)) {
        return Err(said);
    }
    for target in &mut targets {
        let flags = std::mem::take(&mut target.flags);
        // Those of `aks` are all of them, and end with --acr.
        let flags = if args.kube.in_azure { vec![] } else { flags };
        target.flags = args.flags().into_iter().chain(flags).collect();
    }
    Ok(targets)
}

/// Says what is wrong with a REF that names no image and no registry: no cluster need be asked.
fn unreadable(target: &Target, options: &CheckOptions) -> Option<String> {
    let finding = checks::unreadable_image(target)?;
    let lang = options.show.lang.unwrap_or_else(locale);
    let why = checks::messages().title(&finding, &target.describe(), lang);
    let asked = target.id();
    let meant = finding.evidence.get("repaired").and_then(serde_json::Value::as_str);
    let phrase = if meant.is_some() { Phrase::RefMeant } else { Phrase::RefRefused };
    let values = [("asked", asked.as_str()), ("why", &why), ("meant", meant.unwrap_or_default())];
    Some(phrase.say(lang, &values))
}

/// Refuses the options that only a look from here can use: `args` hides them from the help of `node`.
pub(super) fn refuse_what_is_of_here(options: &CheckOptions) -> Result<(), String> {
    let of_here = [
        (options.username.is_some(), "--username"),
        (options.auth_file.is_some(), "--auth-file"),
        (options.ca_file.is_some(), "--ca-file"),
        (options.node_root.is_some(), "--node-root"),
        (options.wait.is_some(), "--wait"),
    ];
    if let Some((_, option)) = of_here.iter().find(|(is_given, _)| *is_given) {
        return Err(format!("nodes look with their own files and credentials; leave {option} out"));
    }
    Ok(())
}

/// Returns the world of a run that looks from nodes: of here, it has only the way to the cluster.
pub(super) fn world_of(options: &CheckOptions) -> Result<World, String> {
    refuse_what_is_of_here(options)?;
    Ok(world::real(world::roots(vec![], None), None))
}

/// Runs the Jobs and shows the result. The cluster is asked about the pods of manifests first.
pub(super) async fn in_world(
    targets: Vec<Target>,
    world: World,
    cluster: Cluster,
    args: &NodeArgs,
    described: Described,
) -> Result<Exit, String> {
    let show = &args.options.show;
    let outputs = Outputs::open(show, args.options.file_timeout()).await?;
    let progress = Rc::new(Progress::of(show, &outputs, false));
    let (lines, folded) = (outputs.clone(), Rc::new(RefCell::new(outputs.new_run())));
    let (into, board) = (folded.clone(), progress.clone());
    let first = RefCell::new(None);
    let looking = look_with(described, targets, world, cluster, args, move |event: Event| {
        // The steps of the cluster are told of each target.
        let is_of_first =
            || *first.borrow_mut().get_or_insert_with(|| event.target.clone()) == event.target;
        if event.from == Vantage::Kubernetes && is_of_first() {
            board.take(&event);
        }
        lines.event(&event);
        // What nodes tell is bounded where it is read.
        into.borrow_mut().take(event).unwrap_or_default();
    });
    let footprint = tokio::select! {
        footprint = looking => footprint,
        () = progress.keep_drawn() => Footprint::default(),
    };
    drop(progress);
    let run: Run = folded.take();
    let page = outputs.present(&run);
    let exit = outputs.finish(&page);
    note(&footprint, outputs.lang());
    if args.kube.in_azure {
        for target in &page.targets {
            outputs.last_sentence(&last_sentence(target, outputs.lang()));
        }
    }
    Ok(exit)
}

/// Looks from the nodes, and before asks the cluster about the pods of manifests.
pub(super) async fn look_with(
    described: Described,
    targets: Vec<Target>,
    world: World,
    cluster: Cluster,
    args: &NodeArgs,
    tell: impl Fn(Event) + 'static,
) -> Footprint {
    let read = |image: String| check::target(&args.options, image, None);
    let (at, kube) = (world.clone(), cluster.0.clone());
    let described = (described, args.options.file_timeout());
    let mut preview = Box::pin(preview::ask(targets, at, kube, described, read)).await;
    let (api, targets) = (preview.api.clone(), preview.targets.clone());
    let run = NodeRun { api, ..prepare(targets, world.clone(), cluster, args) };
    let gate = Rc::new(Gate::new(tell));
    let passing = gate.clone();
    let looking = look(run, move |event| passing.pass(event));
    // The credentials are tried meanwhile, so that no host is waited for twice.
    let announcing = async {
        tokio::select! {
            () = preview.try_credentials(&world, args.options.timeout()) => {}
            _ = interrupted() => {}
        }
        preview.announce(|event| gate.tell(event));
        gate.open();
    };
    let (footprint, ()) = Box::pin(join(looking, announcing)).await;
    footprint
}

/// Says what a run did in the cluster.
pub(super) fn note(footprint: &Footprint, lang: Lang) {
    if footprint.created > 0 {
        let numbers =
            [footprint.created, footprint.deleted, footprint.requests].map(|n| n.to_string());
        let [created, deleted, requests] = numbers.each_ref().map(String::as_str);
        let values = [
            ("created", created),
            ("deleted", deleted),
            ("requests", requests),
            ("namespace", footprint.namespace.as_str()),
            ("cluster", footprint.cluster.as_str()),
        ];
        print_note(&Phrase::CreatedAndDeleted.say(lang, &values));
    }
}

/// Returns the run that these arguments ask for.
pub(super) fn prepare(
    targets: Vec<Target>,
    world: World,
    (kube, own): Cluster,
    args: &NodeArgs,
) -> NodeRun {
    NodeRun {
        settings: settings(&targets, &kube, args),
        targets,
        world,
        kube,
        api: None,
        programs: Programs { own, other: args.program.agent.clone() },
        keep: args.keep,
        reach_timeout: args.options.file_timeout(),
        timeout: args.options.timeout(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    #[test]
    fn nothing_secret_gets_into_a_job() {
        for secret in [
            "https://me:hunter2@contoso.azurecr.io/a:1",
            "https://contoso.azurecr.io/a?sig=hunter2",
        ] {
            let args = Args::parse_from(["check-acr", "node", secret, "--dry-run"]);
            let Some(Command::Node(args)) = args.command else { panic!() };
            let said = targets(&[secret.to_owned()], &args).unwrap_err();
            assert!(said.contains("***") && !said.contains("hunter2"), "{said}");
            let target = check::target(&args.options, secret.to_owned(), None);
            let settings = settings(&[target], &KubeOptions::default(), &args);
            assert!(!settings.targets[0].contains("hunter2"), "{:?}", settings.targets);
        }
    }
}

//! `check-acr lab`: the same checks in a built-in fake environment in which at most one thing is
//! broken.

use std::{cell::RefCell, rc::Rc};

use checks::kit::{Target, World, engine::Event, messages::Lang};
use clap::Parser;
use lab::{Lab, Scenario, ScenarioFile};

use super::{check, lab_nodes, node, preflight, why};
use crate::{
    Exit,
    args::{Args, CheckOptions, Format, Output, ShowArgs},
    join::{self, preview::Described},
    phrases::Phrase,
    present::reference::ScenarioLine,
    run::{Wanted, run as run_plans},
    show::{self, Outputs, locale, print_note, reference},
    wait::interrupted,
    world,
};

/// How many scenarios of a code are named.
const MAX_SHOWN: usize = 3;

pub(super) async fn run(
    name: &str,
    list: bool,
    serve: bool,
    options: CheckOptions,
) -> Result<Exit, String> {
    let own = [
        (options.username.is_some(), "--username"),
        (options.auth_file.is_some(), "--auth-file"),
        (options.ca_file.is_some(), "--ca-file"),
        (options.node_root.is_some(), "--node-root"),
    ];
    if let Some((_, option)) = own.iter().find(|(is_given, _)| *is_given) {
        return Err(format!("the lab has credentials and files of its own; leave {option} out"));
    }
    if list {
        return list_all(&options.show);
    }
    let unknown = || {
        let like = |known: &str| strsim::jaro_winkler(known, name);
        let near = lab::scenarios().iter().map(|known| known.name);
        let near =
            near.max_by(|a, b| like(a).total_cmp(&like(b))).filter(|known| like(known) > 0.8);
        let near = near.map(|near| format!(" (is it {near}?)")).unwrap_or_default();
        let name = checks::kit::sanitize_text(name);
        format!("there is no scenario “{name}”{near}; `check-acr lab --list` has them all")
    };
    let scenario = Scenario::named(name).ok_or_else(unknown)?;
    let scenario = scenario.map_err(|error| format!("the scenario {name}: {error}"))?;
    let failed = |error: lab::Error| format!("the lab does not start: {error}");
    if serve {
        return keep_up(&scenario, &lab::serve(&scenario).await.map_err(failed)?).await;
    }
    if !options.show.quiet {
        let lang = options.show.lang.unwrap_or_else(locale);
        print_note(&Phrase::InLab.say(lang, &[("name", name)]));
    }
    if !scenario.views.is_empty() {
        return from_views(&scenario, &options).await;
    }
    let lab = lab::start(&scenario).await.map_err(failed)?;
    if lab_nodes::is_from_nodes(&scenario) {
        let mut args = lab_nodes::arguments(&scenario)?;
        args.options = options.or(args.options);
        let (world, kube) = lab_nodes::world_of(&scenario, &lab, &args.kube)?;
        return node::in_world(
            lab_nodes::targets(&args)?,
            world,
            kube,
            &args,
            Described::default(),
        )
        .await;
    }
    if scenario.ask.command == "why" {
        let mut args = lab_nodes::why_arguments(&scenario)?;
        args.options = options.or(args.options);
        let (world, kube) = lab_nodes::world_of(&scenario, &lab, &args.kube)?;
        if !args.files.is_empty() {
            let asked = preflight::read(&lab_nodes::manifests(&scenario, &args), &args)?;
            return Box::pin(preflight::in_world(asked, world, kube, &args)).await;
        }
        return Box::pin(why::in_world(world, kube, &args)).await;
    }
    let (options, targets, world) = prepare_scenario(&scenario, &lab, |base| options.or(base))?;
    check::in_world(targets, world, &options).await
}

/// Looks from each vantage of a scenario with several, one after the other.
async fn from_views(scenario: &Scenario, options: &CheckOptions) -> Result<Exit, String> {
    let outputs = Outputs::open(&options.show, options.file_timeout()).await?;
    let mut run = outputs.new_run();
    for view in &scenario.views {
        let failed = |error: &dyn std::fmt::Display| format!("the lab does not start: {error}");
        let lab = lab::start(&view.world).await.map_err(|error| failed(&error))?;
        let given = options.clone();
        let (options, targets, world) = prepare_scenario(&view.world, &lab, |base| given.or(base))?;
        let (vantage, labels) = (view.from.parse()?, view.labels.clone());
        let wanted = Wanted { vantage, labels, ..options.wanted() };
        let lines = outputs.clone();
        let tell = move |event: &Event| lines.event(event);
        for event in run_plans(targets, world, &wanted, tell).await {
            run.take(event)?;
        }
    }
    Ok(outputs.finish(&outputs.present(&run)))
}

/// Returns the options of a scenario, its targets and its world. `change` may change its options.
///
/// # Errors
/// Returns a sentence for the user when the scenario's arguments or its world cannot be read.
pub fn prepare_scenario(
    scenario: &Scenario,
    lab: &Lab,
    change: impl FnOnce(CheckOptions) -> CheckOptions,
) -> Result<(CheckOptions, Vec<Target>, World), String> {
    let words = ["check-acr", &scenario.ask.image].map(str::to_owned).into_iter();
    let args = Args::try_parse_from(words.chain(scenario.ask.args.clone()));
    let args = args.map_err(|error| format!("the scenario's arguments: {error}"))?.check;
    let options = change(args.options);
    let targets = check::targets(&args.asked, &options, None)?;
    Ok((options, targets, world::of_lab(lab, &scenario.ask)?))
}

/// Runs a scenario, whatever its command is, and returns its events.
///
/// # Errors
/// Returns a sentence for the user when the scenario's arguments or its world cannot be read.
pub async fn run_scenario(
    scenario: &Scenario,
    lab: &Lab,
    change: impl FnOnce(CheckOptions) -> CheckOptions,
) -> Result<Vec<Event>, String> {
    let events = Rc::<RefCell<Vec<Event>>>::default();
    let kept = events.clone();
    if scenario.ask.command == "why" {
        let mut args = lab_nodes::why_arguments(scenario)?;
        args.options = change(args.options);
        let (world, kube) = lab_nodes::world_of(scenario, lab, &args.kube)?;
        if !args.files.is_empty() {
            let asked = preflight::read(&lab_nodes::manifests(scenario, &args), &args)?;
            let tell = move |event| kept.borrow_mut().push(event);
            Box::pin(preflight::look(asked, world, kube, &args, tell)).await;
            return Ok(events.take());
        }
        let look =
            why::look(world, kube, &args, |_| {}, move |event| kept.borrow_mut().push(event));
        Box::pin(look).await?;
        return Ok(events.take());
    }
    if !lab_nodes::is_from_nodes(scenario) {
        let (options, targets, world) = prepare_scenario(scenario, lab, change)?;
        return Ok(run_plans(targets, world, &options.wanted(), |_| {}).await);
    }
    let mut args = lab_nodes::arguments(scenario)?;
    args.options = change(args.options);
    let (world, kube) = lab_nodes::world_of(scenario, lab, &args.kube)?;
    let targets = lab_nodes::targets(&args)?;
    let run = node::prepare(targets, world, kube, &args);
    Box::pin(join::node::look(run, move |event| kept.borrow_mut().push(event))).await;
    Ok(events.take())
}

fn list_all(show: &ShowArgs) -> Result<Exit, String> {
    let lang = show.lang.unwrap_or_else(show::locale);
    let line = |file: &ScenarioFile| {
        let scenario = Scenario::parse(file.text);
        let scenario = scenario.map_err(|error| format!("{}: {error}", file.name))?;
        let expect = &scenario.expect;
        let codes = [&expect.causes, &expect.could_not_tell, &expect.warnings];
        Ok(ScenarioLine {
            name: file.name,
            area: file.area,
            story: match lang {
                Lang::En => scenario.story.en,
                Lang::Ko => scenario.story.ko,
            },
            can: expect.can.clone(),
            exit_code: expect.exit,
            codes: codes.into_iter().flatten().cloned().collect(),
        })
    };
    let lines: Vec<ScenarioLine> =
        lab::scenarios().iter().map(line).collect::<Result<_, String>>()?;
    let as_json = match &show.output[..] {
        [] | [Output { format: Format::Text, file: None }] => false,
        [Output { format: Format::Json, file: None }] => true,
        _ => return Err("lab --list prints to standard output, as text or json".into()),
    };
    reference::print_page(&lines[..], as_json, reference::scenarios);
    Ok(Exit::Can)
}

/// Returns the scenarios that bring a code about.
pub(super) fn that_show(code: &str) -> Vec<&'static str> {
    let shows = |file: &&ScenarioFile| {
        // An embedded scenario always parses: a test reads each.
        let expect = file.text.contains(code).then(|| Scenario::parse(file.text).ok())?;
        let expect = expect?.expect;
        let lists = [&expect.causes, &expect.could_not_tell, &expect.warnings];
        lists.into_iter().flatten().any(|known| known == code).then_some(())
    };
    let files = lab::scenarios().iter().filter(|file| shows(file).is_some());
    files.map(|file| file.name).take(MAX_SHOWN).collect()
}

/// Serves until interrupted. The files that clients need are in a temporary folder of their own.
async fn keep_up(scenario: &Scenario, lab: &Lab) -> Result<Exit, String> {
    let folder = std::env::temp_dir().join(format!("check-acr-lab-{}", std::process::id()));
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let ca = folder.join("ca.crt");
    std::fs::write(&ca, &lab.ca_pem).map_err(failed)?;
    let config = folder.join("config.json");
    std::fs::write(&config, lab.docker_config.as_deref().unwrap_or("{}")).map_err(failed)?;
    let (registry, ca, config) = (lab.registry, ca.display(), config.display());
    let image = scenario.ask.image.split_once('/').map_or("team/app:v1", |(_, image)| image);
    show::print(&format!(
        "a registry at {registry}, its certificate authority in {ca}, credentials in {config}; until Ctrl-C\n\
         (what is wrong with names, addresses or clocks in a scenario is not served: clients have their own)\n\n\
         DOCKER_CONFIG={0} check-acr --ca-file {ca} {registry}/{image}\n\
         skopeo copy --src-cert-dir {0} --src-authfile {config} docker://{registry}/{image} dir:{0}/app\n\
         install -D {ca} /etc/docker/certs.d/{registry}/ca.crt && docker --config {0} pull {registry}/{image}\n",
        folder.display(),
    ));
    let ended = interrupted().await;
    // The folder belongs to this process; failing to remove it does not matter.
    let _ = std::fs::remove_dir_all(&folder);
    ended.map_err(|error| format!("the lab cannot wait to be stopped: {error}"))?;
    Ok(Exit::Can)
}

//! `check-acr REF`: can this host pull it?

use std::{cell::RefCell, rc::Rc};

use checks::kit::{RegistryOrImage, Secret, Target, World, rules::Platform, target::SignIn};

use tokio::time::Instant;

use super::{
    inputs,
    watch::{Next, look_again},
};
use crate::{
    Exit, Run,
    args::{CheckArgs, CheckOptions},
    run::run as run_plans,
    show::{Outputs, Progress},
    world,
};

/// Checks what was asked from this host.
pub(super) async fn run(CheckArgs { asked, options }: CheckArgs) -> Result<Exit, String> {
    let wait = options.file_timeout();
    let password = inputs::password(&options, wait).await?;
    let refs = inputs::refs(&asked, &options, wait).await?;
    let targets = targets(&refs, &options, password.as_ref())?;
    in_world(targets, world_of(&options).await?, &options).await
}

/// Returns the world that is looked at from here, with the files that were named.
pub(super) async fn world_of(options: &CheckOptions) -> Result<World, String> {
    let wait = options.file_timeout();
    let ca_file = inputs::ca_file(options, wait).await?;
    inputs::look_at_files(options, wait).await?;
    inputs::look_for_node(options, wait).await?;
    let node_root = options.node_root.as_deref();
    Ok(world::real(world::roots(ca_file, node_root), node_root))
}

/// Runs the checks in that world and shows the result.
pub(super) async fn in_world(
    targets: Vec<Target>,
    world: World,
    options: &CheckOptions,
) -> Result<Exit, String> {
    let show = &options.show;
    let outputs = Outputs::open(show, options.file_timeout()).await?;
    let until = options.wait.map(|wait| Instant::now() + wait);
    loop {
        let run = look(&targets, &world, options, &outputs).await;
        let page = outputs.present(&run);
        match look_again(&page, outputs.messages(), until).await {
            Next::Look => {}
            Next::End => return Ok(outputs.finish(&page)),
            Next::Interrupted => {
                outputs.finish(&page);
                return Ok(Exit::Interrupted);
            }
        }
    }
}

/// Runs the checks once.
async fn look(targets: &[Target], world: &World, options: &CheckOptions, outputs: &Outputs) -> Run {
    let wanted = options.wanted();
    let progress = Rc::new(Progress::of(&options.show, outputs, targets.len() > 1));
    let (lines, folded) = (outputs.clone(), Rc::new(RefCell::new(outputs.new_run())));
    let (run, board) = (folded.clone(), progress.clone());
    let events = run_plans(targets.to_vec(), world.clone(), &wanted, move |event| {
        board.take(event);
        lines.event(event);
        // A run of this process never exceeds the limits, so all its events are accepted.
        folded.borrow_mut().take(event.clone()).unwrap_or_default();
    });
    tokio::select! {
        _ = events => {}
        () = progress.keep_drawn() => {}
    }
    drop(progress);
    run.take()
}

/// Returns the targets of the command line, without duplicates.
pub(super) fn targets(
    refs: &[String],
    options: &CheckOptions,
    password: Option<&Secret>,
) -> Result<Vec<Target>, String> {
    const GIVE: &str = "give a registry or an image, such as contoso.azurecr.io/team/app:v1";
    if refs.is_empty() {
        return Err(format!("what should be checked? {GIVE}; --help shows more"));
    }
    if refs.len() > 1 && options.username.is_some() {
        // Each of the registries would receive the password.
        return Err("--username goes with a single REF".into());
    }
    let mut targets: Vec<Target> = vec![];
    for text in refs {
        if text.trim().is_empty() {
            return Err(format!("REF is empty; {GIVE}"));
        }
        let target = target(options, text.clone(), password.cloned());
        if targets.iter().all(|known| known.id() != target.id()) {
            targets.push(target);
        }
    }
    Ok(targets)
}

/// Returns the target that a text names.
pub(super) fn target(options: &CheckOptions, text: String, password: Option<Secret>) -> Target {
    Target {
        asked: RegistryOrImage::read(&text, options.cloud, options.plain_http),
        text,
        platform: options.platform.clone().unwrap_or_else(Platform::here),
        is_platform_assumed: options.platform.is_none(),
        containerd: options.containerd,
        full: options.full,
        response_wait: None,
        flags: flags(options),
        own_flags: flags(options),
        named_at: vec![],
        uses: checks::kit::target::ManifestUses::default(),
        sign_in: SignIn {
            who: options.identity.clone(),
            given: options.username.clone().zip(password),
            auth_file: options.auth_file.clone(),
            run_provider: options.run_provider,
            time_limit: options.timeout(),
        },
        control_plane: options.azure.control_plane(),
    }
}

/// Returns the flags that a command in a fix must repeat to run the same check.
fn flags(options: &CheckOptions) -> Vec<String> {
    let mut flags = vec![];
    let mut add = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            flags.extend([flag.to_owned(), value]);
        }
    };
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|p| p.display().to_string());
    add("--cloud", options.cloud.flag().map(str::to_owned));
    add("--platform", options.platform.as_ref().map(ToString::to_string));
    add("--containerd", options.containerd.as_ref().map(ToString::to_string));
    add("--ca-file", path(&options.ca_file));
    add("--auth-file", path(&options.auth_file));
    add("--node-root", path(&options.node_root));
    add("--identity", options.identity.flag());
    add("--username", options.username.clone());
    options.azure.flags().into_iter().for_each(|(flag, value)| add(flag, value));
    let switches = [
        (options.password_stdin, "--password-stdin"),
        (options.run_provider, "--run-provider"),
        (options.plain_http, "--plain-http"),
        (options.full, "--full"),
    ];
    flags.extend(switches.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()));
    flags
}

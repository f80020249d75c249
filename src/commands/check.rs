//! `check-acr REF`: can this host pull it?

use std::{
    cell::RefCell,
    fs,
    io::{ErrorKind, Read},
    path::Path,
    rc::Rc,
};

use checks::kit::{RegistryOrImage, Secret, Target, World, rules::Platform, target::SignIn};

use crate::{
    Exit,
    args::{CheckArgs, ShowArgs, When},
    run::run as run_plans,
    show::{Progress, print_note},
    typed,
    wait::no_longer_than,
    world,
};

/// The longest password that is accepted.
const MAX_PASSWORD_BYTES: u64 = 64 * 1024;

pub(super) async fn run(args: CheckArgs) -> Result<Exit, String> {
    let wait = args.file_timeout();
    let ca_file = match args.ca_file.clone() {
        None => vec![],
        Some(file) => {
            let what = format!("--ca-file {}", file.display());
            no_longer_than(wait, &what, move || world::read_ca_file(&file)).await?
        }
    };
    let password = if args.password_stdin {
        let bytes = no_longer_than(wait, "--password-stdin", read_stdin).await?;
        Some(password(bytes)?)
    } else {
        None
    };
    let typed = match &args.asked[..] {
        [only] if only == "-" => {
            let lines = refs(no_longer_than(wait, "standard input", read_refs).await?)?;
            typed::read_lines(&lines, args.cloud)
        }
        words if words.iter().any(|word| word == "-") => {
            return Err("- reads the REFs from standard input; it stands alone".into());
        }
        words => typed::read(words, args.cloud)?,
    };
    typed.notes.iter().for_each(|note| print_note(note));
    let args = CheckArgs { asked: typed.refs, ..args };
    if let Some(file) = args.auth_file.clone() {
        no_longer_than(wait, "--auth-file", move || credentials_file(&file)).await?;
    }
    if let Some(folder) = args.node_root.clone() {
        no_longer_than(wait, "--node-root", move || node_folder(&folder)).await?;
    }
    let targets = targets(&args, password.as_ref())?;
    let node_root = args.node_root.as_deref();
    let world = world::real(world::roots(ca_file, node_root), node_root);
    in_world(targets, world, &args, &args.show).await
}

/// Runs the checks in that world and shows the result.
pub(super) async fn in_world(
    targets: Vec<Target>,
    world: World,
    args: &CheckArgs,
    show: &ShowArgs,
) -> Result<Exit, String> {
    let outputs = crate::show::Outputs::open(show, args.file_timeout()).await?;
    let wanted = args.wanted();
    let color = show.color != When::Never;
    let progress = if show.quiet {
        Progress::Quiet
    } else {
        Progress::new(outputs.messages(), outputs.lang(), targets.len() > 1, color)
    };
    let progress = Rc::new(progress);
    let (lines, folded) = (outputs.clone(), Rc::new(RefCell::new(outputs.new_run())));
    let (run, board) = (folded.clone(), progress.clone());
    let events = run_plans(targets, world, &wanted, move |event| {
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
    Ok(outputs.finish(&run.borrow()))
}

/// Returns the targets of the command line, without duplicates.
pub(super) fn targets(args: &CheckArgs, password: Option<&Secret>) -> Result<Vec<Target>, String> {
    const GIVE: &str = "give a registry or an image, such as contoso.azurecr.io/team/app:v1";
    if args.asked.is_empty() {
        return Err(format!("what should be checked? {GIVE}; --help shows more"));
    }
    if args.asked.len() > 1 && args.username.is_some() {
        // Each of the registries would receive the password.
        return Err("--username goes with a single REF".into());
    }
    let mut targets: Vec<Target> = vec![];
    for text in &args.asked {
        if text.trim().is_empty() {
            return Err(format!("REF is empty; {GIVE}"));
        }
        let target = target(args, text.clone(), password.cloned());
        if targets.iter().all(|known| known.id() != target.id()) {
            targets.push(target);
        }
    }
    Ok(targets)
}

fn target(args: &CheckArgs, text: String, password: Option<Secret>) -> Target {
    Target {
        asked: RegistryOrImage::read(&text, args.cloud, args.plain_http),
        text,
        platform: args.platform.clone().unwrap_or_else(Platform::here),
        full: args.full,
        flags: flags(args),
        sign_in: SignIn {
            who: args.identity.clone(),
            given: args.username.clone().zip(password),
            auth_file: args.auth_file.clone(),
        },
    }
}

/// Returns the flags that a command in a fix must repeat to run the same check.
fn flags(args: &CheckArgs) -> Vec<String> {
    let mut flags = vec![];
    let mut add = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            flags.extend([flag.to_owned(), value]);
        }
    };
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|p| p.display().to_string());
    add("--cloud", args.cloud.flag().map(str::to_owned));
    add("--platform", args.platform.as_ref().map(ToString::to_string));
    add("--ca-file", path(&args.ca_file));
    add("--auth-file", path(&args.auth_file));
    add("--node-root", path(&args.node_root));
    add("--identity", args.identity.flag());
    add("--username", args.username.clone());
    let switches = [
        (args.password_stdin, "--password-stdin"),
        (args.plain_http, "--plain-http"),
        (args.full, "--full"),
    ];
    flags.extend(switches.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()));
    flags
}

/// The longest list of REFs that is read.
const MAX_REFS_BYTES: u64 = 1024 * 1024;

fn read_refs() -> Result<Vec<u8>, String> {
    let mut bytes = vec![];
    let read = std::io::stdin().take(MAX_REFS_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("standard input: {error}"))?;
    Ok(bytes)
}

/// Returns the REFs in a text: one a line, without empty lines and comments.
fn refs(bytes: Vec<u8>) -> Result<Vec<String>, String> {
    if bytes.len() as u64 > MAX_REFS_BYTES {
        return Err("standard input: this is longer than any list of images".into());
    }
    let text = String::from_utf8(bytes).map_err(|_| "standard input: this is not text")?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let refs: Vec<String> =
        lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    if refs.is_empty() {
        return Err("standard input names no image: give one a line".into());
    }
    Ok(refs)
}

/// Says before anything is asked that the file with the credentials cannot be one. What else is
/// wrong with it is a finding.
fn credentials_file(file: &Path) -> Result<(), String> {
    let name = file.display();
    let found = fs::metadata(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("--auth-file {name}: there is no such file"),
        _ => format!("--auth-file {name}: {error}"),
    })?;
    if found.is_dir() {
        return Err(format!("--auth-file {name}: this is a folder"));
    }
    // A pipe has no length either.
    if found.is_file() && found.len() == 0 {
        return Err(format!(
            "--auth-file {name} is empty (0 bytes): did the command that wrote it fail?"
        ));
    }
    Ok(())
}

/// Says before anything is asked that the node's files cannot be there.
fn node_folder(folder: &Path) -> Result<(), String> {
    let name = folder.display();
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("--node-root {name}: this is not a folder")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("--node-root {name}: there is no such folder"))
        }
        Err(error) => Err(format!("--node-root {name}: {error}")),
    }
}

fn read_stdin() -> Result<Vec<u8>, String> {
    let mut bytes = vec![];
    let read = std::io::stdin().take(MAX_PASSWORD_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("--password-stdin: {error}")).map(|_| bytes)
}

/// Reads the password and removes its line ending.
fn password(bytes: Vec<u8>) -> Result<Secret, String> {
    if bytes.len() as u64 > MAX_PASSWORD_BYTES {
        return Err("--password-stdin: what came is longer than any password".into());
    }
    let text =
        String::from_utf8(bytes).map_err(|_| "--password-stdin: what came is not text (UTF-8)")?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err("--password-stdin: nothing came on standard input".into()),
        text => Ok(Secret::new(text)),
    }
}

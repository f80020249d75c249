//! `check-acr agent`: checks from a node, for a run elsewhere. Its events go to standard output and,
//! compressed, to the termination message.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use checks::{compared::RESOLVER, kit::Target};

use crate::{
    Exit,
    args::{AgentArgs, CheckArgs, Format, Output},
    join::termination,
    run::{Wanted, run as run_plans},
    show::{Outputs, print_error},
    wait::no_longer_than,
    world,
};

use super::{check, inputs};

/// Checks what was asked from this node. Whether the image can be pulled is for the run elsewhere to
/// say: the agent succeeds when its events are written.
pub(super) async fn run(args: AgentArgs) -> Result<Exit, String> {
    let AgentArgs { check, vantage, labels, termination, response_wait } = args;
    let CheckArgs { asked, mut options } = check;
    // Whoever started it asks the control plane, once.
    options.azure.no_azure = true;
    options.show.output = vec![Output { format: Format::Events, file: None }];
    let wait = options.file_timeout();
    let ca_file = inputs::ca_file(&options, wait).await?;
    let password = inputs::password(&options, wait).await?;
    let refs = inputs::refs(&asked, &options, wait).await?;
    inputs::look_at_files(&options, wait).await?;
    let mut targets = check::targets(&refs, &options, password.as_ref())?;
    answer_within(&mut targets, response_wait);
    let node_root = options.node_root.as_deref();
    let world = world::real(world::roots(ca_file, node_root), node_root);
    let mut labels: BTreeMap<String, String> = labels.into_iter().collect();
    pulled_by(&mut targets, &labels);
    let servers: Vec<String> = world.name_servers.iter().map(|it| it.ip().to_string()).collect();
    labels.entry(RESOLVER.to_owned()).or_insert_with(|| servers.join(", "));
    let wanted = Wanted { vantage, labels, ..options.wanted() };
    let outputs = Outputs::open(&options.show, wait).await?;
    let events = run_plans(targets, world, &wanted, move |event| outputs.event(event)).await;
    let what = format!("--termination {}", termination.display());
    let message = termination::encode(&events);
    let said = what.clone();
    let write =
        move || write(&termination, message.as_bytes()).map_err(|error| format!("{said}: {error}"));
    // The log has the events, too.
    if let Err(sentence) = no_longer_than(wait, &what, write).await {
        print_error(&sentence);
        return Ok(Exit::CouldNotTell);
    }
    Ok(Exit::Can)
}

/// Gives the hosts of these targets that many seconds to begin a response.
pub(super) fn answer_within(targets: &mut [Target], seconds: Option<u64>) {
    let wait = seconds.map(Duration::from_secs);
    targets.iter_mut().for_each(|target| target.response_wait = wait);
}

/// Lets these targets know what the cluster says of the node's containerd: it counts where the node's
/// files say nothing.
pub(super) fn pulled_by(targets: &mut [Target], labels: &BTreeMap<String, String>) {
    let runtime = labels.get("runtime").and_then(|text| text.parse().ok());
    targets.iter_mut().for_each(|target| target.containerd = target.containerd.or(runtime));
}

/// Writes the message over what stands in the file.
fn write(file: &Path, message: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).open(file)?.write_all(message)
}

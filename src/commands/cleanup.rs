//! `check-acr cleanup`: removes what runs of `check-acr node` left in a cluster.

use std::env;

use crate::{Exit, args::CleanupArgs, join::node::cleanup, show, world};

pub(super) async fn run(args: CleanupArgs) -> Result<Exit, String> {
    let kube = args.kube.options(|name| env::var_os(name));
    let world = world::real(world::roots(vec![], None), None);
    let found = cleanup(world, kube, args.all_namespaces, args.dry_run).await;
    let (removed, failed) = match found {
        Ok(found) => found,
        Err(sentence) => {
            show::print_error(&sentence);
            return Ok(Exit::CouldNotTell);
        }
    };
    let verb = if args.dry_run { "would delete" } else { "deleted" };
    let mut lines: Vec<String> = removed.iter().map(|job| format!("{verb} {job}")).collect();
    if lines.is_empty() && failed.is_empty() {
        lines.push("nothing of check-acr is there".to_owned());
    }
    show::print(&format!("{}\n", lines.join("\n")));
    failed.iter().for_each(|sentence| show::print_error(sentence));
    Ok(if failed.is_empty() { Exit::Can } else { Exit::CouldNotTell })
}

//! `check-acr cleanup`: removes what runs of `check-acr node` left in a cluster.

use std::{env, time::Duration};

use tokio::time::timeout;

use crate::{Exit, args::CleanupArgs, join::node::cleanup, phrases::Phrase, show, world};

/// How long it may take: thousands of Jobs go in a minute.
const LIMIT: Duration = Duration::from_secs(5 * 60);

pub(super) async fn run(args: CleanupArgs) -> Result<Exit, String> {
    let kube = args.kube.options(|name| env::var_os(name));
    let world = world::real(world::roots(vec![], None), None);
    let lang = args.lang.unwrap_or_else(show::locale);
    let found = cleanup(world, kube, args.all_namespaces, args.dry_run, lang);
    let late = |_| Err(Phrase::CleanupTooLong.text(lang).to_owned());
    let (removed, failed) = match timeout(LIMIT, found).await.unwrap_or_else(late) {
        Ok(found) => found,
        Err(sentence) => {
            show::print_error(&sentence);
            return Ok(Exit::CouldNotTell);
        }
    };
    let done = if args.dry_run { Phrase::WouldDelete } else { Phrase::Deleted };
    let line = |job: &String| done.say(lang, &[("job", job)]);
    let mut lines: Vec<String> = removed.iter().map(line).collect();
    if lines.is_empty() && failed.is_empty() {
        lines.push(Phrase::NothingLeft.text(lang).to_owned());
    }
    lines.iter().for_each(|line| show::print(&format!("{line}\n")));
    failed.iter().for_each(|sentence| show::print_error(sentence));
    Ok(if failed.is_empty() { Exit::Can } else { Exit::CouldNotTell })
}

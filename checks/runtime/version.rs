//! Which version of containerd this node has, and what depends on it here.

use crate::kit::{
    Cx,
    rules::{ContainerdVersion, is_at_least},
    world::{Process, Seen, Variables},
};

/// The program on AKS nodes (Azure/AgentBaker).
const PROGRAM: &str = "/usr/bin/containerd";
/// The most reads of the program, and a look at its time.
pub(super) const MAX_READS: usize = 2;

/// Reads the version of the running containerd, or of the one that would be started.
pub(super) async fn read(cx: &Cx, process: Option<&Process>) -> Option<ContainerdVersion> {
    let program = match process {
        None => PROGRAM,
        // Started by a bare name, it may be any of the PATH.
        Some(process) => {
            let named = process.program.as_ref().or(process.args.first())?;
            Some(named.as_str()).filter(|path| path.starts_with('/'))?
        }
    };
    let program = cx.world.of_node(program);
    let found = cx.world.program(&program, &[], |_| true).await.ok()?;
    let version = ContainerdVersion::of(&found.build?)?;
    let Some(process) = process else { return Some(version) };
    // A program that was replaced since is not the one that runs.
    let changed = cx.world.changed(&program).await.ok()?;
    Some(version).filter(|_| process.started_after(changed) != Some(false))
}

/// Returns whether containerd can pull images of schema 1: containerd 1 can, 2.0 only where a variable
/// says so, later ones cannot. `None` where that is not known.
pub(super) fn takes_schema1(version: Option<ContainerdVersion>, known: &Variables) -> Option<bool> {
    const VARIABLE: &str = "CONTAINERD_ENABLE_DEPRECATED_PULL_SCHEMA_1_IMAGE";
    let version = version?;
    if version.is_first() {
        return Some(true);
    }
    match is_at_least(Some(version), (2, 1, 0))? {
        true => Some(false),
        false if known.seen == Seen::InEffect && known.value(VARIABLE).is_none() => Some(false),
        false => None,
    }
}

//! Programs on the node that decide which images containerd may pull.

use super::{config::Config, problem::Problem};
use crate::kit::{Cx, rules::ContainerdVersion, world::FileError};

/// Warns of programs that decide which images may be pulled (containerd 2, `docs/image-verification.md`).
pub(super) async fn warn(cx: &Cx, config: &Config, version: Option<ContainerdVersion>) {
    if version.is_some_and(ContainerdVersion::is_first) {
        return;
    }
    let folder = config.verifiers.clone();
    let said = match cx.world.names_in(&cx.world.of_node(&folder)).await {
        Err(FileError::Missing) => return,
        Ok(names) if names.is_empty() => return,
        Ok(names) => names.join(", "),
        // Others may be there all the same.
        Err(error) => error.to_string(),
    };
    cx.add_finding(Problem::ImageVerifiers { folder, said });
}

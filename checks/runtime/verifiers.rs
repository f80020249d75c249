//! Programs on the node that decide which images containerd may pull.

use super::{
    config::Config,
    problem::{NotFollowed, Problem},
    version::Version,
};
use crate::kit::Cx;

/// Warns of programs that decide which images may be pulled (containerd 2, `docs/image-verification.md`).
pub(super) async fn warn(cx: &Cx, config: &Config, version: Option<Version>) {
    if version.is_some_and(Version::is_first) {
        return;
    }
    let folder = &config.verifiers;
    let names = cx.world.names_in(&cx.world.of_node(folder)).await.unwrap_or_default();
    if !names.is_empty() {
        let (file, what) = (folder.clone(), NotFollowed::ImageVerifier);
        cx.add_finding(Problem::NotReplayed { file, what, written: names.join(" ") });
    }
}

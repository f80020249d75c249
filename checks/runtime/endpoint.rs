//! Which container runtime is the kubelet told to use?
//!
//! Source: kubernetes, cmd/kubelet/app/options: `--container-runtime-endpoint`; the field of
//! `KubeletConfiguration` since 1.27.

use crate::kit::{
    Cx,
    rules::{Fields, flag},
    world::{Process, Unit, yaml},
};

/// containerd's socket, where its command line names no other.
const SOCKETS: [&str; 2] =
    ["/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock"];
/// The flag, however it is written: the kubelet takes a line in place of a dash.
const FLAG: [&str; 2] = ["container-runtime-endpoint", "container_runtime_endpoint"];

/// Returns the socket of another runtime than containerd, if the kubelet is told to use one, and what
/// says so.
pub(super) async fn other(
    cx: &Cx,
    kubelet: Option<&Process>,
    containerd: Option<&Process>,
) -> Option<(String, String)> {
    let unit = cx.world.unit(Unit::Kubelet).await;
    let (words, file) = match kubelet {
        Some(process) => (process.args.clone(), format!("/proc/{}/cmdline", process.pid)),
        None => (unit.words(Unit::Kubelet.name())?.ok()?, unit.sources.last()?.clone()),
    };
    let by_flag = flag(&words, &FLAG).map(str::to_owned);
    let (endpoint, file) = match by_flag.filter(|endpoint| !endpoint.is_empty()) {
        Some(endpoint) => (endpoint, file),
        None => {
            let file = flag(&words, &["config"])?;
            // One that cannot be read is told where the kubelet's settings are.
            let bytes = cx.world.read(&cx.world.of_node(file)).await.ok()?;
            let read = yaml(&bytes).ok()?;
            let endpoint = Fields::of(&read)?.scalar("containerRuntimeEndpoint").ok()??;
            (endpoint, file.to_owned())
        }
    };
    let own = containerd.and_then(|containerd| flag(&containerd.args, &["address", "a"]));
    let path = endpoint.strip_prefix("unix://").unwrap_or(&endpoint);
    let is_containerds = path.is_empty() || SOCKETS.contains(&path) || own == Some(path);
    (!is_containerds).then_some((file, endpoint))
}

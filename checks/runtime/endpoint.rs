//! Which container runtime is the kubelet told to use?
//!
//! Source: kubernetes, cmd/kubelet/app/options: `--container-runtime-endpoint`; the field of
//! `KubeletConfiguration` since 1.27.

use crate::kit::{
    Cx,
    rules::{Fields, KubeletFlags, flag},
    world::{Process, Unit, yaml},
};

/// The name of containerd's socket, wherever it is.
const NAME: &str = "containerd.sock";
/// Where it is unless containerd is told otherwise.
const SOCKETS: [&str; 2] =
    ["/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock"];

/// The socket that the kubelet is told to use.
pub(super) struct Endpoint {
    /// What says so.
    pub(super) file: String,
    /// The path of the socket.
    pub(super) socket: String,
}

impl Endpoint {
    /// Returns the socket, if the kubelet is told any.
    pub(super) async fn read(cx: &Cx, kubelet: Option<&Process>) -> Option<Self> {
        let unit = cx.world.unit(Unit::Kubelet).await;
        let (words, file) = match kubelet {
            Some(process) => (process.args.clone(), format!("/proc/{}/cmdline", process.pid)),
            None => (unit.words(Unit::Kubelet.name())?.ok()?, unit.sources.last()?.clone()),
        };
        let flags = KubeletFlags::of(words);
        let (endpoint, file) = match flags.value("container-runtime-endpoint") {
            Some(endpoint) => (endpoint.to_owned(), file),
            None => {
                let file = flags.value("config")?;
                // One that cannot be read is told where the kubelet's settings are.
                let bytes = cx.world.read(&cx.world.of_node(file)).await.ok()?;
                let read = yaml(&bytes).ok()?;
                let endpoint = Fields::of(&read)?.scalar("containerRuntimeEndpoint").ok()??;
                (endpoint, file.to_owned())
            }
        };
        let socket = endpoint.strip_prefix("unix://").unwrap_or(&endpoint).to_owned();
        (!socket.is_empty()).then_some(Self { file, socket })
    }

    /// Returns whether it is called like containerd's.
    pub(super) fn may_be_containerds(&self) -> bool {
        self.socket.rsplit('/').next() == Some(NAME)
    }

    /// Returns whether it is that of the containerd with this configured address: there may be another one,
    /// such as that of k3s.
    pub(super) fn is_of(&self, containerd: Option<&Process>, configured: Option<&str>) -> bool {
        let named = containerd.and_then(|containerd| flag(&containerd.args, &["address", "a"]));
        match named.or(configured) {
            Some(own) => self.socket == own,
            None => SOCKETS.contains(&self.socket.as_str()),
        }
    }
}

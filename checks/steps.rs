//! Every step: its name, its question and its time budget.
//!
//! A budget is longer than the sum of the waits inside the step, so that the network's silence is a
//! finding and only our own overrun is a failure. The question as people read it is in
//! `steps.toml`.

use std::time::Duration;

use crate::{
    clock, cluster, identity,
    kit::{
        Step,
        azure::ARM_WAIT,
        kube::KUBE_WAIT,
        net::{DATE_WAIT, DNS_WAIT, HTTP_WAIT, OPEN_WAIT, TCP_WAIT, TLS_WAIT},
        world::FILE_WAIT,
    },
    kubeconfig, kubelet, runtime, tcp, token,
};

/// What was asked for?
pub const IMAGE: Step = step("image", SLACK);
/// The way to the registry.
pub const FRONT: ConnectSteps = ConnectSteps {
    proxy: step("proxy", PROXY),
    dns: step("dns", DNS),
    tcp: step("tcp", TCP),
    tls: step("tls", TLS),
};
/// How does the registry want to be signed in to?
pub const CHALLENGE: Step = step("challenge", UNLIMITED);
/// Does this machine's clock agree with the registry's?
pub const CLOCK: Step = step("clock", clock::THIRDS * clock::THIRD_WAIT.as_secs() + SLACK);
/// What would this node's kubelet sign in with? The budget allows for each of its files.
pub const KUBELET: Step = step("kubelet", kubelet::MAX_READS * FILE_WAIT.as_secs() + SLACK);
/// Which hosts does containerd on this node ask? The budget allows for each of its files, and then
/// for each host that it asks besides the registry.
pub const RUNTIME: Step = step("runtime", runtime::MAX_READS as u64 * FILE_WAIT.as_secs() + SLACK);
/// Who signs in? The Azure CLI is the slowest to answer of all that may be asked.
pub const IDENTITY: Step = step("identity", 2 * identity::AZ_WAIT.as_secs() + SLACK);
/// Does the registry accept that identity? The connection of the credential provider and the challenge
/// that it asks for, the exchange, and the same once more with another tenant and with another audience.
pub const EXCHANGE: Step = step("exchange", UNLIMITED);
/// Does the registry issue an access token, and for what?
pub const TOKEN: Step = step("token", UNLIMITED);
/// Is the image there?
pub const MANIFEST: Step = step("manifest", UNLIMITED);
/// Is there an image for this platform, and which host serves its layers?
pub const PLATFORM: Step = step("platform", UNLIMITED);
/// The way to the host that serves the layers.
pub const LAYER_HOST: ConnectSteps = ConnectSteps {
    proxy: step("layer-proxy", PROXY),
    dns: step("layer-dns", DNS),
    tcp: step("layer-tcp", TCP),
    tls: step("layer-tls", TLS),
};
/// Do the bytes of the image arrive?
pub const LAYER: Step = step("layer", UNLIMITED);
/// Does the running containerd have what this pull needs?
pub const CONTAINERD: Step =
    step("containerd", runtime::MAX_LOOKS as u64 * FILE_WAIT.as_secs() + SLACK);

/// Which of the hosts that containerd on this node asks has the image? All are asked at once, when
/// the registry has been.
pub const MIRROR: Step = step("mirror", UNLIMITED);
/// Do these hosts serve its manifest? Each of them may be asked.
pub const MIRROR_MANIFEST: Step = step("mirror-manifest", UNLIMITED);
/// Do they have it for this platform?
pub const MIRROR_PLATFORM: Step = step("mirror-platform", UNLIMITED);
/// Do the bytes of the image arrive from them?
pub const MIRROR_LAYER: Step = step("mirror-layer", UNLIMITED);

/// Who reads Azure's control plane? The Azure CLI is the slowest to answer of all that may be asked.
pub const ARM: Step = step("arm", 2 * identity::AZ_WAIT.as_secs() + READ);
/// Which cluster pulls?
pub const CLUSTER: Step = step("cluster", 3 * READ);
/// What does the control plane say of the registry?
pub const ACR: Step = step("acr", 4 * READ);
/// May the identity that pulls do so, by the control plane?
pub const ROLE: Step = step("role", 4 * READ);
/// Does the identity that a pod's service account names let it sign in?
pub const FEDERATION: Step = step("federation", 5 * READ);
/// Do the registry's network rules let this client and the cluster in?
pub const FIREWALL: Step = step("firewall", 4 * READ);
/// Do the private endpoints lead where DNS says?
pub const PRIVATE_ENDPOINT: Step = step("private-endpoint", 9 * READ);
/// How do the cluster's nodes get out, and is it how this machine does?
pub const OUTBOUND: Step = step("outbound", 5 * READ);
/// What do AKS's own detectors say?
pub const DETECTORS: Step = step("detectors", cluster::DETECTOR_WAIT.as_secs() + SLACK);
/// Why would the registry not give this image?
pub const CONTENT: Step = step("content", UNLIMITED);
/// Is the token or user behind the presented credentials usable?
pub const CREDENTIAL: Step = step("credential", 2 * token::MAX_CANDIDATES as u64 * READ);

/// Which cluster is asked, and who asks it?
pub const KUBECONFIG: Step = step("kubeconfig", kubeconfig::READ_SECONDS + SLACK);
/// Does the cluster's API answer?
pub const API: Step = step("api", KUBE);
/// Which pods wait for an image? As long as the pages of them take: each wait is bounded.
pub const POD: Step = step("pod", 60 * 60);
/// Would admission take the pods that manifests describe? Each wait is bounded.
pub const POLICY: Step = step("policy", 60 * 60);
/// What do the pods that manifests describe sign in with? Each wait is bounded.
pub const SECRET: Step = step("secret", 60 * 60);
/// What may we do there? All of it is asked at once.
pub const ACCESS: Step = step("access", KUBE);
/// Which of its nodes look? As long as the pages of them take: each wait is bounded.
pub const NODES: Step = step("nodes", 60 * 60);
/// Does the cluster take the Jobs that look from its nodes?
pub const ADMISSION: Step = step("admission", KUBE);
/// Do they look?
pub const JOBS: Step = step("jobs", UNLIMITED);
/// Did the agent run on this node?
pub const AGENT: Step = step("agent", SLACK);

/// The steps that lead to one host.
pub struct ConnectSteps {
    /// Does the proxy lead to the host?
    pub proxy: Step,
    /// Does its name resolve?
    pub dns: Step,
    /// Does one of its addresses accept a connection?
    pub tcp: Step,
    /// Does it present a certificate that is trusted here?
    pub tls: Step,
}

impl ConnectSteps {
    const fn all(&self) -> [Step; 4] {
        [self.proxy, self.dns, self.tcp, self.tls]
    }
}

/// Returns the names of all steps, in the order of the plan.
pub fn names() -> impl Iterator<Item = &'static str> {
    let sign_in = [CHALLENGE, CLOCK, KUBELET, IDENTITY, EXCHANGE, TOKEN, MANIFEST, PLATFORM];
    let steps = [IMAGE, RUNTIME].into_iter().chain(FRONT.all()).chain(sign_in);
    let pull = steps.chain(LAYER_HOST.all()).chain([LAYER, CONTAINERD]);
    let mirrors = [MIRROR, MIRROR_MANIFEST, MIRROR_PLATFORM, MIRROR_LAYER];
    let azure = [
        ARM,
        CLUSTER,
        ACR,
        FEDERATION,
        ROLE,
        FIREWALL,
        PRIVATE_ENDPOINT,
        OUTBOUND,
        DETECTORS,
        CONTENT,
    ];
    let cluster = [KUBECONFIG, API, POD, POLICY, SECRET, ACCESS, NODES, ADMISSION, JOBS, AGENT];
    let azure = azure.into_iter().chain([CREDENTIAL]);
    pull.chain(mirrors).chain(azure).chain(cluster).map(|step| step.name)
}

/// Returns whether a step is about the hosts that containerd on a node asks.
pub fn is_of_way(step: &str) -> bool {
    let way = [RUNTIME, MIRROR, MIRROR_MANIFEST, MIRROR_PLATFORM, MIRROR_LAYER];
    way.iter().any(|one| one.name == step)
}

/// For our own work between the waits.
const SLACK: u64 = 5;
/// One question to the Kubernetes API, with its connection and retries, and why it fails.
const KUBE: u64 = 4 * (KUBE_WAIT.as_secs() + 12 + 5) + OPEN_WAIT.as_secs() + SLACK;
/// One question to Azure Resource Manager, with its pages and retries.
const READ: u64 = ARM_WAIT.as_secs() + SLACK;
/// The connection to the proxy, and the proxy's answer.
const PROXY: u64 = OPEN_WAIT.as_secs() + HTTP_WAIT.as_secs() + SLACK;
/// The name itself and six suffixes of a search list; and each asked otherwise.
const DNS: u64 = 14 * DNS_WAIT.as_secs() + SLACK;
/// The last address may become known when the last name server answers; then two probes follow.
const TCP: u64 = DNS_WAIT.as_secs() + TCP_WAIT.as_secs() + 2 * tcp::AROUND_WAIT.as_secs() + SLACK;
/// A handshake, for which a new connection may be needed; and a look at the host's clock.
const TLS: u64 = PROXY + TLS_WAIT.as_secs() + DATE_WAIT.as_secs() + SLACK;
/// As long as it takes: each wait in such a step is bounded, and `--timeout` bounds them all. containerd
/// before 2.3 waits for a response without end.
const UNLIMITED: u64 = 24 * 60 * 60;

const fn step(name: &'static str, seconds: u64) -> Step {
    Step { name, budget: Duration::from_secs(seconds) }
}

//! What a pull needs and what each failure means: the areas, and the plan that connects them.

pub mod acr;
pub mod arm;
mod cached;
pub mod clock;
pub mod cluster;
pub mod compared;
pub mod data_path;
pub mod dns;
pub mod evidence;
pub mod identity;
pub mod image;
pub mod kit;
pub mod kubeconfig;
pub mod kubelet;
pub mod kubernetes;
pub mod layer;
pub mod manifest;
pub mod manifested;
pub mod nodes;
pub mod pod;
pub mod proxy;
pub mod registry;
pub mod role;
pub mod runtime;
pub mod steps;
pub mod tcp;
pub mod tls;
pub mod token;
pub mod untrusted;
pub mod waiting;

pub use image::unreadable as unreadable_image;
pub use kubeconfig::namespace as cluster_namespace;
pub use pod::{
    Admitted, Declared, ImageUse, Message, NamedImages, PlannedPods, PodTemplate, TriedAdmission,
    pod_templates,
};

use std::{rc::Rc, time::Duration};

use data_path::{DataPath, FromNodes};
use identity::Identity;
use image::ImageTarget;
use kit::{
    Cx, Fact, Host, NoFact, Plan, StepResult,
    engine::{Severity, Vantage},
    kube::{Access, Api, KubeOptions, NodeRequest, Nodes, PodScope, WaitingPods},
    messages::Messages,
    net::Connected,
    target::ManifestPod,
};
use kubelet::Node;
use runtime::Proxied;
use steps::{
    ACCESS, ACR, API, ARM, CHALLENGE, CLOCK, CLUSTER, CONTAINERD, CONTENT, CREDENTIAL,
    ConnectSteps, DETECTORS, EXCHANGE, FEDERATION, FIREWALL, FRONT, IDENTITY, IMAGE, KUBECONFIG,
    KUBELET, LAYER, LAYER_HOST, MANIFEST, MIRROR, MIRROR_LAYER, MIRROR_MANIFEST, MIRROR_PLATFORM,
    NODES, OUTBOUND, PLATFORM, POD, POLICY, PRIVATE_ENDPOINT, ROLE, RUNTIME, SECRET, TOKEN,
};
use token::RefreshToken;

areas! { acr, arm, clock, cluster, dns, identity, image, kubeconfig, kubelet, kubernetes, layer, manifest, nodes, pod, proxy, registry, role, runtime, tcp, tls, token }

/// Plans a pull: from the name of an image to bytes of one of its layers.
#[rustfmt::skip]
pub fn pull(plan: &mut Plan) {
    let image     = plan.step(IMAGE,     (),                                                image::read);
    let runtime   = plan.step_if(plan.world().on_node, RUNTIME, (&image,),                  runtime::read);
    let proxied   = runtime.part(runtime::proxied);
    let front     = connect(plan, &FRONT, &runtime.part(runtime::host).or(&image.part(image::host)), &proxied);
    let challenge = plan.step(CHALLENGE, (&image, &front.connected, &front.tls),            registry::challenge);
                    plan.step(CLOCK,     (&challenge,),                                     clock::compare);
    let on_node   = plan.world().on_node && plan.target().sign_in.looks_at_node();
    let kubelet   = plan.step_if(on_node, KUBELET, (&image,),                               kubelet::read);
    let identity  = plan.step(IDENTITY,  (&image, &kubelet.optional()),                     identity::choose);
    let refresh   = plan.step(EXCHANGE,  (&challenge, &identity),                           token::exchange);
    let session   = plan.step(TOKEN,     (&challenge, &identity, &refresh.optional()),      token::fetch);
    let manifest  = plan.step(MANIFEST,  (&session,),                                       manifest::fetch);
    let platform  = plan.step(PLATFORM,  (&session, &manifest),                             manifest::choose);
    let layers    = connect(plan, &LAYER_HOST, &platform.part(manifest::data_host), &proxied);
    let layer     = plan.step(LAYER,     (&session, &platform, &layers.connected.optional(), &layers.tls), layer::read);
    let on_node   = plan.world().on_node;
    let way       = plan.late_step(on_node, MIRROR, (&runtime.part(runtime::hosts), &image, &identity.settled(), &session.settled(), &manifest.settled()), runtime::ask_mirrors);
    let hosts     = way.part(runtime::session);
    let named     = plan.late_step(on_node, MIRROR_MANIFEST, (&way,),               manifest::fetch_on_way);
    let chosen    = plan.late_step(on_node, MIRROR_PLATFORM, (&hosts, &named),      manifest::choose);
                    plan.late_step(on_node, MIRROR_LAYER, (&hosts, &chosen),        layer::read_on_way);
                    plan.step_if(plan.world().on_node, CONTAINERD, (&runtime, &front.tls.settled(), &layers.tls.settled(), &platform.optional()), runtime::needs);
    let observed  = Fact::gather(
        (&front.names.settled(), &front.connected.settled(), &challenge.settled(), &identity.settled(), &refresh.settled(), &session.settled(), &manifest.settled(), &platform.settled(), &layers.names.settled(), &layers.connected.settled(), &layer.settled()),
        |(names, connected, challenge, identity, exchange, session, manifest, platform, layer_names, layer_connected, layer)| DataPath { names, connected, challenge, identity, exchange, session, manifest, platform, layer_names, layer_connected, layer },
    );
    control_plane(plan, &image, &kubelet, &identity, &refresh, &observed);
}

/// Plans what Azure's control plane can tell: why a pull is refused. It is asked at once where the
/// user asked for it, and otherwise when the pull has failed and an Azure sign-in is at hand.
#[rustfmt::skip]
fn control_plane(plan: &mut Plan, image: &Fact<ImageTarget>, kubelet: &Fact<Node>, identity: &Fact<Identity>, refresh: &Fact<RefreshToken>, pull: &Fact<DataPath>) {
    let asked     = plan.target().control_plane.is_asked();
    let wanted    = arm::is_wanted(plan.target(), plan.world());
    let is_in_azure = wanted && !arm::is_microsofts(plan.target());
    plan.look_from(Vantage::Azure);
    let failed    = plan.fact_if(!asked, pull);
    let arm       = plan.step_if(wanted, ARM, (image, &failed.optional()),  arm::sign_in);
    let cluster   = plan.step_if(wanted, CLUSTER, (&arm, &kubelet.settled()), cluster::find);
    let registry  = plan.step_if(is_in_azure, ACR, (&arm, image),                acr::find);
                    plan.step_if(wanted, ROLE, (&arm, &registry, &cluster.settled(), &identity.settled(), &refresh.settled()), role::examine);
                    plan.step_if(wanted, FIREWALL, (&arm, &registry, &cluster.settled(), pull), acr::firewall);
                    plan.step_if(wanted, PRIVATE_ENDPOINT, (&arm, &registry, &cluster.settled(), pull), acr::private_endpoint);
                    plan.step_if(wanted, OUTBOUND, (&arm, &cluster, &registry.settled(), image, pull), cluster::outbound);
                    plan.step_if(wanted, DETECTORS, (&arm, &cluster, pull), cluster::detectors);
                    plan.step_if(wanted, CONTENT, (&arm, &registry, image, &cluster.settled(), pull), acr::content);
                    plan.step_if(wanted, CREDENTIAL, (&arm, &registry, image, pull), acr::credential);
}

/// Plans what comes before the nodes can look: what we may do in the cluster, and which of its nodes
/// look.
#[rustfmt::skip]
pub fn cluster_nodes(plan: &mut Plan, api: &Fact<Api>, request: NodeRequest) -> (Fact<Access>, Fact<Nodes>) {
    let rights    = request.clone();
    let access    = plan.step(ACCESS,     (api,),         async move |cx: &Cx, api: &Api| kubernetes::review(cx, api, &rights).await);
    let nodes     = plan.step(NODES,      (api, &access), async move |cx: &Cx, api: &Api, access: &Access| kubernetes::choose(cx, api, access, &request).await);
    (access, nodes)
}

/// Plans to find the pods that wait for an image.
#[rustfmt::skip]
pub fn waiting_pods(plan: &mut Plan, api: &Fact<Api>, scope: PodScope) -> Fact<WaitingPods> {
    plan.step(POD,        (api,),          async move |cx: &Cx, api: &Api| pod::find(cx, api, &scope).await)
}

/// Plans the question whether admission takes the pods that manifests describe.
#[rustfmt::skip]
pub fn manifest_admission(plan: &mut Plan, api: &Fact<Api>, (templates, declared): (Vec<PodTemplate>, Rc<Declared>), limit: Duration) -> Fact<TriedAdmission> {
    plan.step(POLICY,     (api,),          async move |cx: &Cx, api: &Api| Ok(pod::try_admission(cx, api, (&templates, &declared), limit).await))
}

/// Plans the question what the pods that manifests describe sign in with: each image with those that pull it.
#[rustfmt::skip]
pub fn manifest_secrets(plan: &mut Plan, api: &Fact<Api>, (declared, limit): (Rc<Declared>, Duration), images: Vec<(String, Vec<ManifestPod>)>) -> Fact<PlannedPods> {
    plan.step(SECRET,     (api,),          async move |cx: &Cx, api: &Api| Ok(pod::plan(cx, api, (&declared, limit), &images).await))
}

/// What Azure's control plane knows of an AKS cluster that is looked at from its nodes.
pub struct AksFacts {
    arm: Fact<arm::ControlPlane>,
    cluster: Fact<cluster::Cluster>,
}

/// Plans the same for an AKS cluster that the user named: Azure says how it is reached.
#[rustfmt::skip]
pub fn aks_nodes(plan: &mut Plan, options: KubeOptions, request: NodeRequest) -> (Fact<Api>, Fact<Access>, Fact<Nodes>, AksFacts) {
    plan.look_from(Vantage::Azure);
    let arm       = plan.step(ARM,        (),              arm::sign_in_for_cluster);
    let cluster   = plan.step(CLUSTER,    (&arm,),         cluster::named);
    plan.look_from(Vantage::Kubernetes);
    let config    = plan.step(KUBECONFIG, (&arm, &cluster), async move |cx: &Cx, arm: &arm::ControlPlane, aks: &cluster::Cluster| kubeconfig::of_azure(cx, arm, aks, &options).await);
    let api       = plan.step(API,        (&config, &cluster), kubernetes::reach_aks);
    let (access, nodes) = cluster_nodes(plan, &api, request);
    (api, access, nodes, AksFacts { arm, cluster })
}

/// Plans what Azure's control plane can tell of a pull that failed where pods run: `told` is what their
/// nodes told. Returns whether it is asked at all.
#[rustfmt::skip]
pub fn explain_pods(plan: &mut Plan, told: FromNodes) -> bool {
    if (told.failed.is_empty() && told.account.is_none()) || !arm::is_wanted(plan.target(), plan.world()) {
        return false;
    }
    plan.look_from(Vantage::Azure);
    let arm       = plan.step(ARM,        (),              arm::sign_in_for_cluster);
    let cluster   = plan.step(CLUSTER,    (&arm,),         cluster::named);
    let account   = told.account.clone();
    let is_by_account = account.is_some();
    let federated = plan.step_if(is_by_account, FEDERATION, (&arm, &cluster), async move |cx: &Cx, arm: &arm::ControlPlane, cluster: &cluster::Cluster| {
        let account = account.as_ref().ok_or_else(|| NoFact::skipped(arm::Problem::NotNeeded {}))?;
        role::federation(cx, arm, cluster, account).await
    });
    let federated = is_by_account.then_some(federated);
    explain(plan, &AksFacts { arm, cluster }, &Fact::known(steps::JOBS.name, Rc::new(told)), federated.as_ref());
    true
}

/// Plans what Azure's control plane can tell of a pull that failed on nodes: `told` is what they told.
pub fn explain_nodes(plan: &mut Plan, aks: &AksFacts, told: &Fact<FromNodes>) {
    explain(plan, aks, told, None);
}

/// Plans the same where the service account of a pod may sign in in place of its node: `federated` is the
/// identity that it signs in as.
#[rustfmt::skip]
fn explain(plan: &mut Plan, aks: &AksFacts, told: &Fact<FromNodes>, federated: Option<&Fact<role::FederatedIdentity>>) {
    plan.look_from(Vantage::Azure);
    let AksFacts { arm, cluster } = aks;
    let pull      = told.part(|told| if told.all_work { Err(NoFact::skipped(arm::Problem::NotNeeded {})) } else { Ok(DataPath::of_nodes(told)) });
    let registry  = plan.step(ACR, (arm, &pull), async |cx: &Cx, arm: &arm::ControlPlane, _: &DataPath| {
        let image = image::of_target(cx).filter(image::ImageTarget::is_in_azure);
        acr::find(cx, arm, &image.ok_or_else(|| NoFact::skipped(arm::Problem::NotNeeded {}))?).await
    });
    match federated {
        Some(federated) => plan.step(ROLE, (arm, &registry, federated), role::examine_federated),
        None => plan.step(ROLE, (arm, &registry, &cluster.settled()), async |cx: &Cx, arm: &arm::ControlPlane, registry: &acr::Registry, cluster: &StepResult<Rc<cluster::Cluster>>| {
            role::examine(cx, arm, registry, cluster, &Err(NoFact::LeftOut), &Err(NoFact::LeftOut)).await
        }),
    };
                    plan.step(FIREWALL, (arm, &registry, &cluster.settled(), &pull), acr::firewall);
                    plan.step(DETECTORS, (arm, cluster, &pull), cluster::detectors);
}

/// Plans to reach a cluster's API.
#[rustfmt::skip]
pub fn cluster_api(plan: &mut Plan, options: KubeOptions) -> Fact<Api> {
    plan.look_from(Vantage::Kubernetes);
    let cluster   = plan.step(KUBECONFIG, (),              async move |cx: &Cx| kubeconfig::read(cx, &options).await);
    plan.step(API, (&cluster,), kubernetes::reach)
}

/// A host that can be asked: a connection to it, straight or through a proxy, and its certificate.
struct ConnectedHost {
    names: Fact<dns::Names>,
    connected: Fact<Connected>,
    /// `None` where the host is spoken to without TLS.
    tls: Fact<Option<Rc<tls::Secured>>>,
}

/// Plans the way to a host: through the proxy that is set for it, or by name and address; then TLS.
#[rustfmt::skip]
fn connect(plan: &mut Plan, steps: &ConnectSteps, host: &Fact<Host>, containerds: &Fact<Proxied>) -> ConnectedHost {
    // On a node, only a step can tell which proxies containerd has.
    let on_node   = plan.world().on_node;
    let by_node   = plan.late_step(on_node, steps.proxy, (host, containerds), proxy::tunnel_of_containerd);
    let proxied   = plan.world().proxies.are_set() && !on_node;
    let tunnel    = plan.step_if(proxied, steps.proxy, (host,),          proxy::tunnel).or(&by_node);
    let names     = plan.step(steps.dns, (host, &tunnel.optional()),     dns::resolve);
    let direct    = plan.step(steps.tcp, (&names,),                      tcp::reach);
    let connected = tunnel.or(&direct);
    let secured   = plan.step(steps.tls, (&connected,),                  tls::secure);
    ConnectedHost { names, connected, tls: secured.optional() }
}

/// Returns all messages: of findings, of steps, of evidence, and the catalogue of failure modes.
pub fn messages() -> &'static Messages {
    &MESSAGES
}

/// All messages, as `build.rs` read them from the TOML files.
static MESSAGES: Messages = {
    use Severity::{CouldNotTell, Error, Hint, Skip, Warning};
    use kit::keyring::RegistryAnswer::{
        Accepted, Expired, NotForRepository, Refused, RefusedButAnonymous,
    };
    use kit::messages::{Entry, Fix, Lookup, Mode, StepMessages, Table, Text};
    include!(concat!(env!("OUT_DIR"), "/messages.rs"))
};

/// Returns how much a problem matters. A test holds that every code has its messages.
fn severity(code: &str) -> Severity {
    MESSAGES.entries.get(code).map_or(Severity::Error, |entry| entry.severity)
}

//! How do the cluster's nodes get out, and is it how this machine does?

use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;

use super::{Cluster, Problem, snat};
use crate::{
    acr::Registry,
    arm::ControlPlane,
    data_path::DataPath,
    image::ImageTarget,
    kit::{
        Cx, StepResult,
        azure::{ArmResource, resource::text},
        target::ResourceId,
        world::{Proxies, ProxyDecision},
    },
};

/// The version of the API for registries and their cache rules.
const REGISTRY_API: &str = "2025-11-01";
/// The registry of Microsoft's own images.
const MCR: &str = "mcr.microsoft.com";
/// The cache rule that an isolated cluster needs in its registry ("Create a network isolated AKS
/// cluster"): the upstream, and the repositories under which its images are.
const UPSTREAM: &str = "mcr.microsoft.com/*";
const REPOSITORIES: &str = "aks-managed-repository/*";

/// How the nodes of a cluster get out.
#[derive(Serialize)]
pub struct Outbound {
    /// The outbound type.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// The registry from which the cluster gets Microsoft's images.
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap: Option<String>,
    /// The proxy that the nodes use for the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
}

/// Compares how the cluster gets out with what the pull met here.
pub async fn outbound(
    cx: &Cx,
    control_plane: &ControlPlane,
    cluster: &Cluster,
    registry: &StepResult<Rc<Registry>>,
    image_target: &ImageTarget,
    pull: &DataPath,
) -> StepResult<Outbound> {
    let host = &image_target.asked.host;
    let name = cluster.name().to_owned();
    if cluster.has_no_node() {
        cx.add_finding(Problem::NoNodes { cluster: name.clone() });
    }
    let bootstrap = cluster.bootstrap_registry();
    if let Some(id) = &bootstrap {
        match registry {
            Ok(asked) if asked.id() == id => cache_rule(cx, control_plane, cluster, asked).await?,
            _ if host.name == MCR => from_bootstrap(cx, control_plane, cluster, id).await?,
            _ => {}
        }
    }
    let outbound = cluster.outbound().map(str::to_owned);
    // Elsewhere than on its nodes, the cluster's way out explains nothing.
    if cx.world.on_node
        && !(bootstrap.is_some() && host.name == MCR)
        && let Some(outbound) =
            outbound.clone().filter(|kind| ["none", "block"].contains(&&kind[..]))
    {
        cx.add_finding(Problem::NoEgress { cluster: name.clone(), outbound });
    }
    let there = cluster.proxies().route(host);
    let there_shown = shown(&there);
    let here = shown(&cx.world.pull_proxies().route(host));
    if here != there_shown && !(pull.works() && cx.world.on_node) {
        let host = host.name.clone();
        cx.add_finding(Problem::ProxyDiffers {
            host,
            cluster: name.clone(),
            here: here.clone(),
            there: there_shown.clone(),
        });
    }
    let certificates = cluster.certificates();
    if certificates > 0 && !cx.world.on_node {
        cx.add_finding(Problem::OwnCertificates { cluster: name, count: certificates });
    }
    snat::look(cx, control_plane, cluster, pull).await?;
    let bootstrap = bootstrap.map(|id| id.name().to_owned());
    let proxy = matches!(there, ProxyDecision::Through(_)).then_some(there_shown);
    Ok(Outbound { kind: outbound, bootstrap, proxy })
}

/// Looks for the rule by which an isolated cluster gets Microsoft's images from its registry.
async fn cache_rule(
    cx: &Cx,
    control_plane: &ControlPlane,
    cluster: &Cluster,
    registry: &Registry,
) -> StepResult<()> {
    let path = format!("{}/cacheRules", registry.id());
    let rules = control_plane.list(cx, &path, REGISTRY_API, None).await?;
    if !rules.iter().any(is_the_rule) {
        cx.add_finding(Problem::BootstrapRuleMissing {
            host: registry.login_server().to_owned(),
            cluster: cluster.name().to_owned(),
            subscription: registry.id().subscription().to_owned(),
        });
    }
    Ok(())
}

fn is_the_rule(rule: &Value) -> bool {
    let is = |path, wanted| text(rule, path).is_some_and(|own| own == wanted);
    is("properties.sourceRepository", UPSTREAM) && is("properties.targetRepository", REPOSITORIES)
}

/// Names the registry from which the cluster's nodes get an image of Microsoft's.
async fn from_bootstrap(
    cx: &Cx,
    control_plane: &ControlPlane,
    cluster: &Cluster,
    id: &ResourceId,
) -> StepResult<()> {
    let registry = control_plane.get(cx, id, REGISTRY_API).await?;
    let server = registry.as_ref().and_then(|registry| registry.text("properties.loginServer"));
    let image = cx.target.asked.as_ref().ok().and_then(|asked| asked.image.as_ref());
    let instead = server.zip(image).map(|(server, image)| {
        let prefix = REPOSITORIES.trim_end_matches("/*");
        format!("{server}/{prefix}/{image}")
    });
    cx.add_finding(Problem::ImagesFromBootstrapRegistry {
        cluster: cluster.name().to_owned(),
        cluster_id: cluster.id().to_string(),
        bootstrap: id.name().to_owned(),
        instead,
    });
    Ok(())
}

/// Returns how a host is reached, as words.
fn shown(decision: &ProxyDecision) -> String {
    match decision {
        ProxyDecision::Through(proxy) => proxy.to_string(),
        ProxyDecision::Direct | ProxyDecision::Exempt(_) | ProxyDecision::Nowhere(_) => {
            "none".to_owned()
        }
    }
}

impl Cluster {
    /// Returns whether it has no node that could pull: it is stopped, or every pool is empty.
    fn has_no_node(&self) -> bool {
        let pools = self.resource.list("properties.agentPoolProfiles");
        let is_empty = |pool: &Value| {
            pool.get("count").and_then(Value::as_u64) == Some(0)
                || text(pool, "powerState.code") == Some("Stopped")
        };
        self.resource.is("properties.powerState.code", "Stopped")
            || (!pools.is_empty() && pools.iter().all(is_empty))
    }

    /// Returns the registry from which an isolated cluster gets Microsoft's images.
    fn bootstrap_registry(&self) -> Option<ResourceId> {
        let profile = "properties.bootstrapProfile";
        let is_cached = self.resource.is(&format!("{profile}.artifactSource"), "Cache");
        let id = self.resource.text(&format!("{profile}.containerRegistryId"))?;
        is_cached.then(|| id.parse().ok()).flatten()
    }

    /// Returns the proxies that the nodes were set up with.
    fn proxies(&self) -> Proxies {
        let profile = "properties.httpProxyConfig";
        let own = |name: &str| self.resource.text(&format!("{profile}.{name}")).map(str::to_owned);
        Proxies::read(|variable| match variable {
            "HTTPS_PROXY" => own("httpsProxy"),
            "HTTP_PROXY" => own("httpProxy"),
            // The list in effect has what AKS adds.
            "NO_PROXY" => {
                let lists = ["effectiveNoProxy", "noProxy"];
                let lists = lists.map(|name| names(&self.resource, &format!("{profile}.{name}")));
                lists.into_iter().find(|list| !list.is_empty())
            }
            _ => None,
        })
    }

    /// Returns how many certificates of its own the nodes trust.
    fn certificates(&self) -> usize {
        let proxy = self.resource.text("properties.httpProxyConfig.trustedCa");
        let own = self.resource.list("properties.securityProfile.customCATrustCertificates");
        own.len() + usize::from(proxy.is_some())
    }
}

/// Returns a list of names as `NO_PROXY` has them.
fn names(resource: &ArmResource, path: &str) -> String {
    let names: Vec<&str> = resource.list(path).iter().filter_map(Value::as_str).collect();
    names.join(",")
}

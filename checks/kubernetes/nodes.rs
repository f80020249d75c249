//! Which nodes look: one of each pool, all, or those that were named.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    problem::{Problem, Unfit, UnfitNode},
    unanswered,
};
use crate::kit::{
    Cx, NoFact, StepResult,
    engine::Finding,
    kube::{
        Access, Api, ChosenNode, GetParams, KubeError, KubeRequest, ListParams, Node, NodeChoice,
        NodeImage, NodeRequest, Nodes,
    },
    rules::{NodeRules, is_object_name},
    sanitize_text,
};

/// How many nodes a page has: each may list fifty images.
const PAGE: u32 = 250;
/// How many names a finding shows.
const MAX_SHOWN: usize = 10;

/// Chooses the nodes.
pub async fn choose(
    cx: &Cx,
    api: &Api,
    _access: &Access,
    request: &NodeRequest,
) -> StepResult<Nodes> {
    let listed = match &request.choice {
        NodeChoice::Named(names) => named(cx, api, request, names, true).await?,
        NodeChoice::OfPods(names) => named(cx, api, request, names, false).await?,
        NodeChoice::EachPool | NodeChoice::All => listed(cx, api, request).await?,
    };
    let of = listed.fit.len() + listed.unfit.values().map(Vec::len).sum::<usize>();
    if let NodeChoice::OfPods(names) = &request.choice
        && listed.fit.is_empty()
    {
        // The others were not counted.
        return Err(NoFact::could_not_tell(listed.of_pods(names)));
    }
    if listed.fit.is_empty() {
        let selector = request.selector.clone();
        return Err(NoFact::could_not_tell(Problem::NoNodes { count: of, selector }));
    }
    for (unfit, nodes) in listed.unfit {
        let (count, nodes) = (nodes.len(), nodes.into_iter().take(MAX_SHOWN).collect());
        cx.add_finding(Problem::NotExamined { count, nodes, unfit });
    }
    let (fit, mut chosen) = (listed.fit.len(), listed.fit);
    if !request.rules.is_empty() {
        chosen.retain(|node| !node.targets.is_empty());
    }
    if request.choice == NodeChoice::EachPool {
        one_of_each_pool(&mut chosen);
    }
    if chosen.is_empty() {
        return Err(NoFact::could_not_tell(no_node_fits(request.rules.iter().flatten(), fit)));
    }
    let unplaced = unplaced(request, &chosen, fit);
    let pools = chosen.iter().map(|node| &node.pool).collect::<BTreeSet<_>>().len();
    let asked = chosen.iter().filter(|node| !node.targets.is_empty());
    let asked = asked.map(|node| (node.name.clone(), node.targets.clone())).collect();
    Ok(Nodes { count: chosen.len(), all: of, pools, chosen, asked, unplaced })
}

/// Keeps one node of each pool, or as many as it takes to ask each target of one that its pods can run on.
fn one_of_each_pool(nodes: &mut Vec<ChosenNode>) {
    let (mut pools, mut asked) = (BTreeSet::new(), BTreeSet::new());
    nodes.retain_mut(|node| {
        let had = !node.targets.is_empty();
        node.targets.retain(|target| asked.insert((node.pool.clone(), *target)));
        let is_first = pools.insert(node.pool.clone());
        if had { !node.targets.is_empty() } else { is_first }
    });
}

/// Returns the targets whose pods can run on none of these nodes, of so many that can be looked from.
fn unplaced(request: &NodeRequest, chosen: &[ChosenNode], count: usize) -> Vec<(usize, Finding)> {
    let placed: BTreeSet<usize> = chosen.iter().flat_map(|node| &node.targets).copied().collect();
    let of = |(place, rules): (usize, &Vec<NodeRules>)| {
        (place, no_node_fits(rules.iter(), count).into())
    };
    let all = request.rules.iter().enumerate();
    all.filter(|(place, _)| !placed.contains(place)).map(of).collect()
}

/// Returns that none of so many nodes fits any of these rules.
fn no_node_fits<'r>(rules: impl Iterator<Item = &'r NodeRules>, count: usize) -> Problem {
    let rules: BTreeSet<String> = rules.map(NodeRules::to_string).collect();
    let rules: Vec<String> = rules.into_iter().take(MAX_SHOWN).collect();
    Problem::NoNodeFits { rules: sanitize_text(&rules.join(" or ")), count }
}

/// Returns the places of the targets whose pods can run on a node.
fn targets(request: &NodeRequest, node: &Node) -> Vec<usize> {
    let (name, labels, taints) = (&node.metadata.name, &node.metadata.labels, &node.spec.taints);
    let fits = |rules: &[NodeRules]| {
        rules.is_empty() || rules.iter().any(|rules| rules.fits(name, labels, taints))
    };
    let all = request.rules.iter().enumerate();
    all.filter(|(_, rules)| fits(rules)).map(|(place, _)| place).collect()
}

/// Nodes that can be looked from, and the names of those that cannot.
#[derive(Default)]
struct Listed {
    fit: Vec<ChosenNode>,
    unfit: BTreeMap<Unfit, Vec<String>>,
    gone: Vec<String>,
}

impl Listed {
    /// Returns that none of these nodes, of which some may be gone, can be looked from.
    fn of_pods(&self, names: &[String]) -> Problem {
        let some = |list: &[String]| {
            let some: Vec<String> =
                list.iter().take(MAX_SHOWN).map(|name| sanitize_text(name)).collect();
            (!some.is_empty()).then_some(some)
        };
        let unfit = self.unfit.iter().flat_map(|(unfit, nodes)| {
            nodes.iter().map(|node| UnfitNode { node: node.clone(), unfit: *unfit })
        });
        let unfit: Vec<UnfitNode> = unfit.take(MAX_SHOWN).collect();
        Problem::PodNodesUnfit {
            nodes: some(names).unwrap_or_default(),
            gone: some(&self.gone),
            unfit: (!unfit.is_empty()).then_some(unfit),
        }
    }
}

fn failed(api: &Api, error: &KubeError) -> NoFact {
    let cluster = api.kube.cluster();
    NoFact::could_not_tell(unanswered(&cluster.server.host, &cluster.user, error))
}

/// Reads nodes by their names. `all` says that each of them must be there and fit.
async fn named(
    cx: &Cx,
    api: &Api,
    request: &NodeRequest,
    names: &[String],
    all: bool,
) -> StepResult<Listed> {
    let mut found = Listed::default();
    let path = KubeRequest::new("/api/v1/nodes");
    for name in names.iter().filter(|name| is_object_name(name)) {
        let of_node = path.get(name, &GetParams::default());
        let got = match of_node.map_err(KubeError::from) {
            Ok(request) => api.kube.ask::<Node>(cx, request).await,
            Err(error) => Err(error),
        };
        let node = match got {
            Ok(node) => node,
            Err(error) if error.status() == Some(404) && !all => {
                found.gone.push(name.clone());
                continue;
            }
            Err(error) if error.status() == Some(404) => {
                let node = sanitize_text(name);
                return Err(NoFact::could_not_tell(Problem::NodeNotFound { node }));
            }
            Err(error) => return Err(failed(api, &error)),
        };
        if let Some(unfit) = unfit(&node) {
            let node = sanitize_text(name);
            if !all {
                found.unfit.entry(unfit).or_default().push(node);
                continue;
            }
            return Err(NoFact::could_not_tell(Problem::NodeUnfit { node, unfit }));
        }
        if found.fit.iter().all(|known| known.name != node.metadata.name) {
            found.fit.push(chosen(&node, request));
        }
    }
    Ok(found)
}

async fn listed(cx: &Cx, api: &Api, request: &NodeRequest) -> StepResult<Listed> {
    let mut found = Listed::default();
    let mut params = ListParams::default().limit(PAGE);
    if let Some(selector) = &request.selector {
        params = params.labels(selector);
    }
    let mut names = BTreeSet::new();
    let taking = api.kube.each(cx, "/api/v1/nodes", params, |node: Node| {
        let name = &node.metadata.name;
        // A name that is none would be told, and be a part of the path of a request.
        if !is_object_name(name) || !names.insert(name.clone()) {
            return;
        }
        match unfit(&node) {
            None => found.fit.push(chosen(&node, request)),
            Some(unfit) => found.unfit.entry(unfit).or_default().push(sanitize_text(name)),
        }
    });
    taking.await.map_err(|error| failed(api, &error))?;
    Ok(found)
}

/// Returns why a node cannot be looked from.
fn unfit(node: &Node) -> Option<Unfit> {
    let info = &node.status.node_info;
    // Azure/virtual-kubelet labels its nodes so, and has "vk" in its version.
    let is_virtual =
        node.label("type") == Some("virtual-kubelet") || info.kubelet_version.contains("-vk-");
    if is_virtual {
        Some(Unfit::Virtual)
    } else if info.operating_system == "windows" {
        Some(Unfit::Windows)
    } else if !node.is_ready() {
        Some(Unfit::NotReady)
    } else if !["amd64", "arm64"].contains(&info.architecture.as_str()) {
        Some(Unfit::OtherProcessor)
    } else {
        None
    }
}

/// The labels that name a pool: of AKS, and of Karpenter, which node auto-provisioning is.
const POOLS: [&str; 3] = ["kubernetes.azure.com/agentpool", "karpenter.sh/nodepool", "agentpool"];

fn chosen(node: &Node, request: &NodeRequest) -> ChosenNode {
    let info = &node.status.node_info;
    let pool = POOLS.iter().find_map(|label| node.label(label)).map(str::to_owned);
    let instance = node.label("node.kubernetes.io/instance-type").map(str::to_owned);
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let label = |name: &str| node.label(name).map(str::to_owned);
    let attributes = [
        ("pool", pool.clone()),
        ("architecture", text(&info.architecture)),
        ("os", text(&info.os_image)),
        ("node-image", label("kubernetes.azure.com/node-image-version")),
        ("zone", label("topology.kubernetes.io/zone")),
        ("subnet", label("kubernetes.azure.com/network-subnet")),
        ("instance-type", instance.clone()),
        ("kubelet", text(&info.kubelet_version)),
        ("runtime", text(&info.container_runtime_version)),
    ];
    let attributes = attributes.into_iter();
    let attributes: Vec<(&'static str, String)> =
        attributes.filter_map(|(name, value)| Some((name, sanitize_text(&value?)))).collect();
    let like = [&info.os_image, &info.architecture].map(String::as_str);
    let pool = pool.unwrap_or_else(|| {
        format!("{}/{}/{}", like[0], like[1], instance.as_deref().unwrap_or_default())
    });
    ChosenNode {
        name: node.metadata.name.clone(),
        architecture: info.architecture.clone(),
        attributes,
        image: carrier(&node.status.images),
        pool,
        targets: targets(request, node),
    }
}

/// Returns the name of an image that a pod can start from without credentials: the smallest of
/// Microsoft's or Kubernetes' own, which need none, else the smallest of all. The kubelet may keep
/// record of which pods may use an image that was pulled with credentials.
fn carrier(images: &[NodeImage]) -> Option<String> {
    const OPEN: [&str; 2] = ["mcr.microsoft.com/", "registry.k8s.io/"];
    let is_open = |name: &str| OPEN.iter().any(|host| name.starts_with(host));
    let best = images.iter().filter_map(|image| {
        let tagged = image.names.iter().find(|name| !name.contains('@'));
        let name = tagged.or_else(|| image.names.first())?;
        Some((!is_open(name), image.size_bytes, name))
    });
    best.min().map(|(_, _, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, size_bytes: u64) -> NodeImage {
        NodeImage { names: vec![format!("{name}@sha256:0"), name.to_owned()], size_bytes }
    }

    #[test]
    fn a_small_image_without_need_of_credentials_is_chosen() {
        let images = [
            image("contoso.azurecr.io/tiny:1", 1),
            image("mcr.microsoft.com/oss/kubernetes/azure-cni:1", 90),
            image("mcr.microsoft.com/oss/kubernetes/pause:3.6", 7),
        ];
        let named = carrier(&images);
        assert_eq!(named.as_deref(), Some("mcr.microsoft.com/oss/kubernetes/pause:3.6"));
        assert_eq!(carrier(&images[..1]).as_deref(), Some("contoso.azurecr.io/tiny:1"));
        assert_eq!(carrier(&[NodeImage::default()]), None);
    }

    #[test]
    fn each_target_is_asked_of_one_node_of_each_pool_that_fits() {
        let node = |name: &str, pool: &str, arch: &str| -> Node {
            let labels = serde_json::json!({ "agentpool": pool, "arch": arch });
            let node = serde_json::json!({ "metadata": { "name": name, "labels": labels } });
            serde_json::from_value(node).unwrap()
        };
        let nodes = [
            node("a1", "a", "x"),
            node("a2", "a", "y"),
            node("a3", "a", "y"),
            node("b1", "b", "x"),
        ];
        let rules = |arch: &str| {
            let selector = serde_json::json!({ "arch": arch });
            NodeRules::read(|name| (name == "nodeSelector").then(|| selector.clone()))
        };
        let asked = |rules: Vec<Vec<NodeRules>>| {
            let request = NodeRequest { rules, ..NodeRequest::default() };
            let mut all: Vec<ChosenNode> =
                nodes.iter().map(|node| chosen(node, &request)).collect();
            all.retain(|node| request.rules.is_empty() || !node.targets.is_empty());
            one_of_each_pool(&mut all);
            let unplaced = unplaced(&request, &all, nodes.len());
            let asked: Vec<(String, Vec<usize>)> =
                all.into_iter().map(|node| (node.name, node.targets)).collect();
            (asked, unplaced.into_iter().map(|(place, _)| place).collect::<Vec<_>>())
        };
        let named = |asked: &[(&str, &[usize])]| -> Vec<(String, Vec<usize>)> {
            asked.iter().map(|(name, targets)| ((*name).to_owned(), targets.to_vec())).collect()
        };
        assert_eq!(asked(vec![]).0, named(&[("a1", &[]), ("b1", &[])]));
        // One target asks nothing, one for what the first node of a pool is not, and one for nothing that is.
        let three = vec![vec![], vec![rules("y")], vec![rules("z")]];
        assert_eq!(asked(three), (named(&[("a1", &[0]), ("a2", &[1]), ("b1", &[0])]), vec![2]));
        let either = vec![vec![rules("y"), rules("x")]];
        assert_eq!(asked(either).0, named(&[("a1", &[0]), ("b1", &[0])]));
    }

    #[test]
    fn nodes_that_cannot_run_it_are_told_apart() {
        let node = |os: &str, architecture: &str, ready: &str, kind: &str| {
            let node = serde_json::json!({
                "metadata": { "name": "n", "labels": { "type": kind } },
                "status": {
                    "conditions": [{ "type": "Ready", "status": ready }],
                    "nodeInfo": { "operatingSystem": os, "architecture": architecture },
                },
            });
            unfit(&serde_json::from_value(node).unwrap())
        };
        assert_eq!(node("linux", "amd64", "True", ""), None);
        assert_eq!(node("linux", "arm64", "Unknown", ""), Some(Unfit::NotReady));
        assert_eq!(node("windows", "amd64", "True", ""), Some(Unfit::Windows));
        assert_eq!(node("linux", "amd64", "True", "virtual-kubelet"), Some(Unfit::Virtual));
        assert_eq!(node("linux", "s390x", "True", ""), Some(Unfit::OtherProcessor));
    }
}

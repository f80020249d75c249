//! Views of one target compared: the attribute that separates the nodes that fail from those that
//! pull, and what only the comparison shows.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde::Serialize;
use serde_json::{Map, Value};
use strum::{EnumIter, IntoEnumIterator, IntoStaticStr, VariantNames};

use crate::{
    kit::engine::{Finding, StepEnd, Vantage},
    nodes::Problem,
    steps,
};

/// The most values of an attribute among failing nodes: with more, it separates nothing.
const MAX_FAILING: usize = 3;
/// The most values that are named.
const MAX_NAMED: usize = 3;
/// The most attributes that are named.
const MAX_SEPARATORS: usize = 3;
/// The mode whose look-alikes say more than it does.
const SKEW: &str = "node-image-skew";

/// The name of [`Attribute::Resolver`], for the label that an agent adds by itself.
pub const RESOLVER: &str = "resolver";

/// What tells nodes apart, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, EnumIter, IntoStaticStr, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Attribute {
    /// The processor.
    Architecture,
    /// The version of the node image.
    NodeImage,
    /// The version of the credential provider.
    ProviderVersion,
    /// The proxy that pulls go through.
    Proxy,
    /// The name servers.
    Resolver,
    /// The subnet.
    Subnet,
    /// The node pool.
    Pool,
    /// The operating system.
    Os,
    /// The container runtime and its version.
    Runtime,
    /// The kubelet's version.
    Kubelet,
    /// The availability zone.
    Zone,
    /// The instance type.
    InstanceType,
}

/// One view, as far as it is compared.
pub trait Look {
    /// Returns who looked.
    fn vantage(&self) -> &Vantage;
    /// Returns the labels of the node.
    fn labels(&self) -> &BTreeMap<String, String>;
    /// Returns whether it can pull; nothing where that could not be told.
    fn can(&self) -> Option<bool>;
    /// Returns how a step ended; nothing where there is no such step, or it has not ended.
    fn end(&self, step: &str) -> Option<&StepEnd>;
}

/// An attribute that separates the nodes that fail from those that pull: they share no value of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Separator {
    /// The attribute.
    pub attribute: Attribute,
    /// Its values among the nodes that fail.
    pub failing: Vec<String>,
    /// Its values among the nodes that can pull, the first few.
    pub passing: Vec<String>,
}

/// A finding of the comparison.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The finding.
    pub finding: Finding,
    /// The step that it is about.
    pub step: &'static str,
    /// The places of the views that fail by it.
    pub seen: Vec<usize>,
    /// The workloads of pods that it is about, by their places; all that are on these nodes where it does
    /// not say.
    pub workloads: Option<BTreeSet<usize>>,
}

impl Compared {
    fn of_nodes(finding: impl Into<Finding>, step: &'static str, seen: Vec<usize>) -> Self {
        Self { finding: finding.into(), step, seen, workloads: None }
    }

    /// Returns a finding of pods, about all of them.
    pub(crate) fn of_pod(finding: impl Into<Finding>, seen: Vec<usize>) -> Self {
        Self::of_nodes(finding, steps::POD.name, seen)
    }

    /// Returns a finding of pods, about those of these workloads.
    pub(crate) fn of_pods(
        finding: impl Into<Finding>,
        seen: Vec<usize>,
        workloads: BTreeSet<usize>,
    ) -> Self {
        Self { workloads: Some(workloads), ..Self::of_pod(finding, seen) }
    }
}

impl Attribute {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns its value in a view: of the labels, else of what the steps saw.
    fn value(self, look: &impl Look) -> Option<Cow<'_, str>> {
        if let Some(label) = look.labels().get(self.name()) {
            return Some(label.into());
        }
        let saw = |step: &str| match look.end(step) {
            Some(StepEnd::Passed { saw }) => Some(saw),
            _ => None,
        };
        match self {
            Attribute::ProviderVersion => text(saw(steps::KUBELET.name)?, "provider_version"),
            Attribute::Proxy => match look.end(steps::FRONT.proxy.name) {
                Some(StepEnd::Passed { saw }) => text(saw, "proxy"),
                Some(_) => None,
                // Without such a step the host is reached without a proxy.
                None => look.end(steps::FRONT.tcp.name).map(|_| "none".into()),
            },
            Attribute::Runtime => {
                let version = text(saw(steps::RUNTIME.name)?, "version")?;
                Some(format!("containerd://{version}").into())
            }
            _ => None,
        }
    }
}

fn text<'a>(saw: &'a Map<String, Value>, name: &str) -> Option<Cow<'a, str>> {
    saw.get(name)?.as_str().map(Cow::from)
}

/// Returns what separates the views at these places from those that can pull.
pub fn separators(looks: &[impl Look], failing: &[usize]) -> Vec<Separator> {
    let of_node = |look: &&_| Look::vantage(*look).node().is_some();
    let failing: Vec<_> = failing.iter().filter_map(|at| looks.get(*at)).filter(of_node).collect();
    let passing = looks.iter().filter(of_node).filter(|look| look.can() == Some(true));
    let passing: Vec<_> = passing.collect();
    if failing.is_empty() || passing.is_empty() {
        return vec![];
    }
    let mut separators: Vec<Separator> = vec![];
    for attribute in Attribute::iter() {
        let values = |looks: &[_]| -> Option<BTreeSet<_>> {
            looks.iter().map(|look| attribute.value(*look)).collect()
        };
        let (Some(of_failing), Some(of_passing)) = (values(&failing), values(&passing)) else {
            continue;
        };
        if of_failing.is_disjoint(&of_passing) && of_failing.len() <= MAX_FAILING {
            let named = |values: BTreeSet<Cow<'_, str>>| {
                values.into_iter().take(MAX_NAMED).map(Cow::into_owned).collect()
            };
            separators.push(Separator {
                attribute,
                failing: named(of_failing),
                passing: named(of_passing),
            });
        }
    }
    // A stable sort: of equally narrow ones the more telling comes first.
    separators.sort_by_key(|separator| separator.failing.len());
    separators.truncate(MAX_SEPARATORS);
    separators
}

/// Returns what only the comparison shows. `causes` are the codes that fail, each with the places of
/// the views that saw it.
pub fn compare(looks: &[impl Look], causes: &[(&str, Vec<usize>)]) -> Vec<Compared> {
    let mut found = vec![];
    for (code, seen) in causes {
        let separators = separators(looks, seen);
        // Nodes of another architecture have another node image.
        let is = |attribute| separators.iter().any(|one| one.attribute == attribute);
        let is_of_architecture = is(Attribute::Architecture);
        for separator in separators {
            let Separator { attribute, failing, passing } = separator;
            let (failing, passing) = (failing.join(", "), passing.join(", "));
            let (problem, step) = match attribute {
                Attribute::Proxy if explains("nodes/proxy-differs", code) => (
                    Problem::ProxyDiffers { lacking: failing, having: passing },
                    steps::FRONT.proxy.name,
                ),
                Attribute::NodeImage if !is_of_architecture && !is_better_explained(code) => (
                    Problem::NodeImageSkew { images: failing, others: passing },
                    steps::RUNTIME.name,
                ),
                _ => continue,
            };
            found.push(Compared::of_nodes(problem, step, seen.clone()));
        }
    }
    // Several causes of the same nodes are one skew.
    found.dedup_by(|one, other| one.finding == other.finding && one.seen == other.seen);
    let explains_better = |one: &Compared| one.finding.code == "nodes/proxy-differs";
    if found.iter().any(explains_better) {
        found.retain(explains_better);
    } else {
        found.extend(causes.iter().filter_map(|(code, seen)| reached(looks, code, seen)));
    }
    found.extend(splits(looks));
    found
}

/// Returns that other nodes reach the registry where these do not, at the same address: then it is
/// the right one, and what stands behind it works.
fn reached(looks: &[impl Look], code: &str, seen: &[usize]) -> Option<Compared> {
    if !explains("nodes/reached-from-others", code) {
        return None;
    }
    let tcp = steps::FRONT.tcp.name;
    let of_node = |look: &&_| Look::vantage(*look).node().is_some();
    let failing: Option<Vec<Answer>> = seen
        .iter()
        .map(|at| {
            let look = looks.get(*at).filter(of_node)?;
            matches!(look.end(tcp), Some(StepEnd::Failed)).then(|| answer(look))?
        })
        .collect();
    let failing = failing?;
    let first = failing.first()?;
    let passing = looks.iter().filter(of_node);
    let passing = passing.filter(|look| matches!(look.end(tcp), Some(StepEnd::Passed { .. })));
    let is_same = |answer: &Answer| answer.addresses == first.addresses;
    let others = passing.filter_map(answer).filter(is_same).count();
    if others == 0 || !failing.iter().all(is_same) {
        return None;
    }
    let (host, addresses) = (first.host.clone()?, first.addresses.clone());
    let problem = Problem::ReachedFromOthers { host, addresses, others };
    Some(Compared::of_nodes(problem, tcp, seen.to_vec()))
}

fn explains(cause: &str, code: &str) -> bool {
    crate::messages().entries.get(cause).is_some_and(|entry| entry.explains.contains(&code))
}

/// Returns whether a code says itself why only some node images fail.
fn is_better_explained(code: &str) -> bool {
    let messages = crate::messages();
    let alike = messages.modes.get(SKEW).map(|mode| mode.alike).unwrap_or_default();
    let entry = messages.entries.get(code);
    entry.is_some_and(|entry| entry.modes.iter().any(|mode| alike.contains(mode)))
}

/// Returns the nodes whose pods resolve the registry's name otherwise than they do themselves.
fn splits(looks: &[impl Look]) -> Vec<Compared> {
    let mut nodes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pods: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, look) in looks.iter().enumerate() {
        match look.vantage() {
            Vantage::Node(name) => drop(nodes.insert(name, place)),
            Vantage::PodNetwork(name) => drop(pods.insert(name, place)),
            Vantage::Here | Vantage::Azure | Vantage::Kubernetes => {}
        }
    }
    let mut found = vec![];
    for (node, of_node) in nodes {
        let Some(of_pod) = pods.get(node) else { continue };
        let answers = (answer(&looks[*of_pod]), answer(&looks[of_node]));
        let (Some(pod), Some(own)) = answers else { continue };
        // Where both get addresses of the same kind, servers may just take turns.
        if pod.reach == own.reach {
            continue;
        }
        let Some(host) = pod.host.or(own.host) else { continue };
        let problem = Problem::DnsSplitPodVsNode {
            host,
            node: node.to_owned(),
            in_pods: pod.addresses,
            on_node: own.addresses,
        };
        let step = steps::FRONT.dns.name;
        found.push(Compared::of_nodes(problem, step, vec![of_node]));
    }
    found
}

/// What a view was answered for the registry's name.
struct Answer {
    host: Option<String>,
    /// Whether the addresses are public or private; nothing where there are none.
    reach: Option<String>,
    addresses: String,
}

fn answer(look: &impl Look) -> Option<Answer> {
    match look.end(steps::FRONT.dns.name)? {
        StepEnd::Passed { saw } => {
            let addresses = saw.get("first").and_then(Value::as_array)?.iter();
            let addresses: Vec<&str> = addresses.filter_map(Value::as_str).collect();
            Some(Answer {
                host: text(saw, "host").map(Cow::into_owned),
                reach: text(saw, "reach").map(Cow::into_owned),
                addresses: addresses.join(", "),
            })
        }
        StepEnd::Failed => Some(Answer { host: None, reach: None, addresses: "none".into() }),
        StepEnd::Skipped { .. } | StepEnd::Blocked { .. } | StepEnd::CouldNotTell { .. } => None,
    }
}

//! The Job that looks from one node.

use std::collections::BTreeMap;

use checks::kit::kube::{ChosenNode, NodeRequest};
use serde_json::{Value, json};

/// The label that every object of ours has, and its value.
pub(crate) const OURS: (&str, &str) = ("app.kubernetes.io/name", "check-acr");
/// The label that names the run.
pub(crate) const RUN: &str = "check-acr/run";
/// The label that numbers the node of a run.
pub(super) const NUMBER: &str = "check-acr/number";

/// The container of the agent.
pub(super) const CONTAINER: &str = "check-acr";
/// The annotation of the Job that owns the others, with the number of the nodes that get one.
pub(super) const NODES: &str = "check-acr/nodes";
/// How the name of the Job ends that owns the others of a run.
pub(super) const OWNER: &str = "-owner";

/// How long Kubernetes keeps a Job that has ended, if it is not deleted.
const TIME_TO_LIVE: u64 = 120;
/// How much longer the owner of a run's objects stays for each node, in milliseconds.
const EACH_NODE: u64 = 200;
/// The user of a pod that sees nothing of its node.
const NOBODY: u64 = 65532;

/// The places of the targets that each node is asked for.
pub(crate) type Asked = BTreeMap<String, Vec<usize>>;

/// What the Jobs of a run have in common.
#[derive(Clone, Debug)]
pub(crate) struct JobSettings {
    /// The name of the run.
    pub(crate) run: String,
    /// The namespace.
    pub(crate) namespace: String,
    /// Which nodes look, and how.
    pub(crate) request: NodeRequest,
    /// The secret with which the nodes pull the image.
    pub(crate) pull_secret: Option<String>,
    /// What the agent is asked, without its vantage and its targets.
    pub(crate) arguments: Vec<String>,
    /// The targets, as they were typed.
    pub(crate) targets: Vec<String>,
    /// Which of the targets each node is asked for, by their places; all where a node is not named.
    pub(crate) asked: Asked,
    /// How long the pod may take, in seconds.
    pub(crate) deadline: u64,
}

/// What starts the agent in a container.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// The image.
    pub(super) image: String,
    /// The program, where it is not the image's own.
    pub(super) command: Option<Vec<String>>,
    /// Whether the image may be pulled.
    pub(super) may_pull: bool,
    /// The volumes that it needs, and where they are mounted.
    pub(super) volumes: Vec<(Value, Value)>,
}

impl JobSettings {
    /// Returns the name of the Job of a node.
    pub(super) fn name(&self, number: usize) -> String {
        format!("check-acr-{}-{number}", self.run)
    }

    /// Returns the selector of all objects of this run.
    pub(super) fn selector(&self) -> String {
        format!("{RUN}={}", self.run)
    }

    /// Returns the vantage of a node, as the agent takes it.
    pub(super) fn vantage(&self, node: &str) -> String {
        let kind = if self.request.pod_network { "pod-network" } else { "node" };
        format!("{kind}/{node}")
    }

    /// Returns the Job of a node.
    pub(super) fn job(&self, number: usize, node: &ChosenNode, start: &Start) -> Value {
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": self.name(number),
                "namespace": self.namespace,
                "labels": self.labels(number),
                "annotations": { "check-acr/node": node.name },
            },
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": self.deadline,
                "ttlSecondsAfterFinished": TIME_TO_LIVE,
                "template": self.template(number, node, start),
            },
        })
    }

    /// Returns the name of the Job that owns everything else of a run.
    pub(super) fn owner_name(&self) -> String {
        format!("check-acr-{}{OWNER}", self.run)
    }

    /// Returns the Job that owns everything else of a run on that many nodes: like that of a node, but
    /// without a pod. Its deadline and its time to live run all the same, and what it owns goes with
    /// it. Creating and starting thousands of others takes a while.
    pub(super) fn owner(&self, node: &ChosenNode, start: &Start, nodes: usize) -> Value {
        let mut job = self.job(0, node, start);
        job["metadata"]["name"] = self.owner_name().into();
        job["metadata"]["annotations"] = json!({ NODES: nodes.to_string() });
        job["spec"]["parallelism"] = 0.into();
        let seconds =
            2 * self.deadline + EACH_NODE * u64::try_from(nodes).unwrap_or_default() / 1000;
        job["spec"]["activeDeadlineSeconds"] = seconds.into();
        job
    }

    /// Returns the object as one that goes with the owner of this id.
    pub(super) fn owned(&self, mut object: Value, uid: &str) -> Value {
        let owner = json!({ "apiVersion": "batch/v1", "kind": "Job", "name": self.owner_name(), "uid": uid });
        object["metadata"]["ownerReferences"] = json!([owner]);
        object
    }

    /// Returns a pod like that of the Job. Pod Security enforces on pods only.
    pub(super) fn pod(&self, number: usize, node: &ChosenNode, start: &Start) -> Value {
        let mut pod = self.template(number, node, start);
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod["metadata"]["name"] = self.name(number).into();
        pod["metadata"]["namespace"] = self.namespace.clone().into();
        pod
    }

    /// Returns the targets that a node is asked for.
    fn targets_of(&self, node: &str) -> Vec<String> {
        let Some(places) = self.asked.get(node) else { return self.targets.clone() };
        places.iter().filter_map(|place| self.targets.get(*place).cloned()).collect()
    }

    fn labels(&self, number: usize) -> Value {
        json!({ OURS.0: OURS.1, RUN: self.run, NUMBER: number.to_string() })
    }

    fn template(&self, number: usize, node: &ChosenNode, start: &Start) -> Value {
        let mut labels = self.labels(number);
        // A sidecar would keep the pod from ending, and change the way it goes.
        labels["sidecar.istio.io/inject"] = "false".into();
        json!({
            "metadata": {
                "labels": labels,
                "annotations": {
                    "sidecar.istio.io/inject": "false",
                    "linkerd.io/inject": "disabled",
                    "kuma.io/sidecar-injection": "disabled",
                },
            },
            "spec": self.pod_spec(node, start),
        })
    }

    /// Returns what the pod of a node's Job does.
    pub(super) fn pod_spec(&self, node: &ChosenNode, start: &Start) -> Value {
        let as_node = !self.request.pod_network;
        let (mut volumes, mut mounts) = (vec![], vec![]);
        for (volume, mount) in &start.volumes {
            volumes.push(volume.clone());
            mounts.push(mount.clone());
        }
        if as_node {
            // Never a path that a node may lack: containerd would create it.
            volumes.push(json!({ "name": "host", "hostPath": { "path": "/" } }));
            mounts.push(json!({
                "name": "host",
                "mountPath": "/host",
                "readOnly": true,
                "recursiveReadOnly": "IfPossible",
            }));
        }
        // Root without capabilities reads root's files, and nothing else that others could not.
        let user = if as_node { 0 } else { NOBODY };
        let mut arguments = vec!["agent".to_owned()];
        arguments.extend(self.targets_of(&node.name));
        arguments.extend(self.arguments.iter().cloned());
        arguments.extend(["--vantage".to_owned(), self.vantage(&node.name)]);
        if as_node {
            arguments.extend(["--node-root".to_owned(), "/host".to_owned()]);
        }
        for (name, value) in &node.attributes {
            arguments.extend(["--label".to_owned(), format!("{name}={value}")]);
        }
        let mut container = json!({
            "name": CONTAINER,
            "image": start.image,
            "imagePullPolicy": if start.may_pull { "IfNotPresent" } else { "Never" },
            "args": arguments,
            "securityContext": {
                "runAsUser": user,
                "runAsNonRoot": !as_node,
                "allowPrivilegeEscalation": false,
                "privileged": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "resources": {
                "requests": { "cpu": "10m", "memory": "32Mi" },
                "limits": { "cpu": "1", "memory": "128Mi" },
            },
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "volumeMounts": mounts,
        });
        if let Some(command) = &start.command {
            container["command"] = json!(command);
        }
        if self.request.live {
            // Linux shows the environment of another user's process, or of one with more capabilities,
            // to those who may trace it; the usual profile of AppArmor forbids that.
            let security = &mut container["securityContext"];
            security["capabilities"]["add"] = json!(["SYS_PTRACE"]);
            security["appArmorProfile"] = json!({ "type": "Unconfined" });
        }
        let mut spec = json!({
            "nodeName": node.name,
            "hostNetwork": as_node,
            "dnsPolicy": if as_node { "Default" } else { "ClusterFirst" },
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 5,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "tolerations": [{ "operator": "Exists" }],
            "securityContext": {
                "runAsNonRoot": !as_node,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [container],
            "volumes": volumes,
        });
        if let Some(secret) = &self.pull_secret {
            spec["imagePullSecrets"] = json!([{ "name": secret }]);
        }
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pod_network: bool) -> JobSettings {
        JobSettings {
            run: "0a1b2c3d".into(),
            namespace: "shop".into(),
            request: NodeRequest { pod_network, ..NodeRequest::default() },
            pull_secret: None,
            arguments: vec![],
            targets: vec!["contoso.azurecr.io/app:v1".into()],
            asked: Asked::default(),
            deadline: 120,
        }
    }

    fn node() -> ChosenNode {
        ChosenNode {
            name: "aks-blue-1".into(),
            architecture: "amd64".into(),
            attributes: vec![("pool", "blue".into())],
            image: None,
            pool: "blue".into(),
            targets: vec![],
        }
    }

    fn start() -> Start {
        let image = "contoso.azurecr.io/check-acr:1".to_owned();
        Start { image, command: None, may_pull: true, volumes: vec![] }
    }

    #[test]
    fn a_job_on_a_node_gets_no_more_than_it_needs() {
        let job = settings(false).job(0, &node(), &start());
        let spec = &job["spec"]["template"]["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false);
        assert_eq!(spec["hostNetwork"], true);
        assert!(spec.get("hostPID").is_none() && spec.get("hostIPC").is_none());
        let container = &spec["containers"][0];
        let security = &container["securityContext"];
        assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }));
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(container["volumeMounts"].as_array().unwrap().len(), 1);
        assert_eq!(container["volumeMounts"][0]["readOnly"], true);
        assert_eq!(job["spec"]["backoffLimit"], 0);
        assert!(job["spec"]["ttlSecondsAfterFinished"].is_u64());
        assert!(job["spec"].get("suspend").is_none());
    }

    #[test]
    fn only_a_live_look_may_trace_processes() {
        let security = |live| {
            let mut settings = settings(false);
            settings.request.live = live;
            let pod = settings.pod(0, &node(), &start());
            pod["spec"]["containers"][0]["securityContext"].clone()
        };
        assert_eq!(
            security(true)["capabilities"],
            json!({ "drop": ["ALL"], "add": ["SYS_PTRACE"] })
        );
        assert_eq!(security(true)["appArmorProfile"]["type"], "Unconfined");
        assert!(security(false)["appArmorProfile"].is_null());
    }

    /// The levels of Pod Security: kubernetes.io, "Pod Security Standards".
    #[test]
    fn a_pod_with_its_own_network_is_fit_for_the_restricted_level() {
        let pod = settings(true).pod(0, &node(), &start());
        let spec = &pod["spec"];
        assert_eq!(spec["hostNetwork"], false);
        assert_eq!(spec["volumes"], json!([]));
        let security = &spec["containers"][0]["securityContext"];
        assert_eq!(security["runAsNonRoot"], true);
        assert_ne!(security["runAsUser"], 0);
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    }
}

//! What Jobs do: a pod each, in which the agent runs in the world of its node.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Cluster;
use super::admission::rewrite;
use super::settings::KubernetesNode;

/// How long the kubelet takes to look again whether what a pod mounts is there.
const LOOKS_AGAIN: Duration = Duration::from_millis(20);
/// How often it looks.
const MOST_LOOKS: usize = 500;

/// What runs in the pods: called on a thread of its own.
#[derive(Clone)]
pub struct Agent(Arc<dyn Fn(AgentCall) -> AgentEnd + Send + Sync>);

impl Agent {
    /// Returns an agent that does this.
    pub fn new(run: impl Fn(AgentCall) -> AgentEnd + Send + Sync + 'static) -> Self {
        Self(Arc::new(run))
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Agent")
    }
}

/// What a pod runs.
#[derive(Debug, Clone)]
pub struct AgentCall {
    /// The scenario that is the world of its node.
    pub world: String,
    /// The arguments of its container.
    pub arguments: Vec<String>,
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub struct AgentEnd {
    /// The exit code.
    pub exit_code: i32,
    /// The termination message.
    pub message: String,
    /// What it printed.
    pub log: String,
}

impl Cluster {
    /// Starts the pod of a Job.
    pub(super) fn start(self: &Arc<Self>, job: &Value) {
        if job["spec"]["parallelism"] == 0 {
            return;
        }
        let name = job["metadata"]["name"].as_str().unwrap_or_default();
        let namespace = job["metadata"]["namespace"].as_str().unwrap_or_default();
        if let Some(refused) = self.settings.refuses.get("pods").filter(|refused| refused.late) {
            let message = refused.message.replace("NAME", &format!("{name}-0"));
            let message = format!("Error creating: {message}");
            self.event(("Job", name, namespace), "FailedCreate", (&message, 1));
            return;
        }
        let mut pod = job["spec"]["template"].clone();
        let owner = json!({
            "apiVersion": "batch/v1", "kind": "Job", "name": name, "controller": true,
            "uid": job["metadata"]["uid"],
        });
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod["metadata"]["name"] = format!("{name}-x7k2p").into();
        pod["metadata"]["namespace"] = namespace.into();
        pod["metadata"]["ownerReferences"] = json!([owner]);
        rewrite(&mut pod["spec"], &self.settings.rewrites_late);
        pod["status"] = json!({ "phase": "Pending" });
        let pod = self.store().put("pods", pod);
        let (own, job) = (Arc::clone(self), job.clone());
        tokio::spawn(async move { own.run(&pod, &job).await });
    }

    async fn run(self: Arc<Self>, pod: &Value, job: &Value) {
        let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let (name, namespace) =
            (text(&pod["metadata"]["name"]), text(&pod["metadata"]["namespace"]));
        let node_name = text(&pod["spec"]["nodeName"]);
        let Some(node) = self.node(&node_name).cloned() else { return };
        let key = ("pods".to_owned(), namespace.clone(), name.clone());
        let set = |status: Value| self.store().change(&key, |pod| pod["status"] = status);
        if let Some((reason, message)) = &node.rejects {
            return set(json!({ "phase": "Failed", "reason": reason, "message": message }));
        }
        if self.settings.forges {
            self.forge(pod, &node).await;
        }
        if !self.is_mounted(pod, &namespace, &name).await {
            return;
        }
        let container = |state: Value| {
            json!({ "phase": "Pending", "containerStatuses": [
                { "name": "check-acr", "state": state },
            ] })
        };
        let image = text(&pod["spec"]["containers"][0]["image"]);
        let is_never = pod["spec"]["containers"][0]["imagePullPolicy"] == "Never";
        if is_never && (node.gone || !node.images.contains(&image)) {
            let message =
                format!("Container image \"{image}\" is not present with pull policy of Never");
            let waits = json!({ "reason": "ErrImageNeverPull", "message": message });
            return set(container(json!({ "waiting": waits })));
        }
        if let Some((reason, message)) = &node.waits {
            let waits = json!({ "reason": reason, "message": message.replace("IMAGE", &image) });
            return set(container(json!({ "waiting": waits })));
        }
        let end = match &node.ends {
            Some((_, exit_code)) => AgentEnd { exit_code: *exit_code, ..AgentEnd::default() },
            None => self.agent_end(&node, pod).await,
        };
        let reason = match &node.ends {
            Some((reason, _)) => reason.as_str(),
            None if end.exit_code == 0 => "Completed",
            None => "Error",
        };
        let message = node.message.clone().unwrap_or(end.message);
        let terminated = json!({ "exitCode": end.exit_code, "reason": reason, "message": message });
        let phase = if end.exit_code == 0 { "Succeeded" } else { "Failed" };
        let mut status = container(json!({ "terminated": terminated }));
        status["phase"] = phase.into();
        let mut store = self.store();
        store.logs.insert(key.clone(), end.log);
        store.change(&key, |pod| pod["status"] = status);
        drop(store);
        let kind = if end.exit_code == 0 { "Complete" } else { "Failed" };
        let key = ("jobs".to_owned(), namespace, text(&job["metadata"]["name"]));
        self.store().change(&key, |job| {
            job["status"] = json!({ "conditions": [{ "type": kind, "status": "True" }] });
        });
    }

    /// Runs the agent on a thread of its own.
    async fn agent_end(&self, node: &KubernetesNode, pod: &Value) -> AgentEnd {
        let agent = self.agent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let arguments = pod["spec"]["containers"][0]["args"].as_array().into_iter().flatten();
        let arguments = arguments.filter_map(|one| one.as_str().map(str::to_owned)).collect();
        let call = AgentCall { world: node.world.clone(), arguments };
        let Some(agent) = agent else { return AgentEnd { exit_code: 127, ..AgentEnd::default() } };
        let ran = spawn_blocking(move || (agent.0)(call)).await;
        ran.unwrap_or(AgentEnd { exit_code: 101, ..AgentEnd::default() })
    }

    /// Makes a pod like this one, which belongs to no Job and reports what a node without a fault would.
    async fn forge(&self, pod: &Value, node: &KubernetesNode) {
        let healthy = KubernetesNode { world: "node-healthy".into(), ..node.clone() };
        let end = self.agent_end(&healthy, pod).await;
        let mut forged = pod.clone();
        let name = format!("{}-forged", pod["metadata"]["name"].as_str().unwrap_or_default());
        forged["metadata"]["name"] = name.into();
        forged["metadata"]["uid"] = Value::Null;
        forged["metadata"]["ownerReferences"] = json!([]);
        let terminated = json!({ "exitCode": 0, "reason": "Completed", "message": end.message });
        forged["status"] = json!({ "phase": "Succeeded", "containerStatuses": [
            { "name": "check-acr", "state": { "terminated": terminated } },
        ] });
        self.store().put("pods", forged);
    }

    /// Waits until every ConfigMap that a pod mounts is there.
    async fn is_mounted(&self, pod: &Value, namespace: &str, name: &str) -> bool {
        let volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        let sources = volumes.iter().flat_map(|volume| {
            let projected = volume["projected"]["sources"].as_array().cloned().unwrap_or_default();
            let own = volume["configMap"]["name"].as_str().map(str::to_owned);
            let names = projected
                .into_iter()
                .filter_map(|source| source["configMap"]["name"].as_str().map(str::to_owned));
            own.into_iter().chain(names).collect::<Vec<_>>()
        });
        let wanted: Vec<String> = sources.collect();
        for look in 0..MOST_LOOKS {
            let missing = {
                let store = self.store();
                wanted.iter().find(|map| store.get("configmaps", namespace, map).is_none()).cloned()
            };
            let Some(missing) = missing else { return true };
            let message = format!("configmap \"{missing}\" not found");
            self.event(("Pod", name, namespace), "FailedMount", (&message, look + 1));
            sleep(LOOKS_AGAIN).await;
        }
        false
    }

    fn event(
        &self,
        (kind, name, namespace): (&str, &str, &str),
        reason: &str,
        (message, count): (&str, usize),
    ) {
        let event = json!({
            "apiVersion": "v1", "kind": "Event", "type": "Warning",
            "metadata": { "name": format!("{name}.{reason}"), "namespace": namespace },
            "involvedObject": { "kind": kind, "name": name, "namespace": namespace },
            "reason": reason, "message": message, "count": count,
        });
        self.store().put("events", event);
    }
}

//! Would admission take the workloads that manifests describe, and their pods? Asked by dry runs, so
//! that nothing is created.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    manifests::{PodTemplate, template_of},
    parts::Tried,
    problem::Problem,
};
use crate::kit::{
    Cx,
    engine::Finding,
    kube::{Api, KubeError, KubeRequest, PostParams, Refusal, WorkloadKind},
    sanitize_text,
};

/// What admission said to workloads and pods like those of manifests.
#[derive(Debug, Default, Serialize)]
pub struct TriedAdmission {
    /// How many were tried.
    pub tried: usize,
    /// What was found, each with the images of the pod.
    #[serde(skip)]
    pub found: Vec<(Vec<String>, Finding)>,
}

/// Tries to create each workload and a pod of its template, as dry runs. A webhook may be there for
/// either: the pod is that of the workload as admission leaves it.
pub async fn try_admission(cx: &Cx, api: &Api, templates: &[PodTemplate]) -> TriedAdmission {
    let mut seen = TriedAdmission::default();
    for template in templates {
        seen.tried += 1;
        let trial = Trial::of(api, template);
        let (mut pod, mut unseen) = (template.pod.clone(), None);
        if let Some((kind, object)) = &template.workload {
            match trial.run(cx, &kind.path(&trial.namespace), object).await {
                Ok(admitted) => take_template(&mut pod, &admitted),
                Err(error) => match trial.failed(cx, Tried::TheWorkload, *kind, &error).await {
                    Some((finding, true)) => {
                        // Nothing will make its pod.
                        seen.found.push((trial.images(), finding));
                        continue;
                    }
                    failed => unseen = failed.map(|(finding, _)| finding),
                },
            }
        }
        let path = WorkloadKind::Pod.path(&trial.namespace);
        match trial.run(cx, &path, &pod).await {
            Ok(admitted) => seen.found.extend(trial.rewritten(&admitted)),
            Err(error) => {
                let failed = trial.failed(cx, Tried::ItsPod, WorkloadKind::Pod, &error).await;
                let finding = failed.map(|(finding, is_refused)| {
                    // Why neither was seen is the same, and told once.
                    unseen = unseen.take().filter(|_| is_refused);
                    finding
                });
                seen.found.extend(finding.map(|finding| (trial.images(), finding)));
            }
        }
        seen.found.extend(unseen.map(|finding| (trial.images(), finding)));
    }
    seen
}

/// Puts the template of a workload as it was admitted into a pod.
fn take_template(pod: &mut Value, admitted: &Value) {
    let Some(template) = template_of(admitted) else { return };
    pod["spec"] = template["spec"].clone();
    for key in ["labels", "annotations"] {
        pod["metadata"][key] = template["metadata"][key].clone();
    }
}

/// The dry runs of one template.
struct Trial<'a> {
    api: &'a Api,
    template: &'a PodTemplate,
    namespace: String,
}

impl<'a> Trial<'a> {
    fn of(api: &'a Api, template: &'a PodTemplate) -> Self {
        let namespace = template.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| api.kube.cluster().namespace.clone());
        Self { api, template, namespace }
    }

    fn images(&self) -> Vec<String> {
        self.template.images.iter().map(|(_, image)| image.clone()).collect()
    }

    async fn run(&self, cx: &Cx, path: &str, object: &Value) -> Result<Value, KubeError> {
        let mut object = object.clone();
        object["metadata"]["namespace"] = json!(self.namespace);
        let params = PostParams { dry_run: true, ..PostParams::default() };
        let request = KubeRequest::new(path).create(&params, object.to_string().into_bytes())?;
        self.api.kube.ask(cx, request).await
    }

    /// Returns what is said of a dry run that failed, and whether it is a refusal: only the words of a
    /// policy or a webhook are one. Nothing of what exists already: it was admitted first.
    async fn failed(
        &self,
        cx: &Cx,
        tried: Tried,
        kind: WorkloadKind,
        error: &KubeError,
    ) -> Option<(Finding, bool)> {
        if error.status() == Some(409) {
            return None;
        }
        let (object, namespace) = (self.template.object.clone(), self.namespace.clone());
        let (at, said) = (self.template.at.clone(), error.said());
        let by = match Refusal::of(error) {
            Some(Refusal::PodSecurity { level }) => format!("Pod Security, {level}"),
            Some(Refusal::Policy { policy }) => policy,
            Some(Refusal::Webhook { webhook }) => webhook,
            _ => {
                let user = self.api.kube.user(cx).await;
                let group = kind.group();
                let dot = if group.is_empty() { "" } else { "." };
                let resource = format!("{}{dot}{group}", kind.resource());
                let problem = Problem::AdmissionNotTried {
                    object,
                    tried,
                    resource,
                    namespace,
                    user,
                    at,
                    said,
                };
                return Some((problem.into(), false));
            }
        };
        let problem = Problem::AdmissionRefuses { object, tried, namespace, by, at, said };
        Some((problem.into(), true))
    }

    /// Returns the images that admission replaced.
    fn rewritten(&self, admitted: &Value) -> Vec<(Vec<String>, Finding)> {
        let mut found = vec![];
        for (container, image) in &self.template.images {
            let members = ["containers", "initContainers"];
            let mut all =
                members.iter().filter_map(|list| admitted["spec"][list].as_array()).flatten();
            let is_it = |one: &&Value| one["name"].as_str() == Some(container);
            let theirs = all.find(is_it).and_then(|one| one["image"].as_str());
            if let Some(theirs) = theirs.filter(|theirs| theirs != image) {
                let problem = Problem::AdmissionRewrites {
                    object: self.template.object.clone(),
                    namespace: self.namespace.clone(),
                    at: self.template.at.clone(),
                    image: sanitize_text(image),
                    admitted: sanitize_text(theirs),
                };
                found.push((vec![image.clone()], problem.into()));
            }
        }
        found
    }
}

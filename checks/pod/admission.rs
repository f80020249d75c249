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

/// The most pods that admission is asked about.
const MAX_TRIED: usize = 100;

/// What admission said to workloads and pods like those of manifests.
#[derive(Debug, Default, Serialize)]
pub struct TriedAdmission {
    /// How many were tried.
    pub tried: usize,
    /// What was found, each with the images of the pod.
    #[serde(skip)]
    pub found: Vec<(Vec<String>, Finding)>,
    /// Each image of a pod, and the image that the pod would have; the same where it was not admitted, or
    /// not tried.
    #[serde(skip)]
    pub admitted: Vec<(String, String)>,
}

impl TriedAdmission {
    /// Notes that a pod is taken to have the images that it names.
    fn keep(&mut self, template: &PodTemplate) {
        let images = template.images.iter().map(|(_, image)| (image.clone(), image.clone()));
        self.admitted.extend(images);
    }
}

/// Tries to create each workload and a pod of its template, as dry runs. A webhook may be there for
/// either: the pod is that of the workload as admission leaves it.
pub async fn try_admission(cx: &Cx, api: &Api, templates: &[PodTemplate]) -> TriedAdmission {
    let mut seen = TriedAdmission::default();
    let (tried, beyond) = templates.split_at(templates.len().min(MAX_TRIED));
    beyond.iter().for_each(|template| seen.keep(template));
    for template in tried {
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
                        seen.keep(template);
                        continue;
                    }
                    failed => unseen = failed.map(|(finding, _)| finding),
                },
            }
        }
        let path = WorkloadKind::Pod.path(&trial.namespace);
        match trial.run(cx, &path, &pod).await {
            Ok(admitted) => {
                seen.found.extend(trial.rewritten(&admitted));
                seen.admitted.extend(trial.admitted(&admitted));
            }
            Err(error) => {
                seen.keep(template);
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

    /// Returns each image of the pod, and the one that it would have.
    fn admitted(&self, admitted: &Value) -> Vec<(String, String)> {
        let lists = ["containers", "initContainers"].map(|list| admitted["spec"][list].as_array());
        let all: Vec<&Value> = lists.into_iter().flatten().flatten().collect();
        let of = |(container, image): &(String, String)| {
            let theirs = all.iter().find(|one| one["name"].as_str() == Some(container));
            let theirs = theirs.and_then(|one| one["image"].as_str()).unwrap_or(image);
            (image.clone(), theirs.to_owned())
        };
        self.template.images.iter().map(of).collect()
    }

    /// Returns what is said of the images that admission replaced.
    fn rewritten(&self, admitted: &Value) -> Vec<(Vec<String>, Finding)> {
        let others = self.admitted(admitted).into_iter().filter(|(image, theirs)| image != theirs);
        let found = others.map(|(image, admitted)| {
            let problem = Problem::AdmissionRewrites {
                object: self.template.object.clone(),
                namespace: self.namespace.clone(),
                at: self.template.at.clone(),
                image: sanitize_text(&image),
                admitted: sanitize_text(&admitted),
            };
            (vec![image], problem.into())
        });
        found.collect()
    }
}

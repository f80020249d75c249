//! Would admission take the pods that manifests describe? Asked by dry runs, so that nothing is
//! created.

use serde::Serialize;
use serde_json::{Value, json};

use super::{manifests::PodTemplate, problem::Problem};
use crate::kit::{
    Cx,
    engine::Finding,
    kube::{Api, KubeError, KubeRequest, PostParams, Refusal},
    sanitize_text,
};

/// What admission said to pods like those of manifests.
#[derive(Debug, Default, Serialize)]
pub struct TriedAdmission {
    /// How many were tried.
    pub tried: usize,
    /// What was found, each with the images of the pod.
    #[serde(skip)]
    pub found: Vec<(Vec<String>, Finding)>,
}

/// Tries to create a pod of each template, as a dry run.
pub async fn try_admission(cx: &Cx, api: &Api, templates: &[PodTemplate]) -> TriedAdmission {
    let mut seen = TriedAdmission::default();
    for template in templates {
        let cluster = api.kube.cluster();
        let namespace = template.namespace.clone().unwrap_or_else(|| cluster.namespace.clone());
        seen.tried += 1;
        let of_pod = match dry_run(cx, api, &namespace, template).await {
            Ok(admitted) => rewritten(template, &namespace, &admitted),
            // What exists already was admitted first.
            Err(error) if error.status() == Some(409) => vec![],
            Err(error) => {
                let problem = refused(template, &namespace, &cluster.user, &error);
                let images = template.images.iter().map(|(_, image)| image.clone()).collect();
                vec![(images, problem.into())]
            }
        };
        seen.found.extend(of_pod);
    }
    seen
}

async fn dry_run(
    cx: &Cx,
    api: &Api,
    namespace: &str,
    template: &PodTemplate,
) -> Result<Value, KubeError> {
    let mut pod = template.pod.clone();
    pod["metadata"]["namespace"] = json!(namespace);
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let request = KubeRequest::new(&path).create(&params, pod.to_string().into_bytes())?;
    api.kube.ask(cx, request).await
}

/// Returns what is said of a refusal: only the words of a policy or a webhook are one of the pod.
fn refused(template: &PodTemplate, namespace: &str, user: &str, error: &KubeError) -> Problem {
    let (object, namespace) = (template.object.clone(), namespace.to_owned());
    let (at, said) = (template.at.clone(), error.said());
    let by = match Refusal::of(error) {
        Some(Refusal::PodSecurity { level }) => format!("Pod Security, {level}"),
        Some(Refusal::Policy { policy }) => policy,
        Some(Refusal::Webhook { webhook }) => webhook,
        _ => {
            let user = user.to_owned();
            return Problem::AdmissionNotTried { object, namespace, user, at, said };
        }
    };
    Problem::AdmissionRefuses { object, namespace, by, at, said }
}

/// Returns the images that admission replaced.
fn rewritten(
    template: &PodTemplate,
    namespace: &str,
    admitted: &Value,
) -> Vec<(Vec<String>, Finding)> {
    let mut found = vec![];
    for (container, image) in &template.images {
        let members = ["containers", "initContainers"];
        let mut all = members.iter().filter_map(|list| admitted["spec"][list].as_array()).flatten();
        let is_it = |one: &&Value| one["name"].as_str() == Some(container);
        let theirs = all.find(is_it).and_then(|one| one["image"].as_str());
        if let Some(theirs) = theirs.filter(|theirs| theirs != image) {
            let problem = Problem::AdmissionRewrites {
                object: template.object.clone(),
                namespace: namespace.to_owned(),
                at: template.at.clone(),
                image: sanitize_text(image),
                admitted: sanitize_text(theirs),
            };
            found.push((vec![image.clone()], problem.into()));
        }
    }
    found
}

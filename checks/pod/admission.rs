//! Would admission take the workloads that manifests describe, and their pods? Asked by dry runs, so
//! that nothing is created.

use std::time::Duration;

use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{
    credentials::Declared,
    manifests::{ACCOUNT, PodTemplate, account_name, secret_names, template_of},
    parts::{DryRun, OfAccount, Rewritten, Tried},
    problem::Problem,
};
use crate::kit::{
    Cx,
    engine::Finding,
    kube::{AT_ONCE, Api, KubeError, Refusal, WorkloadKind},
    sanitize_text,
    target::ManifestPod,
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
    /// What the pods that were admitted sign in with: admission adds what their service accounts have.
    #[serde(skip)]
    pub signs_in: Vec<Admitted>,
}

/// A pod that was admitted.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Each of its images, and the one that it would have.
    pub images: Vec<(String, String)>,
    /// What it would sign in with.
    pub pod: ManifestPod,
}

/// Tries to create each workload and a pod of its template, as dry runs, within that time. A webhook may be
/// there for either: the pod is that of the workload as admission leaves it.
pub async fn try_admission(
    cx: &Cx,
    api: &Api,
    (templates, declared): (&[PodTemplate], &Declared),
    limit: Duration,
) -> TriedAdmission {
    let until = Instant::now() + limit;
    let (tried, beyond) = templates.split_at(templates.len().min(MAX_TRIED));
    let mut seen = TriedAdmission { tried: tried.len(), ..TriedAdmission::default() };
    let trial = |template| Trial::of(api, template, declared);
    let trials = stream::iter(tried.iter().map(trial));
    let trials =
        trials.map(async |trial: Trial<'_>| match timeout_at(until, trial.look(cx)).await {
            Ok(seen) => seen,
            Err(_) => trial.not_tried("it did not answer in time"),
        });
    let trials = trials.buffered(AT_ONCE).collect::<Vec<Seen>>().await;
    let beyond = beyond
        .iter()
        .map(|template| trial(template).not_tried("only the first 100 workloads are tried"));
    for one in trials.into_iter().chain(beyond) {
        seen.found.extend(one.found);
        seen.admitted.extend(one.admitted);
        seen.signs_in.extend(one.signs_in);
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

/// Returns a pod as that of the account that every namespace has.
fn without_account(mut pod: Value) -> Value {
    if let Some(spec) = pod["spec"].as_object_mut() {
        for key in ACCOUNT {
            spec.shift_remove(key);
        }
    }
    pod
}

/// What was seen of one template.
#[derive(Default)]
struct Seen {
    found: Vec<(Vec<String>, Finding)>,
    admitted: Vec<(String, String)>,
    signs_in: Option<Admitted>,
}

/// The dry runs of one template.
struct Trial<'a> {
    api: &'a Api,
    template: &'a PodTemplate,
    declared: &'a Declared,
    namespace: String,
}

impl<'a> Trial<'a> {
    fn of(api: &'a Api, template: &'a PodTemplate, declared: &'a Declared) -> Self {
        let namespace = template.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| api.kube.cluster().namespace.clone());
        Self { api, template, declared, namespace }
    }

    /// Tries the workload, and then its pod.
    async fn look(&self, cx: &Cx) -> Seen {
        let (mut pod, mut unseen) = (self.template.pod.clone(), None);
        if let Some((kind, object)) = &self.template.workload {
            match self.run(cx, &kind.path(&self.namespace), object).await {
                Ok(admitted) => take_template(&mut pod, &admitted),
                Err(error) => match self.failed(cx, Tried::TheWorkload, *kind, &error).await {
                    // Nothing will make its pod.
                    Some((finding, true)) => {
                        let found = vec![(self.images(), finding)];
                        return self.seen(found);
                    }
                    failed => unseen = failed.map(|(finding, _)| finding),
                },
            }
        }
        let path = WorkloadKind::Pod.path(&self.namespace);
        let mut admitted = self.run(cx, &path, &pod).await;
        let has_account = !self.awaits_account(&admitted, &pod);
        if !has_account {
            // Others may have more to say of the pod.
            admitted = self.run(cx, &path, &without_account(pod.clone())).await;
        }
        let mut seen = match admitted {
            Ok(admitted) => Seen {
                found: self.rewritten(&admitted),
                admitted: self.admitted(&admitted),
                signs_in: Some(self.signs_in(&admitted, has_account)),
            },
            Err(error) => {
                let failed = self.failed(cx, Tried::ItsPod, WorkloadKind::Pod, &error).await;
                let finding = failed.map(|(finding, is_refused)| {
                    // Why neither was seen is the same, and told once.
                    unseen = unseen.take().filter(|_| is_refused);
                    (self.images(), finding)
                });
                self.seen(finding.into_iter().collect())
            }
        };
        seen.found.extend(unseen.map(|finding| (self.images(), finding)));
        seen
    }

    /// Returns whether a pod is refused because its service account is not there yet, which the manifests
    /// declare.
    fn awaits_account(&self, tried: &Result<Value, KubeError>, pod: &Value) -> bool {
        let is_missing = |error: &KubeError| Refusal::of(error) == Some(Refusal::NoAccount);
        tried.as_ref().is_err_and(is_missing) && self.declared_secrets(&pod["spec"]).is_some()
    }

    /// Returns the pull secrets that the manifests declare for the service account of a pod; nothing where
    /// they do not declare it.
    fn declared_secrets(&self, spec: &Value) -> Option<Vec<String>> {
        let name = account_name(spec).unwrap_or("default");
        self.declared.account(self.api, &self.namespace, name)
    }

    /// Returns what is seen where nothing was tried, and why not.
    fn not_tried(&self, why: &str) -> Seen {
        let problem = self.unseen(Tried::ItsPod, WorkloadKind::Pod, None, why.to_owned());
        self.seen(vec![(self.images(), problem.into())])
    }

    /// Returns what is seen of a pod that was not admitted.
    fn seen(&self, found: Vec<(Vec<String>, Finding)>) -> Seen {
        Seen { found, admitted: self.as_named(), signs_in: None }
    }

    /// Returns that a dry run did not say whether admission takes the object.
    fn unseen(
        &self,
        tried: Tried,
        kind: WorkloadKind,
        user: Option<String>,
        said: String,
    ) -> Problem {
        let group = kind.group();
        let dot = if group.is_empty() { "" } else { "." };
        Problem::AdmissionNotTried(DryRun {
            object: self.template.object.clone(),
            tried,
            resource: format!("{}{dot}{group}", kind.resource()),
            namespace: self.namespace.clone(),
            user,
            at: self.template.at.clone(),
            said,
        })
    }

    /// Returns the images of the pod as it names them.
    fn as_named(&self) -> Vec<(String, String)> {
        let images = self.template.images.iter();
        images.map(|(_, image)| (image.clone(), image.clone())).collect()
    }

    fn images(&self) -> Vec<String> {
        self.template.images.iter().map(|(_, image)| image.clone()).collect()
    }

    async fn run(&self, cx: &Cx, path: &str, object: &Value) -> Result<Value, KubeError> {
        let mut object = object.clone();
        object["metadata"]["namespace"] = json!(self.namespace);
        self.api.kube.dry_run(cx, path, &object).await
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
            Some(Refusal::NoAccount) => {
                let account = account_name(&self.template.pod["spec"]).unwrap_or("default");
                let account = sanitize_text(account);
                let of = OfAccount { workload: object, namespace, account, said };
                return Some((Problem::ManifestAccountMissing(of).into(), false));
            }
            _ => {
                let user = self.api.kube.user(cx).await;
                return Some((self.unseen(tried, kind, Some(user), said).into(), false));
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

    /// Returns what the pod would sign in with; it may have been tried without its account.
    fn signs_in(&self, admitted: &Value, has_account: bool) -> Admitted {
        let (spec, own) = (&admitted["spec"], &self.template.pod["spec"]);
        let account = account_name(if has_account { spec } else { own }).map(str::to_owned);
        let names_none = own["imagePullSecrets"].as_array().is_none_or(Vec::is_empty);
        let declares = || self.declared_secrets(spec).is_some_and(|secrets| !secrets.is_empty());
        // What the manifests declare of the account is there before the pod.
        let changes_account = names_none && (!has_account || declares());
        let pod = ManifestPod {
            object: self.template.object.clone(),
            container: String::new(),
            image: String::new(),
            namespace: Some(self.namespace.clone()),
            account,
            secrets: if changes_account { vec![] } else { secret_names(spec) },
            has_all: !changes_account,
        };
        Admitted { images: self.admitted(admitted), pod }
    }

    /// Returns what is said of the images that admission replaced.
    fn rewritten(&self, admitted: &Value) -> Vec<(Vec<String>, Finding)> {
        let others = self.admitted(admitted).into_iter().filter(|(image, theirs)| image != theirs);
        let found = others.map(|(image, admitted)| {
            let problem = Problem::AdmissionRewrites(Rewritten {
                object: self.template.object.clone(),
                namespace: self.namespace.clone(),
                at: self.template.at.clone(),
                image: sanitize_text(&image),
                admitted: sanitize_text(&admitted),
            });
            (vec![image], problem.into())
        });
        found.collect()
    }
}

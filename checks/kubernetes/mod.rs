//! Does the cluster's API answer, what may we do there, and which of its nodes look?

mod nodes;
mod problem;

use serde::Deserialize;
use serde_json::json;

use crate::kit::{
    Cx, NoFact, StepResult,
    kube::{
        Access, Api, Cluster, Kube, KubeError, KubeRequest, Loses, NodeChoice, NodeRequest,
        PostParams, Right, rights,
    },
    net::{ConnectError, Fault, Stage},
    sanitize_text,
    target::Host,
};
use crate::{cluster::Cluster as AksCluster, kubeconfig::AksName};
pub use nodes::choose;
pub use problem::{Problem, Unfit};

/// The answer of `/version`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

/// Asks the API server for its version: every user who is signed in may.
pub async fn reach(cx: &Cx, cluster: &Cluster) -> StepResult<Api> {
    let (host, user) = (cluster.server.host.clone(), cluster.user.clone());
    let failed = |error: KubeError| NoFact::could_not_tell(unanswered(&host, &user, &error));
    let kube = Kube::new(cx, cluster.clone()).await.map_err(failed)?;
    version(cx, kube).await.map_err(failed)
}

/// Asks the API server of an AKS cluster, of which Azure says whether it is private.
pub async fn reach_aks(cx: &Cx, cluster: &Cluster, aks: &AksCluster) -> StepResult<Api> {
    let kube = Kube::new(cx, cluster.clone()).await;
    let (host, user) = (&cluster.server.host, &cluster.user);
    let failed = |error: KubeError| {
        NoFact::could_not_tell(match &error {
            KubeError::Unreachable(error) if aks.is_private() => Problem::PrivateApiServer {
                host: host.to_string(),
                stage: error.stage,
                fault: error.fault.clone(),
                aks: AksName::of(aks.id()),
            },
            error => unanswered(host, user, error),
        })
    };
    version(cx, kube.map_err(failed)?).await.map_err(failed)
}

async fn version(cx: &Cx, kube: Kube) -> Result<Api, KubeError> {
    let host = kube.cluster().server.host.to_string();
    let request = hyper::Request::get("/version").body(vec![]);
    let request = request.map_err(|error| KubeError::Unfit(error.to_string()))?;
    let version: Version = kube.ask(cx, request).await?;
    Ok(Api { kube, host, version: sanitize_text(&version.git_version) })
}

/// Returns why the API gives no answer.
fn unanswered(host: &Host, user: &str, error: &KubeError) -> Problem {
    let (name, user) = (host.to_string(), user.to_owned());
    match error {
        KubeError::Unreachable(error) => unreachable(host, error),
        KubeError::Broken(fault) => {
            Problem::Unreachable { host: name, stage: Stage::Tcp, fault: fault.clone() }
        }
        KubeError::Refused(said) => match said.code {
            401 => Problem::Unauthorized { host: name, aks_host: aks_host(host), user },
            403 => Problem::Forbidden { user, said: error.said() },
            // A selector that it cannot read; more requests than it takes.
            400..500 => Problem::RequestRefused { host: name, said: error.said() },
            _ => Problem::ServerFails { host: name, said: error.said() },
        },
        KubeError::Unexpected { status: 401, .. } => {
            Problem::Unauthorized { host: name, aks_host: aks_host(host), user }
        }
        KubeError::Unexpected { status, .. } if *status >= 500 => {
            Problem::ServerFails { host: name, said: error.said() }
        }
        KubeError::Unexpected { .. }
        | KubeError::Unreadable
        | KubeError::Endless(_)
        | KubeError::Unfit(_) => Problem::NotKubernetes { host: name, said: error.said() },
    }
}

/// Returns the name of an API server, if it is that of an AKS cluster.
fn aks_host(host: &Host) -> Option<String> {
    let mut ends = [".azmk8s.io", ".azmk8s.us", ".azk8s.cn"].iter();
    ends.any(|end| host.name.ends_with(end)).then(|| host.name.clone())
}

/// Returns why there is no connection. AKS: private clusters have names below
/// `privatelink.REGION.azmk8s.io`, which only linked networks resolve; clusters with authorized IP
/// ranges drop the packets of all others (learn.microsoft.com, api-server-authorized-ip-ranges).
fn unreachable(host: &Host, error: &ConnectError) -> Problem {
    let (name, ConnectError { stage, fault, .. }) = (host.to_string(), error);
    let aks_host = aks_host(host);
    let is_aks = aks_host.is_some();
    let is_private = is_aks && host.name.contains(".privatelink.");
    match (stage, fault) {
        (Stage::Dns, Fault::NoAddress) if is_private => {
            Problem::PrivateName { host: name, aks_host }
        }
        (Stage::Dns, Fault::NoAddress) => Problem::NameNotFound { host: name },
        (Stage::Tcp, Fault::TimedOut) if is_aks && !is_private => {
            Problem::AuthorizedRanges { host: name, fault: fault.clone() }
        }
        (Stage::Tls, Fault::Certificate) => Problem::CertificateNotTrusted { host: name, aks_host },
        _ => Problem::Unreachable { host: name, stage: *stage, fault: fault.clone() },
    }
}

/// A review of one permission.
#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: ReviewStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReviewStatus {
    allowed: bool,
}

/// Asks which of the permissions that we need we have.
pub async fn review(cx: &Cx, api: &Api, request: &NodeRequest) -> StepResult<Access> {
    let cluster = api.kube.cluster();
    let user = cluster.user.clone();
    let namespace = request.namespace.as_ref().unwrap_or(&cluster.namespace).clone();
    let asked = rights(request);
    let reviews = asked.iter().map(|right| is_granted(cx, &api.kube, right, &namespace));
    let answers = futures::future::join_all(reviews).await;
    let (mut missing, mut granted) = (vec![], 0);
    for (right, answer) in asked.iter().zip(answers) {
        match answer {
            Ok(true) => granted += 1,
            Ok(false) => missing.push(*right),
            Err(KubeError::Refused(said)) if said.code == 403 => {
                // Reviews are open to every user who is signed in, unless that was taken away: then the
                // requests themselves tell.
            }
            Err(error) => {
                let host = &cluster.server.host;
                return Err(NoFact::could_not_tell(unanswered(host, &user, &error)));
            }
        }
    }
    let not_asked = Some(asked.len() - granted - missing.len()).filter(|count| *count > 0);
    let shown = |of: &[&Right]| of.iter().map(|right| right.shown()).collect::<Vec<_>>();
    let (vital, others): (Vec<&Right>, Vec<&Right>) =
        missing.iter().partition(|right| right.loses == Loses::Everything);
    let of_pods = matches!(request.choice, NodeChoice::OfPods(_));
    let command = if of_pods { "why" } else { "node" };
    let user = if missing.is_empty() { user } else { api.kube.user(cx).await };
    if !vital.is_empty() {
        let rights = shown(&vital);
        return Err(NoFact::could_not_tell(Problem::RightsMissing {
            user,
            rights,
            namespace,
            command,
        }));
    }
    if !others.is_empty() {
        let mut loses: Vec<Loses> = others.iter().map(|right| right.loses).collect();
        loses.dedup();
        let namespace = namespace.clone();
        let rights = shown(&others);
        cx.add_finding(Problem::RightsLost { user, rights, namespace, command, loses });
    }
    Ok(Access { namespace, granted, not_asked, missing })
}

async fn is_granted(
    cx: &Cx,
    kube: &Kube,
    right: &Right,
    namespace: &str,
) -> Result<bool, KubeError> {
    let mut attributes = json!({
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "subresource": right.part,
    });
    if right.in_namespace {
        attributes["namespace"] = namespace.into();
    }
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": attributes },
    });
    let path = KubeRequest::new("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
    let request = path.create(&PostParams::default(), body.to_string().into_bytes())?;
    let review: Review = kube.ask(cx, request).await?;
    Ok(review.status.allowed)
}

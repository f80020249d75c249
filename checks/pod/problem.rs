//! What the area `pod` can find wrong.

use serde::Serialize;

use super::{
    on_node::HeldImage,
    pace::{Pace, SlowPull},
    parts::{DryRun, NotTried, OfAccount, OwnSecret, Refused, Rewritten, Tried},
};
use crate::kit::target::NamedBy;

/// What pods that wait for an image show, and why it cannot be seen.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The caller may not list pods.
    MayNotList {
        /// The caller.
        user: String,
        /// The resource.
        what: String,
        /// The namespace; nothing where all were asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
    },
    /// The API server did not give a list.
    NotListed {
        /// What was asked for.
        what: String,
        /// What it said.
        said: String,
    },
    /// There is no such workload.
    NotThere {
        /// Its kind and name, or the labels of pods.
        workload: String,
        /// The namespace; none where all were looked at.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
    },
    /// Events could not be read.
    EventsNotRead {
        /// What the API server said.
        said: String,
    },
    /// The API server gives a workload no pod.
    NotCreated(Refused),
    /// The API server refused a workload's pod, and whether it has one by now is not known.
    RefusedOnce(Refused),
    /// Pods wait, and what for stands in events, which could not be read.
    WaitUnknown {
        /// How many pods.
        count: usize,
        /// What the API server said.
        said: String,
    },
    /// Pods have waited longer than events live, and nothing else tells what for.
    WaitUnheard {
        /// How many pods.
        count: usize,
        /// One of them.
        pod: String,
        /// Its namespace.
        namespace: String,
    },
    /// There is no pod at all where was looked.
    NonePresent {
        /// The namespace; nothing where all were asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
    },
    /// The same of pods beside those that are known to wait for an image.
    OthersUnheard {
        /// How many pods.
        count: usize,
    },
    /// The pods must never pull, and their nodes do not have the image.
    NeverPulled {
        /// How many pods.
        count: usize,
        /// The image.
        image: String,
        /// The nodes, the first few.
        nodes: String,
        /// One of their workloads.
        workload: String,
        /// Its namespace.
        namespace: String,
    },
    /// The node can pull the image now, and pods there still wait for it.
    PullsNow {
        /// The nodes.
        nodes: String,
        /// How many pods wait there.
        count: usize,
        /// The namespace of one of them.
        namespace: String,
        /// The names of some in that namespace, where something makes new ones in their place.
        #[serde(skip_serializing_if = "Option::is_none")]
        pods: Option<Vec<String>>,
        /// How many others there are.
        #[serde(skip_serializing_if = "Option::is_none")]
        others: Option<usize>,
        /// How long the kubelet waits at most until it tries again.
        #[serde(skip_serializing_if = "Option::is_none")]
        within: Option<String>,
        /// What the kubelet last said of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// The pods name a pull secret that their namespace does not have.
    PullsecretMissing {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
        /// A secret of the namespace that would fit.
        #[serde(skip_serializing_if = "Option::is_none")]
        fits: Option<String>,
    },
    /// A pull secret for the image is there, and the pods do not name it.
    PullsecretNotAttached {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
        /// Their service account.
        account: String,
    },
    /// The kubelet ignores a secret of that type.
    PullsecretWrongType {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
        /// Its type.
        kind: String,
    },
    /// The kubelet cannot decode the secret, and does not pull.
    PullsecretMalformed {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
        /// What is wrong with it.
        said: String,
    },
    /// The secret is of the right type and has no credentials.
    PullsecretHoldsNothing {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
    },
    /// No key of the secret matches the image.
    PullsecretServerMismatch {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
        /// The key that nearly matches, or the first few.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// The registry refuses what the secret holds.
    PullsecretRefused {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
        /// The key of the entry.
        key: String,
    },
    /// The secret holds a token that has expired.
    PullsecretExpired {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
        /// The key of the entry.
        key: String,
    },
    /// The registry refuses what the secret holds, and would serve the image without.
    AnonymousBlockedByBadCreds {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
        /// The key of the entry.
        key: String,
    },
    /// The registry accepts what the secret holds, but not for this repository.
    PullsecretNotForRepository {
        /// The secret, and who names it.
        #[serde(flatten)]
        of: OwnSecret,
        /// The key of the entry.
        key: String,
    },
    /// The kubelet signs in as the pods' service account, whose identity is not known.
    SaTokenAnnotationMissing {
        /// One of their workloads.
        workload: String,
        /// Its namespace.
        namespace: String,
        /// Its service account.
        account: String,
        /// The first annotation that is missing.
        annotation: String,
        /// All that the node needs.
        needs: Vec<String>,
    },
    /// The kubelet signs in as the pods' service account. Whether Azure accepts that was not seen.
    FederationNotSeen {
        /// One of their workloads.
        workload: String,
        /// Its namespace.
        namespace: String,
        /// Its service account.
        account: String,
        /// Its name in a token.
        subject: String,
        /// Whom the token is for.
        #[serde(skip_serializing_if = "Option::is_none")]
        audience: Option<String>,
        /// The identity that it names, where a federated credential has to connect the two.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
        /// The identity that it or its node names, where an identity binding has to.
        #[serde(skip_serializing_if = "Option::is_none")]
        bound: Option<String>,
    },
    /// A pull secret of the pods gets the image, which their node's identity does not.
    SecretAccepted {
        /// One of their workloads.
        workload: String,
        /// Its namespace.
        namespace: String,
        /// The secret.
        secret: String,
        /// One of the pods.
        pod: String,
    },
    /// The pods have another image than the template of their workload names.
    ImageRewritten {
        /// One of their workloads.
        workload: String,
        /// Its namespace.
        namespace: String,
        /// The image of the template.
        template: String,
        /// The image of the pods.
        image: String,
    },
    /// Admission refuses a workload that manifests describe, or its pod.
    AdmissionRefuses {
        /// The kind and name of the workload.
        object: String,
        /// Which of the two.
        tried: Tried,
        /// The namespace.
        namespace: String,
        /// The policy or webhook.
        by: String,
        /// Where the manifests name its images.
        at: String,
        /// What the API server said.
        said: String,
    },
    /// Admission puts another image into a pod that manifests describe.
    AdmissionRewrites(Rewritten),
    /// Whether admission takes a workload or its pod was not seen.
    AdmissionNotTried(DryRun),
    /// The pull policy of a pod that manifests describe is Never.
    ManifestNeverPulls(NamedBy),
    /// The pods that manifests describe present pull secrets of their own, which were not tried.
    ManifestSecretsNotTried(NamedBy),
    /// A pull secret that pods of manifests name is neither there nor among the manifests.
    ManifestSecretMissing(OwnSecret),
    /// The nodes do not get the image, and a pull secret of pods of manifests does.
    ManifestSecretAccepted(OwnSecret),
    /// Whether the service account of pods of manifests adds pull secrets is not known.
    ManifestAccountNotRead(OfAccount),
    /// The service account of pods of manifests is neither there nor among the manifests.
    ManifestAccountMissing(OfAccount),
    /// What manifests name may be no image.
    ManifestImageUncertain(NamedBy),
    /// Manifests have values behind a key `image` that are none.
    ManifestValuesNotChecked(NamedBy),
    /// The pull policy is Never, and the kubelet keeps an image that is there from these pods.
    CachedImageWithheld {
        /// The image on the node.
        #[serde(flatten)]
        held: HeldImage,
        /// The image.
        image: String,
    },
    /// The pull policy is Never, and by the files of the kubelet the pods may use the image that it has.
    NeverPulledUnclear {
        /// The image on the node.
        #[serde(flatten)]
        held: HeldImage,
    },
    /// The node has the image, and the kubelet pulls it all the same, to see whether these pods may.
    CachedImageChecked {
        /// The image on the node.
        #[serde(flatten)]
        held: HeldImage,
    },
    /// The node has the image, and the pull policy asks the registry all the same.
    PulledThoughPresent {
        /// How many pods.
        count: usize,
        /// The nodes.
        nodes: String,
        /// One of the workloads.
        workload: String,
        /// Its namespace.
        namespace: String,
    },
    /// The kubelet itself limits how fast it begins pulls.
    KubeletPullQps {
        /// The nodes.
        nodes: String,
        /// One of them.
        node: String,
        /// How many pods wait there.
        count: usize,
    },
    /// A pull of the kubelet has not ended, and the node can pull the image.
    PullHangs {
        /// The nodes.
        nodes: String,
        /// One of them.
        node: String,
        /// How many pods wait there.
        count: usize,
        /// What its rate makes of the bytes that it is missing, where they should be there by now.
        #[serde(flatten)]
        pace: Option<Pace>,
    },
    /// At the rate that the node measures, the missing bytes take longer than the pull has so far.
    PullSlow(SlowPull),
    /// The same, and the runtime ended the pull.
    PullCutOff(SlowPull),
    /// The runtime's policy refuses the signature of the image.
    SignatureRefused {
        /// The nodes.
        nodes: String,
        /// One of them.
        node: String,
        /// How many pods wait there.
        count: usize,
        /// What the runtime says.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// The pods present pull secrets of their own, which the node did not.
    SecretsNotTried(NotTried),
    /// No node was looked from on which pods with this image run.
    RunningNotLooked {
        /// How many pods.
        count: usize,
        /// The nodes, the first few.
        nodes: String,
        /// One of them.
        node: String,
    },
    /// Pods wait on nodes that were not looked from.
    NotLooked {
        /// How many pods.
        count: usize,
        /// The nodes, the first few.
        nodes: String,
        /// One of them.
        node: String,
        /// What the kubelet says, which is no more than a suspicion.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// What its words fit.
        #[serde(skip_serializing_if = "Option::is_none")]
        suspects: Option<String>,
    },
    /// More workloads wait for the image than were compared.
    NotAllCompared {
        /// How many pods the others have, each unlike those that were.
        count: usize,
    },
}

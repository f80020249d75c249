//! The report's own texts: all texts that do not belong to a finding.

use checks::kit::{engine::Severity, messages::Lang};

/// Declares the texts, English and Korean side by side.
macro_rules! phrases {
    ($($Name:ident $name:literal $en:literal $ko:literal)+) => {
        /// A text of the report.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Phrase {
            $(#[doc = $en] $Name,)+
        }

        impl Phrase {
            /// Every text.
            const ALL: &[Phrase] = &[$(Phrase::$Name,)+];

            /// Returns the text with that name. The catalogue uses such names for the person who
            /// applies a fix.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Phrase::$Name),)+
                    _ => None,
                }
            }

            /// Returns the text in that language, with its placeholders unfilled.
            pub(crate) fn text(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $((Phrase::$Name, Lang::En) => $en, (Phrase::$Name, Lang::Ko) => $ko,)+
                }
            }
        }
    };
}

phrases! {
    From "from" "from {from}" "실행 위치: {from}"
    AssumedTag "assumed-tag" "no tag was given: {tag} is assumed" "지정한 태그가 없어 기본 태그를 사용함: {tag}"
    Here "here" "this machine" "이 컴퓨터"
    ClusterApi "cluster-api" "the cluster's API" "클러스터 API"
    CreatedAndDeleted "created-and-deleted" "Jobs in namespace {namespace} of {cluster}: {created} created, {deleted} deleted; requests to its API: {requests}" "클러스터 {cluster}, 네임스페이스 {namespace}: 만든 Job {created}개, 삭제한 Job {deleted}개, 클러스터 API 요청 {requests}건"
    InLab "in-lab" "the built-in lab, scenario {name}: nothing real is asked" "내장 가상 환경, 시나리오 {name}: 실제 서버에는 요청하지 않음"
    AksCanPull "aks-can-pull" "Your cluster can pull images from {registry}! Proven with {asked} from nodes: {nodes}" "클러스터에서 {registry} 이미지를 끌어올 수 있습니다! 확인한 이미지: {asked}, 노드: {nodes}"
    AksCanSignIn "aks-can-sign-in" "Your cluster can sign in to {registry}. No image was named, so no pull was tried; name one with --acr." "클러스터에서 로그인할 수 있습니다: {registry}. 이미지를 지정하지 않아 끌어오기는 확인하지 않았습니다. --acr에 이미지를 지정합니다."
    AksCannotPull "aks-cannot-pull" "Your cluster cannot pull images from {registry}." "클러스터에서 이미지를 끌어올 수 없습니다: {registry}"
    AksCannotSignIn "aks-cannot-sign-in" "Your cluster cannot sign in to {registry}." "클러스터에서 로그인할 수 없습니다: {registry}"
    AksCouldNotTell "aks-could-not-tell" "It could not be determined whether your cluster can pull images from {registry}." "클러스터에서 이미지를 끌어올 수 있는지 판단하지 못했습니다: {registry}"
    ControlPlane "control-plane" "Azure's control plane" "Azure 컨트롤 플레인"
    ControlPlaneAs "control-plane-as" "Azure's control plane, as {who}" "Azure, 로그인: {who}"
    As "as" "as {who}" "로그인: {who}"
    StillWaiting "still-waiting" "still waiting ({left} s left): {why}" "대기 중({left}초 남음). {why}"
    WaitingCannotHelp "waiting-cannot-help" "waiting does not help: {why}" "기다려도 해결되지 않음. {why}"
    Error "error" "error" "오류"
    Warning "warning" "warning" "경고"
    CouldNotTell "could-not-tell" "could not tell" "판단 불가"
    Labelled "labelled" "{label}: {title}" "[{label}] {title}"
    Skip "skip" "skipped" "건너뜀"
    Hint "hint" "hint" "참고"
    Why "why" "why" "이유"
    Check "check" "check" "확인"
    Fix "fix" "fix" "조치"
    Verify "verify" "verify" "검증"
    VerifiesBoth "verifies-both" "The command that verifies this checks {image}, which cause {numbers} stops too: it may pass only once both are fixed." "검증 명령이 확인하는 이미지({image})에는 다른 원인(번호: {numbers})도 있어, 모두 해결해야 통과할 수 있습니다."
    Undo "undo" "undo" "되돌림"
    Takes "takes" "; effective {time}" ", 적용: {time}"
    More "more" "more" "더보기"
    Do "do" "do" "할 일"
    Others "others" " · other ways: -v" " · 다른 방법: -v"
    OthersAndUndo "others-and-undo" " · others and undo: -v" " · 다른 방법과 되돌리기: -v"
    OnlyUndo "only-undo" " · undo: -v" " · 되돌리기: -v"
    AtAnyAz "at-any-az" "with az" "az로"
    AtAz "at-az" "with az in the selected subscription" "az의 현재 구독에서"
    AtKubectl "at-kubectl" "with kubectl" "kubectl로"
    AtAzAndKubectl "at-az-and-kubectl" "with az and kubectl" "az와 kubectl로"
    AtNode "at-node" "on the node, as root" "노드에서 root로"
    AtHere "at-here" "here" "이 컴퓨터에서"
    Failed "failed" "{count} failed" "실패 {count}"
    Passed "passed" "{count} passed" "통과 {count}"
    Skipped "skipped" "{count} skipped" "건너뜀 {count}"
    NotRun "not-run" "{count} not run" "미실행 {count}"
    Docs "docs" "docs" "문서"
    OrError "or-error" "{severity} or error" "{severity} 또는 오류"
    Braces "braces" "What stands in braces is filled in by a run." "중괄호 안의 값은 실행할 때 채워집니다."
    Assumed "assumed" "{platform} (this machine's; see --platform)" "{platform}(이 컴퓨터 기준, --platform 참고)"
    Mode "mode" "mode" "유형"
    Kubelet "kubelet" "kubelet" "이벤트"
    Try "try" "try" "실습"
    Explains "explains" "explains" "증상"
    Correlation "correlation" "correlation id {id}" "상관관계 ID: {id}"
    Because "because" "follows from {code}" "원인: {code}"
    SoFails "so-fails" "{code} (so fails: {steps})" "{code}(이 때문에 실패: {steps})"
    Waits "waits" "not run (needs {by})" "미실행({by} 필요)"
    Node "node" "node" "노드 담당자"
    Network "network" "network" "네트워크 담당자"
    ClusterAdmin "cluster-admin" "cluster admin" "클러스터 관리자"
    RegistryOwner "registry-owner" "registry owner" "레지스트리 소유자"
    IdentityAdmin "identity-admin" "identity admin" "ID 관리자"
    Developer "developer" "developer" "개발자"
    RefRefused "ref-refused" "{asked}: {why}" "{why}({asked})"
    RefMeant "ref-meant" "{asked}: {why}; did you mean {meant}?" "{why}({asked}). 의도한 것으로 보이는 이미지: {meant}"
    CanPull "can-pull" "can pull {asked} ({platform}): {proof}" "끌어올 수 있음: {asked}({platform}), {proof}"
    CanSignIn "can-sign-in" "can sign in to {registry}; no image was named, so nothing was pulled" "로그인할 수 있음: {registry}. 이미지를 지정하지 않아 끌어오기는 확인하지 않음"
    CannotPull "cannot-pull" "cannot pull {asked} ({platform}): {why}" "끌어올 수 없음: {asked}({platform}). {why}"
    CannotSignIn "cannot-sign-in" "cannot sign in to {asked}: {why}" "로그인할 수 없음: {asked}. {why}"
    VerdictCouldNotTell "verdict-could-not-tell" "could not tell whether {asked} can be pulled: {why}" "판단 불가: {asked}. {why}"
    SignInCouldNotTell "sign-in-could-not-tell" "could not tell whether signing in to {asked} works: {why}" "로그인 판단 불가: {asked}. {why}"
    CutShort "cut-short" "could not tell: the recording ends before the run did, during {step}" "판단 불가: 기록이 도중에 끊김. 진행 중이던 단계: {step}"
    NothingAsked "nothing-asked" "could not tell: nothing was asked, or the recording ends before anything was" "판단 불가: 요청한 것이 없거나, 기록이 그 전에 끊김"
    NotAllAsked "not-all-asked" "could not tell: what was asked passed, but the image was not pulled" "판단 불가: 요청한 단계는 통과했지만 이미지를 끌어오지는 않음"
    Explain "explain" "{called} explain {code}" "{called} explain {code}"
    Steps "steps" "steps" "단계"
    Codes "codes" "codes" "코드"
    Settled "settled" "settled: {count} of {all} known failure modes" "판별 가능: 알려진 실패 유형 {all}개 중 {count}개"
    Alike "alike" "like" "유사 유형"
    NotYetThis "not-yet-this" "none yet" "아직 없음"
    NotYet "not-yet" "not yet: {count}" "아직 판별 불가: {count}개"
    SeenFrom "seen-from" "seen from {from}" "확인한 위치: {from}"
    Separates "separates" "only there: {attribute} {failing} (where it can be pulled: {passing})" "여기에만 해당: {attribute} {failing}(끌어올 수 있는 곳: {passing})"
    SideBySide "side-by-side" "side by side: {places}" "나란히 비교: {places}"
    FirstDifference "first-difference" "← the first difference" "← 첫 차이"
    AndMore "and-more" "{list} and {count} more" "{list} 외 {count}곳"
    ViewsPass "views-pass" "{count} of {all} passed: {from}" "{all}곳 중 {count}곳 통과: {from}"
    SomeCannotPull "some-cannot-pull" "{count} of {all} {what}{which} cannot pull: {why}" "{what} {all}곳 중 {count}곳에서 끌어올 수 없음{which}. {why}"
    SomeCannotPullEach "some-cannot-pull-each" "{count} of {all} {what}{which} cannot pull; causes: {causes}, the first: {why}" "{what} {all}곳 중 {count}곳에서 끌어올 수 없음{which}. 원인 {causes}개 중 첫째: {why}"
    SomeCannotSignIn "some-cannot-sign-in" "{count} of {all} {what}{which} cannot sign in to {registry}: {why}" "{what} {all}곳 중 {count}곳에서 {registry} 로그인 불가{which}. {why}"
    SomeCouldNotTell "some-could-not-tell" "could not tell for {count} of {all} {what}{which}: {why}" "{what} {all}곳 중 {count}곳 판단 불가{which}. {why}"
    AllCanPull "all-can-pull" "each of the {all} {what} checked can pull" "확인한 {what} {all}곳 모두 끌어올 수 있음"
    AllCanSignIn "all-can-sign-in" "each of the {all} {what} checked can sign in to {registry}; no image was named, so nothing was pulled" "확인한 {what} {all}곳 모두 로그인 가능: {registry}. 이미지를 지정하지 않아 끌어오기는 확인하지 않음"
    Nodes "nodes" "nodes" "노드"
    Says "says" "it says" "내용"
    Deleted "deleted" "deleted {job}" "삭제함: {job}"
    WouldDelete "would-delete" "would delete {job}" "삭제 예정: {job}"
    NothingLeft "nothing-left" "nothing of check-acr is there" "check-acr가 남긴 것이 없음"
    CleanupTooLong "cleanup-too-long" "the cluster did not answer for all Jobs within five minutes; run it again" "클러스터가 5분 안에 모든 Job에 응답하지 않았습니다. 다시 실행합니다."
    JobsNotListed "jobs-not-listed" "the Jobs could not be listed: {said}" "Job 목록을 가져오지 못함: {said}"
    JobGoesOn "job-goes-on" "{job} is of a run that goes on, or goes by itself" "아직 실행 중이거나 곧 저절로 삭제되는 Job: {job}"
    ClusterNotAsked "cluster-not-asked" "the cluster was not asked" "클러스터에 요청하지 않음"
    Image "image" "image" "이미지"
    HowFar "how-far" "how far" "진행"
    Host "host" "host" "호스트"
    Status "status" "HTTP" "HTTP"
    SignedInWith "signed-in-with" "signed in" "로그인"
    Words "words" "words" "근거"
    WordsOf "words-of" "“{words}”, as {writer} writes it" "“{words}”(작성: {writer})"
    Suspects "suspects" "could not tell from the words alone; they fit each of these, the likeliest first:" "메시지만으로는 판단할 수 없습니다. 아래 유형에서 같은 메시지가 나오며, 가능성이 높은 순서입니다."
    OneSuspect "one-suspect" "could not tell from the words alone; they fit this:" "메시지만으로는 판단할 수 없습니다. 아래 유형에서 이런 메시지가 나옵니다."
    NoPull "no-pull" "these words are not of a failed pull: the node has the image; kubectl describe pod (Last State) and kubectl logs --previous show why the container ended" "이미지 끌어오기 실패 메시지가 아닙니다. 이미지는 이미 노드에 있습니다. 컨테이너가 종료된 이유는 kubectl describe pod와 kubectl logs --previous로 확인합니다."
    EarlierEvent "earlier-event" "could not tell: this says only that a pull failed; an earlier event of the pod (kubectl describe pod) says why" "판단 불가: 끌어오기가 실패했다는 내용뿐입니다. 이유는 Pod의 이전 이벤트에 있습니다(kubectl describe pod)."
    NoSuspect "no-suspect" "could not tell: these words are not known" "판단 불가: 알려진 메시지가 아님"
    Settle "settle" "settle it" "판별"
    NothingRuns "nothing-runs" "no pod runs, so no image was tried; looked at: {asked}, pods: {pods}" "실행 중인 Pod가 없어 확인한 이미지가 없음: {asked}, 확인한 Pod {pods}개"
    NothingWaits "nothing-waits" "no pod waits for an image; looked at: {asked}, pods: {pods}" "이미지를 기다리는 Pod가 없음: {asked}, 확인한 Pod {pods}개"
    PodsCouldNotTell "pods-could-not-tell" "could not tell which pods wait for an image ({asked}): {why}" "이미지를 기다리는 Pod 판단 불가({asked}). {why}"
    NamedAt "named-at" "named at {places}" "지정한 곳: {places}"
    Waiting "waiting" "pods that wait for an image: {pods}; causes: {causes} ({asked})" "이미지를 기다리는 Pod {pods}개, 원인 {causes}건({asked})"
    RunningImages "running-images" "images of running pods: {pods}; can be pulled today: {can}; causes why others cannot: {causes} ({asked})" "실행 중인 Pod의 이미지 {pods}개, 지금 끌어올 수 있는 이미지 {can}개, 끌어올 수 없는 원인 {causes}건({asked})"
    WaitingOpen "waiting-open" "; could not tell for: {pods}" ", 판단 불가 {pods}개"
    WaitingSlowly "waiting-slowly" "; pulled slowly: {pods}" ", 느리게 끌어오는 것 {pods}개"
    WaitingGone "waiting-gone" "; can be pulled by now: {pods}" ", 이제 끌어올 수 있는 것 {pods}개"
    Pods "pods" "pods" "Pod"
    AndAlike "and-alike" " and {pods} pods like it" " 외 같은 Pod {pods}개"
    PodsOnNodes "pods-on-nodes" "{pods} on {nodes} node(s)" "노드 {nodes}개에 {pods}개"
    LookedFrom "looked-from" "seen from" "확인한 곳"
    KubeletSays "kubelet-says" "kubelet" "kubelet"
    MayBe "may-be" "may be" "가능 유형"
    MayBeOneOf "may-be-one-of" "{list} (the kubelet says the same for each of these; {called} explain NAME)" "{list}(kubelet은 이 유형 모두에 같은 메시지를 표시함, 설명: {called} explain NAME)"
    Presents "presents" "presents" "자격 증명"
    CredentialAccepted "credential-accepted" "presented; the registry gives the image" "제시함, 레지스트리가 이미지를 제공함"
    CredentialRefused "credential-refused" "presented; the registry refuses it" "제시함, 레지스트리가 거부함"
    CredentialExpired "credential-expired" "presented; the registry refuses it, its token has expired" "제시함, 토큰이 만료되어 레지스트리가 거부함"
    CredentialNotNeeded "credential-not-needed" "presented; the registry refuses it and serves the image without" "제시함, 레지스트리가 거부하지만 자격 증명 없이는 이미지를 제공함"
    CredentialElsewhere "credential-elsewhere" "presented; the registry accepts it, but not for this repository" "제시함, 레지스트리가 받아들이지만 이 리포지토리에는 권한이 없음"
    CredentialNotTried "credential-not-tried" "presented; what the registry answers was not seen" "제시함, 레지스트리의 응답은 확인하지 못함"
    CredentialGets "credential-gets" "gets the image" "이미지를 끌어올 수 있음"
    CredentialNotSeen "credential-not-seen" "what the registry answers was not seen" "레지스트리의 응답은 확인하지 못함"
    CredentialInVain "credential-in-vain" "does not get the image" "이미지를 끌어올 수 없음"
    Anonymous "anonymous" "anonymous" "익명"
    AnonymousLast "anonymous-last" "the last that Azure's credential provider gives out" "Azure 자격 증명 공급자가 마지막으로 내줌"
    AnonymousPassedOver "anonymous-passed-over" "the kubelet does not try it: it has credentials" "kubelet에 자격 증명이 있어 시도하지 않음"
    AnonymousServed "anonymous-served" "the registry gives the image" "레지스트리가 이미지를 제공함"
    AnonymousRefused "anonymous-refused" "the registry refuses it" "레지스트리가 거부함"
    CredentialMissing "credential-missing" "not presented: there is no such secret" "제시하지 않음(비밀이 없음)"
    CredentialWrongType "credential-wrong-type" "not presented: its type is none of a pull secret" "제시하지 않음(이미지 끌어오기 비밀의 형식이 아님)"
    CredentialMalformed "credential-malformed" "cannot be decoded, which ends the pull" "해독할 수 없어 끌어오기가 실패함"
    CredentialEmpty "credential-empty" "not presented: it holds no credentials" "제시하지 않음(자격 증명이 없음)"
    CredentialNoMatch "credential-no-match" "not presented: none of its keys is for this image" "제시하지 않음(이 이미지에 맞는 키가 없음)"
    CredentialNotRead "credential-not-read" "not known: it was not read" "알 수 없음(읽지 못함)"
    OnNode "on-node" "on node" "노드"
    HeldBy "held-by" "{node} has the image already; pull policy {policy}" "이미지가 이미 있는 노드: {node}, 끌어오기 정책: {policy}"
    InTemplate "in-template" "template" "템플릿"
    Proof "proof" "proof" "근거"
    AndOthers "and-others" "{list} and {count} more" "{list} 외 {count}개"
    WhereThePodRuns "where-the-pod-runs" "check the image from the nodes, where the pod runs; `{called} why` starts from the pods" "Pod가 실행되는 노드에서 이미지를 확인합니다. Pod에서 시작하려면 `{called} why`를 실행합니다."
    Vantages "vantages" "vantages" "위치"
}

impl Phrase {
    /// Returns the label of a severity.
    pub(crate) fn of(severity: Severity) -> Self {
        match severity {
            Severity::Error => Phrase::Error,
            Severity::Warning => Phrase::Warning,
            Severity::CouldNotTell => Phrase::CouldNotTell,
            Severity::Skip => Phrase::Skip,
            Severity::Hint => Phrase::Hint,
        }
    }
}

/// Returns all texts of the report in that language, with their placeholders unfilled.
pub fn phrases(lang: Lang) -> Vec<&'static str> {
    Phrase::ALL.iter().map(|phrase| phrase.text(lang)).collect()
}

impl Phrase {
    /// Returns the text with its placeholders filled.
    pub(crate) fn say(self, lang: Lang, values: &[(&str, &str)]) -> String {
        values.iter().fold(self.text(lang).to_owned(), |said, (name, value)| {
            said.replace(&format!("{{{name}}}"), value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_placeholders() {
        let placeholders = |text: &str| {
            let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
            let mut names: Vec<String> = parts.map(|(name, _)| name.to_owned()).collect();
            names.sort();
            names
        };
        for phrase in Phrase::ALL {
            let (en, ko) = (phrase.text(Lang::En), phrase.text(Lang::Ko));
            assert_eq!(placeholders(en), placeholders(ko), "{en}");
        }
    }
}

#!/usr/bin/env bash
# Puts `check-acr node` and `check-acr why` to the proof against a real Kubernetes.
#
#   tests/real/cluster.sh PROGRAM [CASE…]
#
# PROGRAM is a static build of check-acr: it is carried to the nodes. KUBECONFIG names the cluster, as
# an administrator. The API's cases run on any cluster, with REF, an image that its nodes can pull. The
# nodes' cases need CLUSTER, the path of a script that starts a cluster of several nodes on this
# machine; else they are listed as not run. PLAIN=1: REF's registry speaks HTTP.
set -uo pipefail
program=$(realpath "${1:?a static build of check-acr}"); shift
[ -x "$program" ] || { echo "$program is not there" >&2; exit 2; }
here=$(mktemp -d); namespace=check-acr-real-$$
failed=0 passed=0
asked=(${PLAIN:+--plain-http})
trap 'finish' EXIT

finish() {
  kubectl delete namespace "$namespace" "$namespace-restricted" --wait=false >/dev/null 2>&1
  kubectl delete clusterrole,clusterrolebinding -l check-acr-real=$$ >/dev/null 2>&1
  [ -z "${registry_pid:-}" ] || kill "$registry_pid" 2>/dev/null
  rm -rf "$here"
}
say() { printf '%s\n' "$*"; }
ok() { passed=$((passed + 1)); say "ok    $1"; }
wrong() { failed=$((failed + 1)); say "WRONG $1"; sed 's/^/      /' "$here/out" "$here/err" 2>/dev/null | tail -40; }
# look CASE EXIT CODE ARGS…: the exit code, and the code of a finding (or -) that must be named.
look() {
  local name=$1 exit=$2 code=$3; shift 3
  "$program" node -o "json=$here/json" -o text "$@" "${asked[@]}" "$REF" >"$here/out" 2>"$here/err"
  local got=$?
  local codes; codes=$(jq -r '.targets[].verdict | (.causes + .could_not_tell + .warnings)[].code' "$here/json" | sort -u | tr '\n' ' ')
  if [ $got = "$exit" ] && { [ "$code" = - ] || [[ " $codes" == *" $code "* ]]; }; then ok "$name"; else wrong "$name: exit $got, $codes"; fi
}
nothing_left() {
  local left; left=$(kubectl get jobs,configmaps,pods -n "$namespace" -l app.kubernetes.io/name=check-acr -o name 2>/dev/null)
  [ -z "$left" ]
}
# user NAME: a service account of the namespace and a kubeconfig for it.
user() {
  kubectl create serviceaccount "$1" -n "$namespace" >/dev/null
  local token; token=$(kubectl create token "$1" -n "$namespace")
  kubectl config view --raw --minify --flatten -o json |
    jq --arg t "$token" --arg n "$namespace" --arg u "$1" '.users = [{name: $u, user: {token: $t}}] | .contexts[0].context.user = $u | .contexts[0].context.namespace = $n' >"$here/$1.json"
}

case_healthy() {
  look "healthy, carried" 0 - -n "$namespace" --all-nodes
  nothing_left || sleep 3
  nothing_left && ok "nothing is left" || wrong "something is left"
}
case_pod_security() {
  kubectl create namespace "$namespace-restricted" >/dev/null
  kubectl label namespace "$namespace-restricted" pod-security.kubernetes.io/enforce=restricted >/dev/null
  look "Pod Security refuses" 3 job/pod-security -n "$namespace-restricted"
  look "Pod Security lets pods with a network of their own in" 0 job/pods-only -n "$namespace-restricted" --pod-network
}
case_no_rights() {
  user nobody
  look "no permissions" 3 kubernetes/rights-missing --kubeconfig "$here/nobody.json"
}
case_rbac() {
  user dev
  "$program" rbac -n "$namespace" --for-service-account dev >"$here/rbac.yaml"
  kubectl apply -f "$here/rbac.yaml" >/dev/null || wrong "the printed roles do not apply"
  kubectl label clusterrole/check-acr-nodes "clusterrolebinding/check-acr-nodes-$namespace" check-acr-real=$$ >/dev/null
  look "the printed permissions suffice" 0 - --kubeconfig "$here/dev.json"
  kubectl get role check-acr -n "$namespace" -o json | jq 'del(.rules[] | select(.resources == ["jobs"])) | .rules += [{apiGroups: ["batch"], resources: ["jobs"], verbs: ["delete"]}]' | kubectl apply -f - >/dev/null
  look "one verb less is named" 3 kubernetes/rights-missing --kubeconfig "$here/dev.json"
  grep -q 'create jobs.batch' "$here/out" && ok "and it is the right one" || wrong "another verb is named"
  kubectl apply -f "$here/rbac.yaml" >/dev/null
  kubectl get role check-acr -n "$namespace" -o json | jq 'del(.rules[] | select(.resources == ["events"]))' | kubectl apply -f - >/dev/null
  look "a verb that is not vital is a warning" 0 kubernetes/rights-lost --kubeconfig "$here/dev.json"
}
case_wrong_credentials() {
  jq '.users[0].user.token = "not-a-token"' "$here/nobody.json" >"$here/wrong.json" 2>/dev/null || { user nobody2; jq '.users[0].user.token = "not-a-token"' "$here/nobody2.json" >"$here/wrong.json"; }
  look "401" 3 kubernetes/unauthorized --kubeconfig "$here/wrong.json"
  look "no such context" 3 kubeconfig/context-not-found --context nowhere
  look "no such namespace" 3 job/namespace-missing -n nowhere
}
case_interrupted() {
  "$program" node -n "$namespace" "${asked[@]}" "$REF" >"$here/out" 2>"$here/err" & local pid=$!
  until kubectl get jobs -n "$namespace" -l app.kubernetes.io/name=check-acr -o name 2>/dev/null | grep -q . || ! kill -0 $pid 2>/dev/null; do :; done
  kill -INT $pid 2>/dev/null; wait $pid; local got=$?
  sleep 3
  nothing_left && ok "Ctrl-C deletes what was created (exit $got)" || wrong "Ctrl-C leaves something"
}
# killed_at WHAT RESOURCE COUNT: a run that is killed as soon as so many of these are there.
killed_at() {
  local before; before=$(kubectl get "$2" -n "$namespace" -l app.kubernetes.io/name=check-acr -o name 2>/dev/null | wc -l)
  "$program" node -n "$namespace" "${asked[@]}" "$REF" >/dev/null 2>&1 & local pid=$!
  until [ "$(kubectl get "$2" -n "$namespace" -l app.kubernetes.io/name=check-acr -o name 2>/dev/null | wc -l)" -ge $((before + $3)) ] || ! kill -0 $pid 2>/dev/null; do :; done
  if kill -9 $pid 2>/dev/null; then say "      killed with $1"; else say "      (it had ended before it was killed with $1)"; fi
  wait $pid 2>/dev/null
}
case_killed() {
  killed_at "its first Job" jobs 1
  killed_at "its first ConfigMap" configmaps 1
  killed_at "a later ConfigMap" configmaps 4
  killed_at "the Job of a node" jobs 2
  killed_at "a pod" pods 1
  if nothing_left; then wrong "every run had ended before it was killed"; fi
  look "a second run is not disturbed by what others left" 0 - -n "$namespace"
  local second=0; until nothing_left || [ $second -ge 600 ]; do sleep 5; second=$((second + 5)); done
  nothing_left && ok "killed: nothing is left after $second s" || wrong "killed: something is left"
}

# The nodes' cases, on a cluster that was started here.
node() { "$CLUSTER" node -n "$@"; }
pulls() {  # pulls NODE: whether the node's kubelet pulls the image, as a pod there says
  kubectl run "pull-$1-$RANDOM" -n "$namespace" --image "$REF" --image-pull-policy Always --restart Never \
    --overrides "{\"spec\":{\"nodeName\":\"$1\"}}" -o name >"$here/pod" || return 2
  local pod; pod=$(cat "$here/pod") ; local said
  for _ in $(seq 60); do
    said=$(kubectl get -n "$namespace" "$pod" -o json | jq -r '.status.containerStatuses[0].state | (.waiting.reason? // (keys? | .[0])) // ""')
    case ${said:-} in
      terminated | running | CrashLoopBackOff | StartError | RunContainerError) kubectl delete -n "$namespace" "$pod" --wait=false >/dev/null; return 0 ;;
      ErrImagePull | ImagePullBackOff) kubectl delete -n "$namespace" "$pod" --wait=false >/dev/null; return 1 ;;
    esac
    sleep 1
  done
  return 2
}
case_one_cut_off() {
  local last; last=$(kubectl get nodes -o name | tail -1); last=${last#node/}
  node "$last" nft -f - <<NFT
table inet cut { chain out { type filter hook output priority 0; ip daddr ${REF%%:*} tcp dport 5000 drop; }; }
NFT
  look "one node of three is cut off" 1 tcp/tcp-egress-blocked -n "$namespace" --all-nodes
  grep -q '^1 of 3 nodes' "$here/out" && ok "1 of 3 nodes" || wrong "the headline does not count"
  look "and by --image" 1 tcp/tcp-egress-blocked -n "$namespace" --all-nodes --image "$AGENT_IMAGE"
  pulls "$last" && wrong "its kubelet pulls nevertheless" || ok "its kubelet does not pull either"
  pulls node-0 && ok "another's does" || wrong "another's does not either"
  node "$last" nft delete table inet cut
}
case_by_image() { look "healthy, by --image" 0 - -n "$namespace" --all-nodes --image "$AGENT_IMAGE"; }
case_live() {
  # What makes it a node of AKS, so that its runtime is looked at.
  local azure=/run/real-cluster/node/etc-kubernetes/azure.json; mkdir -p "${azure%/*}"; echo '{}' >"$azure"
  seen() { jq -r '[.. | objects | select(.name? == "runtime") | .saw.seen] | unique | join(" ")' "$here/json"; }
  look "containerd's environment, in effect" 0 - -n "$namespace" --node node-0 --live
  [ "$(seen)" = in-effect ] && ok "it is seen in effect" || wrong "it is seen as: $(seen)"
  rm "$azure"
}
case_wrong_tag() {
  local good=$REF; REF=${REF%:*}:nowhere
  look "a tag that is not there" 1 manifest/image-tag-not-found -n "$namespace" --all-nodes
  pulls node-0 && wrong "the kubelet pulls it" || ok "the kubelet does not pull it"
  REF=$good
}
case_refused() {
  local last; last=$(kubectl get nodes -o name | tail -1); last=${last#node/}
  node "$last" nft -f - <<NFT
table inet cut { chain out { type filter hook output priority 0; ip daddr ${REF%%:*} tcp dport 5000 reject with tcp reset; }; }
NFT
  look "one node is refused" 1 - -n "$namespace" --all-nodes
  pulls "$last" && wrong "its kubelet pulls nevertheless" || ok "its kubelet does not pull either"
  node "$last" nft delete table inet cut
}
# pod NAME NODE IMAGE [MORE]: a pod of the namespace; MORE is laid over its spec.
pod() {
  local more=${4:-}; [ -n "$more" ] || more='{}'
  jq -n --arg n "$1" --arg o "$2" --arg i "$3" --argjson more "$more" \
    '{apiVersion: "v1", kind: "Pod", metadata: {name: $n, labels: {"check-acr-real": "why"}}, spec: ({nodeName: $o, restartPolicy: "Never", containers: [{name: "app", image: $i, imagePullPolicy: "Always"}]} + $more)}' |
    kubectl create -n "$namespace" -f - >/dev/null
}
# why CASE EXIT CODE PODS ARGS…: the exit code, and a group of that code with so many pods.
why() {
  local name=$1 exit=$2 code=$3 pods=$4; shift 4
  "$program" why -n "$namespace" -o "json=$here/json" -o text "$@" "${asked[@]}" >"$here/out" 2>"$here/err"
  local got=$? groups; groups=$(jq -r '.pods.groups[] | "\(.severity):\(.code)=\(.pods)"' "$here/json" | tr '\n' ' ')
  if [ $got = "$exit" ] && [[ " $groups" == *":$code=$pods "* ]]; then ok "$name"; else wrong "$name: exit $got, $groups"; fi
}
also() { local groups; groups=$(jq -r '.pods.groups[] | "\(.code)=\(.pods)"' "$here/json" | tr '\n' ' '); [[ " $groups" == *" $2=$3 "* ]] && ok "$1" || wrong "$1: $groups"; }
waiting() {  # waiting NUMBER: until so many pods wait for an image, by their status
  for _ in $(seq 120); do
    [ "$(kubectl get pods -n "$namespace" -l check-acr-real=why -o json | jq '[.items[].status | [.containerStatuses[]?, .initContainerStatuses[]?][] | select(.state.waiting.reason // "" | IN("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"))] | length')" -ge "$1" ] && return
    sleep 0.5
  done
  wrong "only some pods wait"
}
case_why() {
  local last host=${REF%%/*}; last=$(kubectl get nodes -o name | tail -1); last=${last#node/}
  "$program" why -n "$namespace" -o "json=$here/json" >"$here/out" 2>"$here/err"
  [ "$?:$(jq -r '.targets[0].verdict.can' "$here/json")" = 0:nothing-waits ] && ok "nothing waits" || wrong "something waits"
  node "$last" nft -f - <<NFT
table inet cut { chain out { type filter hook output priority 0; ip daddr ${REF%%:*} tcp dport 5000 drop; }; }
NFT
  # An index with another processor alone, over the image that there is.
  local accept="Accept: application/vnd.oci.image.manifest.v1+json" type="application/vnd.oci.image.index.v1+json"
  curl -fs -H "$accept" "http://$host/v2/team/app/manifests/v1" >"$here/manifest"
  jq -n --arg t "$type" --arg d "sha256:$(sha256sum "$here/manifest" | cut -d' ' -f1)" --argjson s "$(stat -c %s "$here/manifest")" \
    '{schemaVersion: 2, mediaType: $t, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s, platform: {os: "linux", architecture: "s390x"}}]}' >"$here/index"
  curl -fs -X PUT -H "Content-Type: $type" --data-binary "@$here/index" "http://$host/v2/team/app/manifests/other" || wrong "the image of another processor is not pushed"
  for n in 1 2 3; do pod "tag-$n" node-0 "$host/team/app:nowhere"; done
  pod "cut-1" "$last" "$REF"; pod "cut-2" "$last" "$host/team/app:nowhere"
  pod "other-1" node-0 "$host/team/app:other"
  pod "never-1" node-0 "$host/team/app:none" '{"containers": [{"name": "app", "image": "'"$host"'/team/app:none", "imagePullPolicy": "Never"}]}'
  pod "init-1" node-0 "$REF" '{"initContainers": [{"name": "init", "image": "'"$host"'/team/gone:v1"}]}'
  pod "name-1" node-0 "$host/Team/app:v1"
  waiting 9
  local began; began=$(date +%s%N)
  why "three pods with a missing tag" 1 manifest/image-tag-not-found 3
  say "      the run: $((($(date +%s%N) - began) / 1000000)) ms"
  cp "$here/out" "${KEEP:-$here}/why.txt"
  also "the node that is cut off" tcp/tcp-egress-blocked 2
  also "a repository that is missing, in an init container" manifest/image-tag-not-found 1
  also "the policy never to pull" pod/never-pulled 1
  also "a name in capital letters" image/ref-invalid 1
  also "an image of another processor" manifest/platform-no-match 1
  nothing_left || sleep 3
  nothing_left && ok "nothing is left" || wrong "something is left"
  why "one pod" 1 tcp/tcp-egress-blocked 1 pod/cut-1
  why "by labels" 1 manifest/image-tag-not-found 3 -l check-acr-real=why
  # A quota refuses the pods of a Deployment.
  kubectl create quota none -n "$namespace" --hard=count/pods=0,pods=0 >/dev/null
  kubectl create deployment refused -n "$namespace" --image "$REF" >/dev/null
  for _ in $(seq 60); do kubectl get events -n "$namespace" --field-selector reason=FailedCreate -o name | grep -q . && break; sleep 0.5; done
  why "a workload without a pod" 1 pod/not-created 0 --here
  kubectl delete quota none -n "$namespace" >/dev/null; kubectl delete deployment refused -n "$namespace" >/dev/null
  # The cause is gone; the kubelet still waits.
  node "$last" nft delete table inet cut
  why "the cause is gone" 0 pod/pulls-now 1 pod/cut-1
  user reader
  "$program" rbac why -n "$namespace" --for-service-account reader >"$here/rbac.yaml"
  kubectl apply -f "$here/rbac.yaml" >/dev/null || wrong "the printed roles do not apply"
  kubectl label clusterrole/check-acr-why-nodes "clusterrolebinding/check-acr-why-nodes-$namespace" check-acr-real=$$ >/dev/null
  why "the printed permissions suffice" 1 manifest/image-tag-not-found 4 --kubeconfig "$here/reader.json"
  kubectl delete pods -n "$namespace" -l check-acr-real=why --wait=false >/dev/null
}
case_preflight() {
  kubectl create deployment web --image "$REF" --dry-run=client -o yaml >"$here/web.yaml"
  { echo ---; kubectl create cronjob nightly --image "${REF%:*}:nowhere" --schedule '0 0 * * *' --dry-run=client -o yaml; } >>"$here/web.yaml"
  "$program" why -n "$namespace" -f - -o "json=$here/json" -o text "${asked[@]}" <"$here/web.yaml" >"$here/out" 2>"$here/err"
  local got=$? said; said=$(jq -r '.targets[] | "\(.target.asked) \(.verdict.can) \(.target.named_at[0])"' "$here/json" | sort)
  local lines; lines=$(grep -n "image:" "$here/web.yaml" | cut -d: -f1 | tr '\n' ' ')
  set -- $lines
  [ "$got:$said" = "1:$(printf '%s\n' "${REF%:*}:nowhere no -:$2 (cronjob/nightly)" "$REF pull -:$1 (deployment/web)" | sort)" ] && ok "manifests, from every pool" || wrong "manifests: exit $got, $said"
}
# api METHOD PATH ARGS…: a request without kubectl, which takes a tenth of a second to start.
api() {
  local method=$1 path=$2; shift 2
  curl -sN --cacert "$here/ca.crt" --cert "$here/client.crt" --key "$here/client.key" -X "$method" -H 'Content-Type: application/json' "$@" "$server$path"
}
# empty NAME: how long a Job takes that does nothing, from its creation until its end is seen, in ms.
empty() {
  jq -n --arg n "$1" --arg i "$AGENT_IMAGE" '{apiVersion: "batch/v1", kind: "Job", metadata: {name: $n}, spec: {backoffLimit: 0, template: {spec: {nodeName: "node-0", hostNetwork: true, restartPolicy: "Never",
    containers: [{name: "empty", image: $i, imagePullPolicy: "Never", args: ["--version"], terminationMessagePolicy: "FallbackToLogsOnError"}]}}}}' >"$here/empty"
  coproc seen { api GET "/api/v1/namespaces/$namespace/pods?watch=1&labelSelector=job-name%3D$1"; }
  local from=${seen[0]} watch=$seen_PID began; began=$(date +%s%N)
  api POST "/apis/batch/v1/namespaces/$namespace/jobs" --data-binary "@$here/empty" -o /dev/null
  grep -qm1 '"terminated":' <&"$from"
  echo $((($(date +%s%N) - began) / 1000000))
  kill "$watch" 2>/dev/null
  api DELETE "/apis/batch/v1/namespaces/$namespace/jobs/$1?propagationPolicy=Background" -o /dev/null
}
# Side by side: a Job that does nothing, a run that carries the agent, a run by --image; from the start
# to the end of the program, and from the creation of the node's Job until its result is told.
# A kubelet looks once a second which containers have ended (its PLEG), so how long a Job takes depends on
# where in that second it begins: each way begins at parts of a second that are spread evenly, in steps of
# the golden ratio, which no drift of its clock follows.
case_speed() {
  local i; : >"$here/times"
  kubectl config view --raw --minify --flatten -o json >"$here/config.json"
  server=$(jq -r '.clusters[0].cluster.server' "$here/config.json")
  jq -r '.clusters[0].cluster["certificate-authority-data"]' "$here/config.json" | base64 -d >"$here/ca.crt"
  jq -r '.users[0].user["client-certificate-data"]' "$here/config.json" | base64 -d >"$here/client.crt"
  jq -r '.users[0].user["client-key-data"]' "$here/config.json" | base64 -d >"$here/client.key"
  local runs=${RUNS:-20}
  await() { awk -v i="$1" -v now="$(date +%s.%N)" 'BEGIN { w = i * 0.618034 - now; print w - int(w) + 1 }' | xargs sleep; }
  run() {  # run WAY ARGS…
    local way=$1; shift
    local began; began=$(date +%s%N)
    "$program" node -n "$namespace" --node node-0 -o "events=$here/events" -o json "${asked[@]}" "$REF" "$@" >/dev/null 2>&1
    echo "$way $((($(date +%s%N) - began) / 1000000))" >>"$here/times"
    jq -rs --arg w "$way" 'def at: .at | sub("\\.(?<f>[0-9]{3})[0-9]*Z"; ".\(.f)Z") | capture("^(?<s>.*)\\.(?<f>[0-9]{3})Z$") | (.s + "Z" | fromdate) * 1000 + (.f | tonumber);
      (map(select(.event == "exchanged" and (.request | test("POST /apis/batch/.*/jobs$")))) | last | (at - .took_ms)) as $began
      | (map(select(.event == "exchanged" and (.request | startswith("DELETE ")))) | first | (at - .took_ms)) as $ended | "\($w)-job \($ended - $began)"' "$here/events" >>"$here/times"
  }
  for i in $(seq "$runs"); do
    await "$i"; echo "empty $(empty "empty-$i")" >>"$here/times"
    await "$i"; run carried
    await "$i"; run image --image "$AGENT_IMAGE"
  done
  mean() { awk -v w="$1" '$1 == w { sum += $2; n++ } END { printf "%d", sum / n }' "$here/times"; }
  local empty; empty=$(mean empty)
  [ -z "${KEEP:-}" ] || cp "$here/times" "$KEEP/times"
  say "      an empty Job: $empty ms (the mean of $runs)"
  for i in carried-job image-job carried image; do say "      $i: $(mean $i) ms, $(($(mean $i) * 100 / empty)) %"; done
}

kubectl create namespace "$namespace" >/dev/null || exit 1
if [ -n "${CLUSTER:-}" ]; then
  if [ -z "${REF:-}" ]; then
    mkdir -p "$here/registry"
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "10.250.0.1:5000"}\n' "$here/registry" >"$here/registry.yml"
    docker-registry serve "$here/registry.yml" >"$here/registry.log" 2>&1 & registry_pid=$!
    "$(dirname "$CLUSTER")/image" 10.250.0.1:5000/team/app:v1 "$here/app.tar" --entrypoint /check-acr "$program=/check-acr"
    until curl -fs http://10.250.0.1:5000/v2/ >/dev/null; do sleep 0.2; done
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci-archive:$here/app.tar" docker://10.250.0.1:5000/team/app:v1
    REF=10.250.0.1:5000/team/app:v1
    # Its nodes are not those of AKS, and their kubelets sign in to nothing.
    asked=(--plain-http --identity anonymous)
    for node in $(kubectl get nodes -o jsonpath='{.items[*].metadata.name}'); do
      folder=/run/real-cluster/nodes/$node; [ "$node" != node-0 ] || folder=/run/real-cluster/node
      mkdir -p "$folder/certs.d/10.250.0.1:5000"
      printf 'server = "http://10.250.0.1:5000"\n' >"$folder/certs.d/10.250.0.1:5000/hosts.toml"
      "$CLUSTER" image -n "$node" example.test/check-acr:1 --entrypoint /check-acr "$program=/check-acr" >/dev/null
    done
    AGENT_IMAGE=example.test/check-acr:1
  fi
  nodes="by_image live one_cut_off wrong_tag refused why preflight speed"
else
  say "not run: by_image live one_cut_off wrong_tag refused why preflight speed (they need CLUSTER)"; nodes=
fi
: "${REF:?an image that the nodes can pull}"
for case in ${*:-healthy pod_security no_rights rbac wrong_credentials interrupted $nodes killed}; do "case_$case"; done
say "$passed passed, $failed wrong"
[ $failed = 0 ]

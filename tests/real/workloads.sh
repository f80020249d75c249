#!/usr/bin/env bash
# Puts `check-acr why -A` to the proof: twelve workloads of a real Kubernetes, each broken in another
# way, at once. It looks from a network namespace that cannot reach the registries, and with the
# permissions that `check-acr rbac why` prints and no others.
#
#   tests/real/workloads.sh PROGRAM CLUSTER
#
# PROGRAM is check-acr; if it is not static, its libraries go into the image of the agent. CLUSTER is the
# path of a script that starts a cluster of several nodes on this machine (see README.md). It needs root,
# docker-registry, skopeo, jq, nft, and a python3 with the module crypt. KEEP=DIR keeps the pages.
set -uo pipefail
program=$(realpath "${1:?check-acr}") CLUSTER=$(realpath "${2:?the script of the cluster}")
here=$(mktemp -d) keep=${KEEP:-$here} desk=check-acr-desk-$$ pids=() failed=0 passed=0
host=10.250.0.1
ok() { passed=$((passed + 1)); printf 'ok    %s\n' "$1"; }
wrong() { failed=$((failed + 1)); printf 'WRONG %s\n' "$1"; }
finish() {
  "$CLUSTER" down >/dev/null 2>&1
  [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
  ip netns delete "$desk" 2>/dev/null
  rm -rf "$here"
}
trap finish EXIT

eval "$("$CLUSTER" up)" || exit 1
for node in node-1 node-2; do "$CLUSTER" add-node $node "agentpool=${node#node-}" || exit 1; done

# registry PORT [MORE]: a registry of ours, at the address that every node reaches.
registry() {
  mkdir -p "$here/registry-$1"
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s:%s"}\n%s\n' "$here/registry" $host "$1" "${2:-}" >"$here/registry-$1.yml"
  docker-registry serve "$here/registry-$1.yml" >"$here/registry-$1.log" 2>&1 & pids+=($!)
  until curl -s -o /dev/null http://$host:$1/v2/; do sleep 0.2; done
}
python3 -W ignore -c 'import crypt; print("puller:" + crypt.crypt("canary-password", crypt.mksalt(crypt.METHOD_BLOWFISH)))' >"$here/htpasswd"
registry 5000
registry 5001 "auth: {htpasswd: {realm: real, path: $here/htpasswd}}"
# Takes every connection and never answers.
python3 -c '
import socket, time
server = socket.create_server(("'$host'", 5002)); kept = []
while True: kept.append(server.accept())' & pids+=($!)
libraries=$(ldd "$program" 2>/dev/null | grep -o '/[^ ]*' | sort -u | sed 's/.*/&=&/')
for node in node-0 node-1 node-2; do
  folder=/run/real-cluster/nodes/$node; [ $node != node-0 ] || folder=/run/real-cluster/node
  for port in 5000 5001 5002 5003; do
    mkdir -p "$folder/certs.d/$host:$port"
    printf 'server = "http://%s:%s"\n' $host $port >"$folder/certs.d/$host:$port/hosts.toml"
  done
  # shellcheck disable=SC2086
  "$CLUSTER" image -n $node example.test/check-acr:1 --entrypoint /check-acr "$program=/check-acr" $libraries >/dev/null || exit 1
done
"$(dirname "$CLUSTER")/image" $host:5000/team/app:v1 "$here/app.tar" --entrypoint /hosts "/etc/hosts=/hosts"
skopeo copy -q --insecure-policy --dest-tls-verify=false "oci-archive:$here/app.tar" docker://$host:5000/team/app:v1 || exit 1
accept="Accept: application/vnd.oci.image.manifest.v1+json" type="application/vnd.oci.image.index.v1+json"
curl -fs -H "$accept" "http://$host:5000/v2/team/app/manifests/v1" >"$here/manifest"
jq -n --arg t "$type" --arg d "sha256:$(sha256sum "$here/manifest" | cut -d' ' -f1)" --argjson s "$(stat -c %s "$here/manifest")" \
  '{schemaVersion: 2, mediaType: $t, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s, platform: {os: "linux", architecture: "arm64"}}]}' |
  curl -fs -X PUT -H "Content-Type: $type" --data-binary @- "http://$host:5000/v2/team/app/manifests/arm64" || exit 1

# This desk reaches the API server alone.
ip netns add "$desk"
ip link add desk0 type veth peer name eth0 netns "$desk"
ip link set desk0 master br-kube up
ip -n "$desk" link set lo up; ip -n "$desk" address add 10.250.0.200/24 dev eth0; ip -n "$desk" link set eth0 up
ip netns exec "$desk" nft -f - <<NFT
table inet desk { chain out { type filter hook output priority 0; ip daddr $host drop; }; }
NFT
ip netns exec "$desk" curl -s -o /dev/null -m 2 http://$host:5000/v2/ && wrong "the desk reaches the registry"

kubectl create namespace shop >/dev/null; kubectl create namespace orders >/dev/null
until kubectl get serviceaccount default -n shop -o name >/dev/null 2>&1 && kubectl get serviceaccount default -n orders -o name >/dev/null 2>&1; do sleep 0.2; done
kubectl create serviceaccount oncall -n shop >/dev/null
"$program" rbac why -A --secrets --image -n shop --for-service-account oncall | kubectl apply -f - >/dev/null || exit 1
kubectl config view --raw --minify --flatten -o json |
  jq --arg t "$(kubectl create token oncall -n shop)" '.users = [{name: "oncall", user: {token: $t}}] | .contexts[0].context.user = "oncall" | .contexts[0].context.namespace = "shop"' >"$here/oncall.json"
kubectl apply -f - >/dev/null <<'YAML'
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: only-our-registry }
spec:
  failurePolicy: Fail
  matchConstraints: { resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }] }
  validations: [{ expression: "object.spec.containers.all(c, !c.image.startsWith('denied.test/'))", message: "images of denied.test are not allowed" }]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: only-our-registry }
spec: { policyName: only-our-registry, validationActions: [Deny] }
YAML
# dockerconfigjson NAME PASSWORD SERVER: a pull secret in shop
secret() { kubectl create secret docker-registry "$1" -n shop --docker-server="$3" --docker-username=puller --docker-password="$2" >/dev/null; }
secret stale old-canary-password $host:5001
secret elsewhere canary-password other.test
kubectl create secret generic broken -n shop --type=kubernetes.io/dockercfg --from-literal=.dockercfg='{"x": {"auth": "bm8tY29sb24="' >/dev/null 2>&1 ||
  kubectl create secret generic broken -n shop --type=kubernetes.io/dockerconfigjson --from-literal=.dockerconfigjson='{"auths":{"'$host':5000":{"auth":"bm8tY29sb24="}}}' >/dev/null || exit 1
kubectl create secret generic opaque -n shop --from-literal=.dockerconfigjson='{}' >/dev/null

"$CLUSTER" node -n node-2 nft -f - <<NFT
table inet cut { chain out { type filter hook output priority 0; ip daddr $host tcp dport 5000 drop; }; }
NFT
# workload NAME NODE IMAGE REPLICAS [MORE]: a Deployment; MORE is laid over the spec of its pods.
workload() {
  local more=${5:-}; [ -n "$more" ] || more='{}'
  jq -n --arg n "$1" --arg o "$2" --arg i "$3" --argjson r "$4" --argjson more "$more" --arg ns "${NS:-shop}" \
    '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: $n, namespace: $ns}, spec: {replicas: $r, selector: {matchLabels: {app: $n}}, template: {metadata: {labels: {app: $n}}, spec: ({nodeName: $o, containers: [{name: "app", image: $i, imagePullPolicy: "Always"}]} + $more)}}}' |
    kubectl create -f - >/dev/null
}
# On a node of its own: a kubelet pulls one image after the other.
workload stuck node-1 $host:5002/team/app:v1 1
# A pull that hangs is told from one that takes long by two minutes.
until [ -n "$(kubectl get events -n shop --field-selector reason=Pulling -o name)" ]; do sleep 0.5; done
sleep "${STUCK:-125}"
workload cut-off node-2 $host:5000/team/app:v1 3
workload wrong-tag node-0 $host:5000/team/app:v9 3
workload no-secret node-0 $host:5001/team/app:v1 2 '{"imagePullSecrets": [{"name": "nowhere"}]}'
workload broken-secret node-0 $host:5000/team/app:v1 1 '{"imagePullSecrets": [{"name": "broken"}]}'
workload opaque-secret node-0 $host:5001/team/app:v2 1 '{"imagePullSecrets": [{"name": "opaque"}]}'
workload other-key node-0 $host:5001/team/app:v3 1 '{"imagePullSecrets": [{"name": "elsewhere"}]}'
workload denied node-0 denied.test/team/app:v1 1
workload never node-1 $host:5000/team/none:v1 1 '{"containers": [{"name": "app", "image": "'$host':5000/team/none:v1", "imagePullPolicy": "Never"}]}'
workload arm64-only node-0 $host:5000/team/app:arm64 1
workload capitals node-0 $host:5000/Team/app:v1 1
NS=orders workload closed node-0 $host:5003/team/app:v1 2

# Until each of them shows: its status, or the event of the one without a pod.
shows() {
  kubectl get pods -A -o json | jq -r '.items[] | select([.status.containerStatuses[]?.state.waiting.reason // ""] | any(. != "" and . != "ContainerCreating")) | .metadata.labels.app' | sort -u | wc -l
}
began=$(date +%s)
until [ "$(shows)" = 10 ] && [ -n "$(kubectl get events -n shop --field-selector reason=FailedCreate -o name)" ]; do
  sleep 0.5; [ $(($(date +%s) - began)) -lt 90 ] || { wrong "only some show: $(shows)"; break; }
done
echo "      every symptom shown $(($(date +%s) - began)) s after the last workload was made"
look() { ip netns exec "$desk" "$program" why -A --plain-http --identity anonymous --image example.test/check-acr:1 --kubeconfig "$here/oncall.json" "$@"; }
began=$(date +%s%N)
look -o "json=$keep/why.json" -o text >"$keep/why.txt" 2>"$keep/why.err"; got=$?
took=$((($(date +%s%N) - began) / 1000000))
echo "      the run: $took ms, exit code $got"
# One registry that never answers is no reason to wait for all.
[ $took -lt 15000 ] && ok "under 15 s" || wrong "15 s and more"
began=$(date +%s%N)
look -l 'app!=stuck' -o "json=$keep/rest.json" -o text >"$keep/rest.txt" 2>&1
took=$((($(date +%s%N) - began) / 1000000)); echo "      without the one that never answers: $took ms"
[ $got = 1 ] && ok "exit code 1" || wrong "exit code $got"
# expect WORKLOAD SEVERITY CODE: which group holds the workload.
expect() {
  local groups; groups=$(jq -r --arg w "$1" '.pods.groups[] | select([.workloads[].workload, (.title // "")] | any(test("/" + $w + "(-|$| )"))) | "\(.severity):\(.code)"' "$keep/why.json" | sort -u | tr '\n' ' ')
  [[ " $groups" == *" $2:$3 "* ]] && ok "$1: $groups" || wrong "$1: $groups, not $2:$3"
}
expect cut-off error tcp/tcp-egress-blocked
expect wrong-tag error manifest/image-tag-not-found
expect no-secret error pod/pullsecret-missing
expect broken-secret error pod/pullsecret-malformed
expect opaque-secret error pod/pullsecret-wrong-type
expect other-key error pod/pullsecret-server-mismatch
expect denied error pod/not-created
expect never error pod/never-pulled
expect arm64-only error manifest/platform-no-match
expect capitals error image/ref-invalid
# Its title says that the connection was refused.
expect closed error tcp/tcp-egress-blocked
# Nothing is proven of who never answers: it may be slow.
expect stuck could-not-tell registry/silent
# Manifests, before they are applied; afterwards the kubelet says whether that was right.
# manifest ACCOUNT SECRETS: a Deployment whose image wants credentials.
manifest() {
  jq -n --arg i "$host:5001/team/app:v1" --arg a "$1" --argjson s "$2" \
    '{apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "planned"}, spec: {selector: {matchLabels: {app: "planned"}}, template: {metadata: {labels: {app: "planned"}}, spec: {nodeName: "node-0", serviceAccountName: $a, imagePullSecrets: $s, containers: [{name: "app", image: $i, imagePullPolicy: "Always"}]}}}}'
}
# preflight NAME NAMESPACE EXIT CODE PULLS: manifests of standard input, what is said of them, and what the kubelet does.
preflight() {
  cat >"$here/$1.yaml"
  "$program" why -n "$2" -f "$here/$1.yaml" --plain-http --identity anonymous --image example.test/check-acr:1 -o "json=$keep/$1.json" -o text >"$keep/$1.txt" 2>&1
  local got=$? codes; codes=$(jq -r '[.targets[].verdict | .causes[], .could_not_tell[] | .code] | join(" ")' "$keep/$1.json")
  [ "$got" = "$3" ] && [[ " $codes " == *" $4 "* ]] && ok "manifest $1: $codes" || wrong "manifest $1: exit code $got, $codes"
  grep -q admission-not-tried "$keep/$1.json" && wrong "manifest $1: admission was not asked"
  kubectl apply -n "$2" -f "$here/$1.yaml" >/dev/null
  local pod='{range .items[*]}{.status.containerStatuses[0].imageID}{.status.containerStatuses[0].state.waiting.reason}{end}' seen
  for _ in $(seq 120); do
    seen=$(kubectl get pods -n "$2" -l app=planned -o jsonpath="$pod")
    case $seen in ""|ContainerCreating) sleep 0.5;; *sha256:*) seen=yes; break;; *) seen=no; break;; esac
  done
  [ "$seen" = "$5" ] && ok "manifest $1: the kubelet pulls: $seen" || wrong "manifest $1: the kubelet pulls: $seen"
  kubectl delete -n "$2" -f "$here/$1.yaml" >/dev/null
  kubectl wait -n "$2" --for=delete pod -l app=planned --timeout=60s >/dev/null
}
kubectl create secret docker-registry good -n shop --docker-server=$host:5001 --docker-username=puller --docker-password=canary-password --dry-run=client -o json >"$here/good"
jq -n '{apiVersion: "v1", kind: "ServiceAccount", metadata: {name: "puller"}, imagePullSecrets: [{name: "good"}]}' >"$here/puller"
declared() { { cat "$here/good" "$here/puller"; manifest puller '[]'; } | jq -s '{apiVersion: "v1", kind: "List", items: .}'; }
preflight declared shop 3 pod/manifest-secret-accepted yes < <(declared)
preflight stale shop 1 pod/pullsecret-refused no < <(manifest default '[{"name": "stale"}]')
preflight missing shop 3 pod/manifest-secret-missing no < <(manifest default '[{"name": "nowhere"}]')
preflight malformed shop 1 pod/pullsecret-malformed no < <(manifest default '[{"name": "broken"}]')
kubectl create secret docker-registry stale -n orders --docker-server=$host:5001 --docker-username=puller --docker-password=old-canary-password >/dev/null
kubectl patch serviceaccount default -n orders -p '{"imagePullSecrets": [{"name": "stale"}]}' >/dev/null
preflight by-account orders 1 pod/pullsecret-refused no < <(manifest default '[]')
grep -q 'canary-password' "$keep"/{declared,stale,missing,malformed,by-account}.{json,txt} && wrong "a password of a manifest is shown"
grep -q 'canary-password' "$keep/why.json" "$keep/why.txt" "$keep/why.err" && wrong "a password is shown" || ok "no password is shown"
left=$(kubectl get jobs,configmaps,pods -n shop -l app.kubernetes.io/name=check-acr -o name); sleep 2
left=$(kubectl get jobs,configmaps -n shop -l app.kubernetes.io/name=check-acr -o name)
[ -z "$left" ] && ok "nothing is left" || wrong "left: $left"
printf '%s passed, %s wrong\n' $passed $failed
[ $failed = 0 ]

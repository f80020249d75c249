#!/bin/sh
# Carries a static check-acr to a node of a real Kubernetes and runs it there, in an image that the node
# already has, as root and as another user, without capabilities, with a read-only root and the
# default seccomp profile; then prints what each agent left in its termination message.
#
#     KUBECONFIG=… tests/real/carried.sh PROGRAM IMAGE REF [OPTION…]
#
# PROGRAM is check-acr for the node's processor, built for musl; IMAGE is on the node, and is not pulled.
set -eu
program=$1 image=$2
shift 2
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'kubectl delete namespace check-acr-carried --wait=false >/dev/null 2>&1; rm -rf "$work"' EXIT
processor=$(uname -m)

zstd -q -9 -c "$program" >"$work/all"
(cd "$work" && split -b 1000000 -d -a 2 all part-)
kubectl create namespace check-acr-carried >/dev/null
until kubectl -n check-acr-carried get serviceaccount default >/dev/null 2>&1; do :; done
sources=
for part in loader $(cd "$work" && ls part-*); do
    file=$work/$part
    [ "$part" = loader ] && file=$here/loader/built/$processor
    kubectl -n check-acr-carried create configmap "$part" --from-file="$part=$file" >/dev/null
    sources="$sources${sources:+,}{\"configMap\":{\"name\":\"$part\"}}"
done
arguments=$(printf ',"%s"' "$@")
for user in 0 65534; do
    cat <<POD | kubectl -n check-acr-carried create -f - >/dev/null
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"user-$user"},"spec":{
 "restartPolicy":"Never","hostNetwork":true,"automountServiceAccountToken":false,
 "volumes":[{"name":"agent","projected":{"defaultMode":365,"sources":[$sources]}},{"name":"host","hostPath":{"path":"/"}}],
 "containers":[{"name":"agent","image":"$image","imagePullPolicy":"Never",
  "command":["/check-acr/loader"],"args":["agent","--node-root","/host","--vantage","node/one"$arguments],
  "securityContext":{"runAsUser":$user,"readOnlyRootFilesystem":true,"allowPrivilegeEscalation":false,
   "capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"}},
  "resources":{"limits":{"memory":"128Mi","cpu":"500m"}},
  "volumeMounts":[{"name":"agent","mountPath":"/check-acr"},{"name":"host","mountPath":"/host","readOnly":true}]}]}}
POD
    kubectl -n check-acr-carried wait --for=jsonpath='{.status.containerStatuses[0].state.terminated}' "pod/user-$user" --timeout=120s >/dev/null
    kubectl -n check-acr-carried get pod "user-$user" -o jsonpath='{.status.containerStatuses[0].state.terminated.exitCode}{" "}{.status.containerStatuses[0].state.terminated.message}{"\n"}' |
        while read -r code message; do
            echo "user $user: exit $code, a message of ${#message} bytes"
            echo "$message" | sed 's|^check-acr/1:||' | base64 -d 2>/dev/null | zstd -qdc 2>/dev/null || echo "$message"
        done
done

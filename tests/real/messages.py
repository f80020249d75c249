#!/usr/bin/env python3
"""Makes the kubelets of a real cluster say why they cannot pull, and puts each message to `check-acr why --message`.

    tests/real/messages.py PROGRAM CLUSTER [--second | --third | --fourth | --fifth] [--keep tests/messages/made.jsonl]

Three nodes: containerd 2.2 (its transfer service), containerd 1.6, and containerd 2.2 as a node with artifact
streaming has it. Each fault is made, so what the message comes from is certain. It counts how often the reader
names it, and fails below the bounds of tests/messages/seen.rs. PROGRAM is check-acr; CLUSTER is the path of a
script that starts a cluster (see README.md). It needs root, openssl and dnsmasq. `--keep` writes the messages. `--second`
to `--fifth` make other faults, that the reader was not made for.
"""

import base64, datetime, gzip, hashlib, io, json, os, shutil, socket, socketserver, ssl, subprocess, sys, tarfile, tempfile, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

US = "10.250.0.1"
NODES = {"node-0": "2.2, transfer service", "node-1": "1.6", "node-2": "2.2, local pull"}
# Where a registry of Azure answers, where nothing listens, and to where the nodes drop what they send.
ADDRESSES = [f"203.0.113.{last}" for last in range(20, 31)]
SERVES, REFUSES, DROPS, OTHER_NAME, RESETS, UNKNOWN, EXPIRED, CLOSES, REJECTED, OLD, EARLY = ADDRESSES
PLAIN, NO_TLS = 5000, 5446
# A server whose certificate has only a common name, and an address of the nodes' network that nobody has.
NAMELESS, MOVED = "203.0.113.31", "10.250.0.99"
REGISTRY, DATA, BLOBS_AT = "contoso.azurecr.io", "contoso.eastus.data.azurecr.io", "eus1.blob.core.windows.net"
NAMES = {REGISTRY: SERVES, BLOBS_AT: SERVES, "refused.azurecr.io": REFUSES, "dropped.azurecr.io": DROPS,
         "other.azurecr.io": OTHER_NAME, "reset.azurecr.io": RESETS, "unknown.azurecr.io": UNKNOWN, DATA: REFUSES,
         "expired.azurecr.io": EXPIRED, "closes.azurecr.io": CLOSES, "dropped.eastus.data.azurecr.io": DROPS,
         "rejected.azurecr.io": REJECTED, "six.azurecr.io": "2001:db8::5", "inspected.eastus.data.azurecr.io": UNKNOWN,
         "other.eastus.data.azurecr.io": OTHER_NAME, "reset.eastus.data.azurecr.io": RESETS,
         "expired.eastus.data.azurecr.io": EXPIRED, "rejected.eastus.data.azurecr.io": REJECTED,
         "closes.eastus.data.azurecr.io": CLOSES, "old.azurecr.io": OLD, "early.azurecr.io": EARLY,
         "nameless.azurecr.io": NAMELESS, "moved.azurecr.io": MOVED, "moved.eastus.data.azurecr.io": MOVED}
INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
SCHEMA1, CHART = "application/vnd.docker.distribution.manifest.v1+prettyjws", "application/vnd.cncf.helm.config.v1+json"

# Each fault: the image, and the modes that its message may come from. The first part of a repository's name
# says what the registry does.
FAULTS = {
    "tag": (f"{REGISTRY}/whole/app:v9", ["image-tag-not-found"]),
    "repository": (f"{REGISTRY}/nowhere/app:v1", ["image-tag-not-found"]),
    "digest": (f"{REGISTRY}/whole/app@sha256:{'0' * 64}", ["image-digest-gone"]),
    "connection-refused": ("refused.azurecr.io/whole/app:v1", ["tcp-egress-blocked"]),
    "no-such-name": ("absent.azurecr.io/whole/app:v1", ["dns-nxdomain-registry", "image-ref-registry-typo"]),
    "name-server-refuses": ("registry.refused.test/app:v1", ["dns-server-unreachable"]),
    "no-password": (f"{US}:{PLAIN}/basic/app:v1", ["pullsecret-not-attached", "pullsecret-missing"]),
    "wrong-password": (f"{US}:{PLAIN}/basic/app:v1", ["pullsecret-stale-password"]),
    "token-401": (f"{REGISTRY}/token/app:v1", ["exchange-no-role"]),
    "token-401-password": (f"{REGISTRY}/token/app:v1", ["pullsecret-stale-password"]),
    "no-permission": (f"{US}:{PLAIN}/denied/app:v1", ["role-missing", "pullsecret-not-attached"]),
    "firewall": (f"{REGISTRY}/firewall/app:v1", ["acr-firewall-client-ip"]),
    "throttled": (f"{REGISTRY}/throttled/app:v1", ["acr-throttled-429"]),
    "outage": (f"{REGISTRY}/outage/app:v1", ["registry-outage"]),
    "unknown-authority": ("unknown.azurecr.io/whole/app:v1", ["tls-unknown-ca"]),
    "another-name": ("other.azurecr.io/whole/app:v1", ["tls-hostname-mismatch"]),
    "reset": ("reset.azurecr.io/whole/app:v1", ["tls-reset"]),
    "no-tls": (f"{US}:{NO_TLS}/whole/app:v1", ["containerd-mirror-misconfigured"]),
    "dead-mirror": ("mirrored.azurecr.io/whole/app:v1", ["containerd-mirror-misconfigured"]),
    "docker-hub": ("team/app:v1", ["image-ref-wrong-default-registry"]),
    "platform": (f"{REGISTRY}/arm64/app:v1", ["platform-no-match"]),
    "html": (f"{REGISTRY}/html/app:v1", ["manifest-not-an-image"]),
    "blob-name": (f"{REGISTRY}/blob-name/app:v1", ["dns-data-endpoint-record-missing"]),
    "blob-refused": (f"{REGISTRY}/blob-refused/app:v1", ["blob-endpoint-blocked"]),
    "blob-signature": (f"{REGISTRY}/blob-signature/app:v1", ["blob-sas-rejected"]),
    "blob-policy": (f"{REGISTRY}/blob-policy/app:v1", ["blob-service-endpoint-policy"]),
    "blob-elsewhere": (f"{US}:{PLAIN}/blob-refused/app:v1", ["blob-endpoint-blocked"]),
    "blob-cut": (f"{REGISTRY}/blob-cut/app:v1", ["blob-unexpected-eof"]),
    "blob-other": (f"{REGISTRY}/blob-other/app:v1", ["containerd-content-corrupt"]),
    "never": (f"{REGISTRY}/whole/never:v1", ["pull-policy-never"]),
    "capitals": (f"{REGISTRY}/Team/app:v1", ["image-ref-invalid"]),
    "no-secret": (f"{US}:{PLAIN}/basic/other:v1", ["pullsecret-missing"]),
    "dropped": ("dropped.azurecr.io/whole/app:v1", ["tcp-egress-blocked"]),
}
# Thought of when the reader was done with those above.
SECOND = {
    "hub-rate": (f"{US}:{PLAIN}/hub-rate/app:v1", ["mcr-or-dockerhub-429"]),
    "schema1": (f"{REGISTRY}/schema1/app:v1", ["manifest-schema1"]),
    "chart": (f"{REGISTRY}/chart/app:v1", ["manifest-not-an-image"]),
    "windows": (f"{REGISTRY}/windows/app:v1", ["platform-windows-build", "platform-no-match"]),
    "scope": (f"{REGISTRY}/scope/app:v1", ["scopemap-missing-repo", "role-missing"]),
    "token-outage": (f"{REGISTRY}/token-outage/app:v1", ["registry-outage"]),
    "token-throttled": (f"{REGISTRY}/token-throttled/app:v1", ["acr-throttled-429"]),
    # The name server knows no other names, and refuses.
    "token-name": (f"{REGISTRY}/token-name/app:v1", ["dns-server-unreachable"]),
    "token-refused": (f"{REGISTRY}/token-refused/app:v1", ["tcp-egress-blocked"]),
    "no-challenge": (f"{REGISTRY}/no-challenge/app:v1", ["registry-challenge-invalid"]),
    "blob-missing": (f"{REGISTRY}/blob-missing/app:v1", ["image-digest-gone", "geo-replica-lag"]),
    "blob-dropped": (f"{REGISTRY}/blob-dropped/app:v1", ["blob-endpoint-blocked"]),
    "proxy-page": (f"{US}:{PLAIN}/proxy-page/app:v1", ["proxy-denies-host"]),
    "address": (f"{SERVES}/whole/app:v1", ["tls-hostname-mismatch"]),
    "expired": ("expired.azurecr.io/whole/app:v1", ["tls-clock-skew"]),
    "closes": ("closes.azurecr.io/whole/app:v1", ["tls-reset"]),
}
# Thought of when the reader was done with the second ones; the labels were written before any message was seen.
THIRD = {
    "disallowed": (f"{REGISTRY}/disallowed/app:v1", ["image-read-disabled"]),
    "config-missing": (f"{REGISTRY}/config-missing/app:v1", ["image-digest-gone", "geo-replica-lag"]),
    "config-other": (f"{REGISTRY}/config-other/app:v1", ["containerd-content-corrupt"]),
    "manifest-other": (f"{REGISTRY}/manifest-other/app:v1", ["containerd-content-corrupt"]),
    "layer-type": (f"{REGISTRY}/layer-type/app:v1", ["manifest-not-an-image"]),
    "index-empty": (f"{REGISTRY}/index-empty/app:v1", ["platform-no-match", "manifest-not-an-image"]),
    "blob-unknown-ca": (f"{REGISTRY}/blob-unknown-ca/app:v1", ["tls-unknown-ca"]),
    "blob-another-name": (f"{REGISTRY}/blob-another-name/app:v1", ["tls-hostname-mismatch"]),
    "blob-reset": (f"{REGISTRY}/blob-reset/app:v1", ["blob-endpoint-blocked", "tls-reset"]),
    "blob-busy": (f"{REGISTRY}/blob-busy/app:v1", ["registry-outage"]),
    "token-html": (f"{REGISTRY}/token-html/app:v1", ["proxy-denies-host", "registry-challenge-invalid"]),
    "token-unknown-ca": (f"{REGISTRY}/token-unknown-ca/app:v1", ["tls-unknown-ca"]),
    "six": ("six.azurecr.io/whole/app:v1", ["dns-ipv6-mismatch"]),
    "rejected": ("rejected.azurecr.io/whole/app:v1", ["tcp-egress-blocked"]),
    "hosts-ca": ("ca.azurecr.io/whole/app:v1", ["containerd-mirror-misconfigured", "tls-ca-not-loaded"]),
    "plain-to-tls": ("plain.azurecr.io/whole/app:v1", ["containerd-mirror-misconfigured"]),
    "leftover": ("leftover.azurecr.io/nowhere/app:v1", ["containerd-mirror-misconfigured"]),
    "two-tags": (f"{REGISTRY}/whole/app:v1:v2", ["image-ref-invalid"]),
    "other-secret": (f"{US}:{PLAIN}/basic/third:v1", ["pullsecret-server-mismatch"]),
}
# Thought of when the reader was done with the third ones; the labels were written before any message was seen.
FOURTH = {
    "token-firewall": (f"{REGISTRY}/token-firewall/app:v1", ["acr-firewall-client-ip"]),
    "token-missing": (f"{REGISTRY}/token-missing/app:v1", ["registry-challenge-invalid"]),
    "token-dropped": (f"{REGISTRY}/token-dropped/app:v1", ["tcp-egress-blocked"]),
    "token-expired": (f"{REGISTRY}/token-expired/app:v1", ["tls-clock-skew"]),
    "token-another": (f"{REGISTRY}/token-another/app:v1", ["tls-hostname-mismatch"]),
    "token-reset": (f"{REGISTRY}/token-reset/app:v1", ["tls-reset"]),
    "blob-gone": (f"{REGISTRY}/blob-gone/app:v1", ["image-digest-gone", "geo-replica-lag"]),
    "blob-late": (f"{REGISTRY}/blob-late/app:v1", ["blob-sas-rejected", "tls-clock-skew"]),
    "blob-expired": (f"{REGISTRY}/blob-expired/app:v1", ["tls-clock-skew"]),
    "blob-rejected": (f"{REGISTRY}/blob-rejected/app:v1", ["blob-endpoint-blocked"]),
    "blob-closes": (f"{REGISTRY}/blob-closes/app:v1", ["blob-endpoint-blocked", "tls-reset"]),
    "proxy-407": (f"{US}:{PLAIN}/proxy-407/app:v1", ["proxy-denies-host", "proxy-required"]),
    "index-child": (f"{REGISTRY}/index-child/app:v1", ["image-digest-gone", "geo-replica-lag"]),
    "config-busy": (f"{REGISTRY}/config-busy/app:v1", ["registry-outage"]),
    "blob-throttled": (f"{REGISTRY}/blob-throttled/app:v1", ["acr-throttled-429"]),
    "layer-damaged": (f"{REGISTRY}/layer-damaged/app:v1", ["containerd-content-corrupt", "manifest-not-an-image"]),
    "layer-diff": (f"{REGISTRY}/layer-diff/app:v1", ["containerd-content-corrupt"]),
    "empty-tag": (f"{REGISTRY}/whole/app:", ["image-ref-invalid"]),
    "short-digest": (f"{REGISTRY}/whole/app@sha256:abc", ["image-ref-invalid"]),
    "no-port": (f"{US}:5999/whole/app:v1", ["tcp-egress-blocked"]),
}
# Thought of when the reader was done with the fourth ones; the labels were written before any message was seen.
FIFTH = {
    "manifest-500": (f"{REGISTRY}/manifest-500/app:v1", ["registry-outage"]),
    "blob-500": (f"{REGISTRY}/blob-500/app:v1", ["registry-outage"]),
    "token-public": (f"{REGISTRY}/token-public/app:v1", ["acr-public-access-disabled"]),
    "token-empty": (f"{REGISTRY}/token-empty/app:v1", ["registry-challenge-invalid"]),
    "loop": (f"{REGISTRY}/loop/app:v1", ["containerd-mirror-misconfigured", "registry-challenge-invalid"]),
    "portal": (f"{REGISTRY}/portal/app:v1", ["proxy-denies-host", "manifest-not-an-image"]),
    "blob-portal": (f"{REGISTRY}/blob-portal/app:v1", ["proxy-denies-host", "containerd-content-corrupt"]),
    "old-tls": ("old.azurecr.io/whole/app:v1", ["tls-reset"]),
    "early": ("early.azurecr.io/whole/app:v1", ["tls-clock-skew"]),
    "nameless": ("nameless.azurecr.io/whole/app:v1", ["tls-hostname-mismatch"]),
    "wrong-port": (f"{REGISTRY}:8443/whole/app:v1", ["tcp-egress-blocked", "image-ref-registry-typo"]),
    "silent-name": ("registry.silent.test/app:v1", ["dns-server-unreachable"]),
    "no-address": ("texts.azurecr.io/whole/app:v1", ["dns-nxdomain-registry", "dns-zone-shadow-missing-record"]),
    "broken-secret": (f"{US}:{PLAIN}/basic/fourth:v1", ["pullsecret-malformed"]),
    "mirror-tls": ("inspected.azurecr.io/whole/app:v1", ["tls-unknown-ca", "containerd-mirror-misconfigured"]),
    "manifest-huge": (f"{REGISTRY}/manifest-huge/app:v1", ["manifest-not-an-image"]),
    "manifest-json": (f"{REGISTRY}/manifest-json/app:v1", ["manifest-not-an-image"]),
    "config-json": (f"{REGISTRY}/config-json/app:v1", ["manifest-not-an-image", "containerd-content-corrupt"]),
    "mcr-rate": ("mcr.microsoft.com/hub-rate/app:v1", ["mcr-or-dockerhub-429"]),
    "blob-moved": (f"{REGISTRY}/blob-moved/app:v1", ["dns-stale-private-ip", "tcp-private-endpoint-timeout", "blob-endpoint-blocked"]),
    "moved": ("moved.azurecr.io/whole/app:v1", ["dns-stale-private-ip", "tcp-private-endpoint-timeout"]),
    "attestations": (f"{REGISTRY}/attestations/app:v1", ["platform-no-match", "manifest-not-an-image"]),
    "scheme": (f"https://{REGISTRY}/whole/app:v1", ["image-ref-invalid"]),
    "no-tag": (f"{REGISTRY}/whole/app", ["image-tag-not-found"]),
}
# What a node's certs.d says of these registries, beside what is on every node.
HOSTS = {
    "ca.azurecr.io": 'server = "https://ca.azurecr.io"\n[host."https://ca.azurecr.io"]\nca = "/etc/absent.pem"\n',
    "plain.azurecr.io": f'server = "http://{SERVES}:443"\n[host]\n',
    "leftover.azurecr.io": f'server = "http://{US}:{PLAIN}"\n[host]\n',
    "inspected.azurecr.io": 'server = "https://unknown.azurecr.io"\n[host]\n',
    "mcr.microsoft.com": f'server = "http://{US}:{PLAIN}"\n[host]\n',
}
# The transfer service takes these, and unpacks nothing.
PULLED = {("chart", "node-0"), ("layer-type", "node-0")}
# Made last, when the others are over: the whole node has no name server.
LAST = {"no-name-server": (f"{REGISTRY}/whole/app:v1", ["dns-server-unreachable"])}
SECRETS = {"wrong-password": "stale", "token-401-password": "stale", "no-secret": "nowhere", "other-secret": "other",
           "broken-secret": "broken"}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def image(text, pack=lambda tar: gzip.compress(tar, mtime=0), diff=b"", end=b""):
    """Returns the manifest of a small image, with its layer and its config."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo("hello")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    layer = pack(tar.getvalue())
    rootfs = {"type": "layers", "diff_ids": [digest(tar.getvalue() + diff)]}
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).encode() + end
    of = lambda kind, data: {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(data), "size": len(data)}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": of("config.v1+json", config)}
    return json.dumps(manifest | {"layers": [of("layer.v1.tar+gzip", layer)]}).encode(), layer, config


def served():
    """Returns what the registry has for each fault, and all blobs; layers and configs by their digests."""
    index = lambda *entries: json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    one, layer, config = image(b"hello\n")
    entry = lambda platform: {"mediaType": MANIFEST, "digest": digest(one), "size": len(one), "platform": platform}
    chart = one.replace(b"application/vnd.oci.image.config.v1+json", CHART.encode())
    manifests = {
        "arm64": (index(entry({"os": "linux", "architecture": "arm64"})), INDEX),
        "windows": (index(entry({"os": "windows", "architecture": "amd64"})), INDEX),
        "chart": (chart, MANIFEST),
        "index-empty": (index(), INDEX),
        "attestations": (index(entry({"os": "unknown", "architecture": "unknown"})), INDEX),
        "index-child": (index({"mediaType": MANIFEST, "digest": "sha256:" + "5eed" * 16, "size": 418}), INDEX),
    }
    layers, configs = {digest(layer): layer}, {digest(config): config}
    # Content that no other fault has, so that no node has it already.
    odd = {"layer-damaged": {"pack": lambda tar: b"\x1f\x8b\x08 damaged " + tar[:99]}, "layer-diff": {"diff": b"x"},
           "config-json": {"end": b"}"}}
    for fault in THIRD | FOURTH | FIFTH:
        its, layer, config = image(fault.encode(), **odd.get(fault, {}))
        manifests.setdefault(fault, (its, MANIFEST))
        layers[digest(layer)], configs[digest(config)] = layer, config
    its, _ = manifests["manifest-json"]
    manifests["manifest-json"] = its[:-1], MANIFEST
    its, _ = manifests["manifest-huge"]
    manifests["manifest-huge"] = its[:-1] + b', "annotations": {"notes": "' + b"x" * 9_000_000 + b'"}}', MANIFEST
    its, _ = manifests["layer-type"]
    manifests["layer-type"] = its.replace(b"application/vnd.oci.image.layer.v1.tar+gzip", b"application/vnd.contoso.model.v1"), MANIFEST
    return one, manifests, layers, configs


ONE, SERVED, LAYERS, CONFIGS = served()
BLOBS = LAYERS | CONFIGS


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body=b"", kind="application/json", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message, headers=()):
        self.say(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), headers=headers)

    def firewall(self):
        said = "client with IP '203.0.113.9' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
        self.refuse(403, "DENIED", said)

    def here(self):
        return ("https" if self.server.is_tls else "http") + "://" + self.headers["Host"]

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/token-"):
            return self.do_GET()
        self.refuse(401, "UNAUTHORIZED", "authentication required")

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/token-401":
            return self.refuse(401, "UNAUTHORIZED", "authentication required")
        if path == "/token-outage":
            return self.refuse(503, "UNAVAILABLE", "service unavailable")
        if path == "/token-throttled":
            return self.refuse(429, "TOOMANYREQUESTS", "too many requests")
        if path == "/token-firewall":
            return self.firewall()
        if path == "/token-public":
            return self.refuse(403, "DENIED", "public network access is disabled on this registry")
        if path == "/token-empty":
            return self.say(200, b"{}")
        if path == "/portal":
            return self.say(200, b"<html>sign in to the network</html>", "text/html")
        if path == "/token-missing":
            return self.say(404, b"<html>not found</html>", "text/html")
        if path == "/token-html":
            return self.say(200, b"<html>sign in to the network</html>", "text/html")
        if path == "/token":
            return self.say(200, b'{"token": "t"}')
        if path.startswith("/sas/"):
            if "busy" in path:
                body = b'<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>'
                return self.say(503, body, "application/xml", [("x-ms-error-code", "ServerBusy")])
            if "500" in path:
                body = b'<?xml version="1.0" encoding="utf-8"?><Error><Code>InternalError</Code><Message>The server met an internal error.</Message></Error>'
                return self.say(500, body, "application/xml", [("x-ms-error-code", "InternalError")])
            if "gone" in path:
                body = b'<?xml version="1.0" encoding="utf-8"?><Error><Code>BlobNotFound</Code><Message>The specified blob does not exist.</Message></Error>'
                return self.say(404, body, "application/xml", [("x-ms-error-code", "BlobNotFound")])
            code = "AuthenticationFailed" if "signature" in path or "late" in path else "AuthorizationFailure"
            text = {
                "AuthenticationFailed": "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
                "AuthorizationFailure": "This request is not authorized to perform this operation.",
            }[code]
            body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{text}</Message></Error>'
            return self.say(403, body.encode(), "application/xml", [("x-ms-error-code", code)])
        parts = path.split("/")
        if parts[1:2] != ["v2"] or len(parts) < 5:
            return self.say(200, b"{}")
        fault, kind, name = parts[2], parts[-2], parts[-1]
        bearer = lambda realm: [("WWW-Authenticate", f'Bearer realm="{self.here()}/{realm}",service="real"')]
        if fault == "basic":
            return self.refuse(401, "UNAUTHORIZED", "authentication required", [("WWW-Authenticate", 'Basic realm="real"')])
        if fault == "token":
            return self.refuse(401, "UNAUTHORIZED", "authentication required", bearer("token-401"))
        if fault == "denied":
            if "Authorization" not in self.headers:
                return self.refuse(401, "UNAUTHORIZED", "authentication required", bearer("token"))
            return self.refuse(403, "DENIED", "requested access to the resource is denied")
        if fault == "firewall":
            return self.firewall()
        if fault == "disallowed":
            return self.refuse(403, "REGISTRY_DISALLOWED_OPERATION", "The operation is disallowed on this registry, repository or image.")
        if fault == "throttled":
            return self.refuse(429, "TOOMANYREQUESTS", "too many requests")
        if fault == "outage":
            return self.refuse(503, "UNAVAILABLE", "service unavailable")
        if fault == "html":
            return self.say(200, b"<html>portal</html>", "text/html")
        if fault == "proxy-page":
            return self.say(403, b"<html><title>ERROR: The requested URL could not be retrieved</title>Access Denied.</html>", "text/html")
        if fault == "proxy-407":
            return self.say(407, b"<html>proxy authentication required</html>", "text/html", [("Proxy-Authenticate", "Negotiate")])
        if fault == "hub-rate":
            return self.refuse(429, "TOOMANYREQUESTS", "You have reached your unauthenticated pull rate limit.")
        if fault == "manifest-500":
            return self.refuse(500, "UNKNOWN", "unknown error")
        if fault == "loop":
            return self.say(302, headers=[("Location", self.path)])
        if fault == "portal":
            return self.say(302, headers=[("Location", f"http://{US}:{PLAIN}/portal")])
        if fault == "no-challenge":
            return self.refuse(401, "UNAUTHORIZED", "authentication required")
        if fault == "scope" and "Authorization" in self.headers:
            scope = f'Bearer realm="{self.here()}/token",service="real",scope="repository:scope/app:pull",error="insufficient_scope"'
            return self.refuse(401, "UNAUTHORIZED", "authentication required", [("WWW-Authenticate", scope)])
        if fault == "scope" or fault.startswith("token-"):
            realm = {"token-name": "https://login.absent.test/token", "token-refused": "https://refused.azurecr.io/token",
                     "token-unknown-ca": "https://unknown.azurecr.io/token", "token-dropped": "https://dropped.azurecr.io/token",
                     "token-expired": "https://expired.azurecr.io/token", "token-another": "https://other.azurecr.io/token",
                     "token-reset": "https://reset.azurecr.io/token"}
            realm = realm.get(fault, f"{self.here()}/{fault if fault != 'scope' else 'token'}")
            challenge = f'Bearer realm="{realm}",service="real"'
            return self.refuse(401, "UNAUTHORIZED", "authentication required", [("WWW-Authenticate", challenge)])
        if fault == "nowhere":
            return self.refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
        if kind == "manifests":
            if fault == "schema1":
                body = b'{"schemaVersion": 1, "name": "app", "tag": "v1", "architecture": "amd64", "fsLayers": [], "history": []}'
                return self.say(200, body, SCHEMA1, [("Docker-Content-Digest", digest(body))])
            body, kind = SERVED.get(fault, (ONE, MANIFEST))
            if fault == "manifest-other" and name == digest(body):
                return self.say(200, body.replace(b"schemaVersion", b"Schemaversion"), kind)
            if name in ("v1", digest(body)):
                return self.say(200, body, kind, [("Docker-Content-Digest", digest(body))])
            if fault in ("arm64", "windows") and name == digest(ONE):
                return self.say(200, ONE, MANIFEST)
            return self.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
        blob = BLOBS.get(name)
        if blob is None:
            return self.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if name in CONFIGS and fault == "config-missing":
            return self.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if name in CONFIGS and fault == "config-busy":
            return self.refuse(503, "UNAVAILABLE", "service unavailable")
        if name in CONFIGS and fault == "config-other":
            return self.say(200, bytes(byte ^ 1 for byte in blob), "application/octet-stream")
        if name not in LAYERS or not fault.startswith("blob-"):
            return self.say(200, blob, "application/octet-stream")
        to = {
            "blob-name": "https://contoso.westus.data.azurecr.io/l",
            "blob-refused": f"https://{DATA}/l",
            "blob-dropped": "https://dropped.eastus.data.azurecr.io/l",
            "blob-signature": f"https://{BLOBS_AT}/sas/signature",
            "blob-policy": f"https://{BLOBS_AT}/sas/policy",
            "blob-busy": f"https://{BLOBS_AT}/sas/busy",
            "blob-unknown-ca": "https://inspected.eastus.data.azurecr.io/l",
            "blob-another-name": "https://other.eastus.data.azurecr.io/l",
            "blob-reset": "https://reset.eastus.data.azurecr.io/l",
            "blob-gone": f"https://{BLOBS_AT}/sas/gone",
            "blob-late": f"https://{BLOBS_AT}/sas/late",
            "blob-expired": "https://expired.eastus.data.azurecr.io/l",
            "blob-rejected": "https://rejected.eastus.data.azurecr.io/l",
            "blob-closes": "https://closes.eastus.data.azurecr.io/l",
            "blob-500": f"https://{BLOBS_AT}/sas/500",
            "blob-portal": f"http://{US}:{PLAIN}/portal",
            "blob-moved": "https://moved.eastus.data.azurecr.io/l",
        }.get(fault)
        if to:
            return self.say(307, headers=[("Location", to)])
        if fault == "blob-throttled":
            return self.refuse(429, "TOOMANYREQUESTS", "too many requests")
        if fault == "blob-missing":
            return self.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if fault == "blob-other":
            return self.say(200, bytes(byte ^ 1 for byte in blob), "application/octet-stream")
        # Cut: fewer bytes than were promised, each time that it is asked to go on.
        self.send_response(200)
        self.send_header("Content-Length", str(len(blob)))
        self.end_headers()
        self.wfile.write(blob[: len(blob) // 2] if "Range" not in self.headers else b"")
        self.close_connection = True


def authority(folder):
    """Makes an authority that the nodes are to trust."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")


def certificate(folder, name, names, known=True, when=("-days", "2"), oldest=None):
    """Returns the TLS of a server with a certificate for these names, or with none but its common one."""
    key, cert, extensions = f"{folder}/{name}.key", f"{folder}/{name}.pem", f"{folder}/{name}.ext"
    by = ["-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial"] if known else ["-signkey", key]
    with open(extensions, "w") as file:
        file.write("subjectAltName=" + ",".join(f"DNS:{one}" for one in names) if names else "basicConstraints=CA:FALSE")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", f"{cert}.csr")
    openssl("x509", "-req", "-in", f"{cert}.csr", *by, *when, "-extfile", extensions, "-out", cert)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if oldest:
        # OpenSSL itself must be told that this is wanted.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = oldest, oldest
    return context


def early(folder, name, begins, ends):
    """Returns the TLS of a server whose certificate begins and ends then (`openssl x509` cannot say when one begins)."""
    context = certificate(folder, name, [name])
    for file, text in [("index.txt", ""), ("serial", "1000\n")]:
        with open(f"{folder}/{file}", "w") as to:
            to.write(text)
    with open(f"{folder}/ca.cnf", "w") as to:
        to.write(f"[ca]\ndefault_ca=one\n[one]\ndatabase={folder}/index.txt\nserial={folder}/serial\nnew_certs_dir={folder}\n"
                 "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n")
    openssl("ca", "-batch", "-config", f"{folder}/ca.cnf", "-cert", f"{folder}/ca.pem", "-keyfile", f"{folder}/ca.key", "-startdate", begins,
            "-enddate", ends, "-extfile", f"{folder}/{name}.ext", "-in", f"{folder}/{name}.pem.csr", "-out", f"{folder}/{name}.pem")
    context.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
    return context


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Clients that do not trust us are what is asked for."""


def serve(address, port, tls=None):
    server = Server((address, port), Registry)
    server.is_tls = tls is not None
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def hang_up(address, linger):
    """Takes connections, and ends each when its first bytes have come: with a reset, where nothing lingers."""
    class HangUp(socketserver.BaseRequestHandler):
        def handle(self):
            try:
                self.request.recv(1)
                if linger:
                    self.request.recv(65536)
            except ConnectionError:
                return
            if not linger:
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.request.close()

    server = socketserver.ThreadingTCPServer((address, 443), HangUp)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    program, cluster = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    keep = sys.argv[sys.argv.index("--keep") + 1] if "--keep" in sys.argv else None
    others = {"--second": SECOND, "--third": THIRD, "--fourth": FOURTH, "--fifth": FIFTH}
    faults = next((others[word] for word in sys.argv if word in others), FAULTS)
    folder = tempfile.mkdtemp()
    dns = None
    try:
        authority(folder)
        # containerd reads the authorities at its start.
        os.makedirs("/run/real-cluster/node", exist_ok=True)
        with open("/run/real-cluster/node/ca.pem", "w") as trusted:
            for known in ("/etc/ssl/certs/ca-certificates.crt", f"{folder}/ca.pem"):
                trusted.write(open(known).read())
        up = subprocess.run([cluster, "up"], check=True, capture_output=True, text=True).stdout
        config = up.split("KUBECONFIG=")[1].split()[0].strip("'\";")
        os.environ["KUBECONFIG"] = config
        os.makedirs("/run/real-cluster/nodes/node-2", exist_ok=True)
        with open("/run/real-cluster/nodes/node-2/containerd-more.toml", "w") as more:
            more.write('[plugins."io.containerd.cri.v1.images"]\ndisable_snapshot_annotations = false\n')
        add = lambda node, **more: subprocess.run([cluster, "add-node", node, "agentpool=b"], check=True, env=os.environ | more)
        add("node-1", REAL_CLUSTER_CONTAINERD="1")
        add("node-2")
        for address in [*ADDRESSES, NAMELESS]:
            subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "br-kube"], check=True)
        serve(US, PLAIN)
        serve(US, NO_TLS)
        serve(SERVES, 443, certificate(folder, "registry", [REGISTRY, BLOBS_AT]))
        serve(OTHER_NAME, 443, certificate(folder, "other", ["portal.contoso.test"]))
        serve(UNKNOWN, 443, certificate(folder, "unknown", ["unknown.azurecr.io", "inspected.eastus.data.azurecr.io"], known=False))
        serve(EXPIRED, 443, certificate(folder, "expired", ["expired.azurecr.io", "expired.eastus.data.azurecr.io"], when=("-days", "-1")))
        serve(OLD, 443, certificate(folder, "old", ["old.azurecr.io"], oldest=ssl.TLSVersion.TLSv1_1))
        tomorrow = [(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days)).strftime("%Y%m%d%H%M%SZ") for days in (1, 9)]
        serve(EARLY, 443, early(folder, "early.azurecr.io", *tomorrow))
        serve(NAMELESS, 443, certificate(folder, "nameless.azurecr.io", []))
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind((DROPS, 53))
        hang_up(RESETS, linger=False)
        hang_up(CLOSES, linger=True)
        dns = subprocess.Popen(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", f"--listen-address={US}",
                                "--except-interface=lo", "--pid-file=", "--conf-file=/dev/null", "--local=/azurecr.io/", "--local=/docker.io/",
                                f"--server=/silent.test/{DROPS}", "--txt-record=texts.azurecr.io,no address",
                                *(f"--address=/{name}/{address}" for name, address in NAMES.items())])
        for node in NODES:
            at = folder_of(node)
            with open(f"{at}/resolv.conf", "w") as resolv:
                resolv.write(f"nameserver {US}\n")
            for host, server in [(f"{US}:{PLAIN}", f"{US}:{PLAIN}"), ("mirrored.azurecr.io", REFUSES)]:
                os.makedirs(f"{at}/certs.d/{host}", exist_ok=True)
                with open(f"{at}/certs.d/{host}/hosts.toml", "w") as hosts:
                    # containerd 1.6 wants the table.
                    hosts.write(f'server = "http://{server}"\n[host]\n')
            for host, text in HOSTS.items():
                os.makedirs(f"{at}/certs.d/{host}", exist_ok=True)
                with open(f"{at}/certs.d/{host}/hosts.toml", "w") as hosts:
                    hosts.write(text)
            rules = f"ip daddr {DROPS} drop; ip daddr {REJECTED} reject with icmp type host-unreachable;"
            rule = f"table inet cut {{ chain out {{ type filter hook output priority 0; {rules} }}; }}"
            subprocess.run([cluster, "node", "-n", node, "nft", rule], check=True)
        login = {"username": "puller", "password": "old"}
        auths = base64.b64encode(json.dumps({"auths": {f"{US}:{PLAIN}": login, REGISTRY: login}}).encode()).decode()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "stale"}, "type": "kubernetes.io/dockerconfigjson"}
        kubectl("create", "-f", "-", input=json.dumps(secret | {"data": {".dockerconfigjson": auths}}))
        other = base64.b64encode(json.dumps({"auths": {"other.contoso.test": login}}).encode()).decode()
        broken = base64.b64encode(json.dumps({"auths": {f"{US}:{PLAIN}": {"auth": base64.b64encode(b"puller").decode()}}}).encode()).decode()
        secret["metadata"] = {"name": "broken"}
        kubectl("create", "-f", "-", input=json.dumps(secret | {"data": {".dockerconfigjson": broken}}))
        secret["metadata"] = {"name": "other"}
        kubectl("create", "-f", "-", input=json.dumps(secret | {"data": {".dockerconfigjson": other}}))
        kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s")
        said = look(faults)
        for node in NODES:
            at = folder_of(node)
            with open(f"{at}/resolv.conf", "w") as resolv:
                resolv.write("nameserver 10.250.0.1\noptions timeout:1 attempts:1\n")
        dns.terminate()
        dns.wait()
        if faults is FAULTS:
            said |= look(LAST)
    finally:
        if dns and dns.poll() is None:
            dns.terminate()
        subprocess.run([cluster, "down"], capture_output=True)
        shutil.rmtree(folder)
    return judge(program, faults | (LAST if faults is FAULTS else {}), said, keep)


def folder_of(node):
    """Returns where the files of a node are."""
    return "/run/real-cluster/node" if node == "node-0" else f"/run/real-cluster/nodes/{node}"


def kubectl(*args, **more):
    return subprocess.run(["kubectl", *args], check=True, capture_output=True, text=True, **more).stdout


def look(faults):
    """Makes a pod for each fault on each node, and returns what is said of it once a pull has failed."""
    for node in NODES:
        for fault, (reference, _) in faults.items():
            container = {"name": "app", "image": reference, "imagePullPolicy": "Never" if fault == "never" else "Always"}
            spec = {"nodeName": node, "containers": [container], "automountServiceAccountToken": False}
            if fault in SECRETS:
                spec["imagePullSecrets"] = [{"name": SECRETS[fault]}]
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{fault}-{node}"}, "spec": spec}
            kubectl("create", "-f", "-", input=json.dumps(pod))
    wanted = {(fault, node) for fault in faults for node in NODES} - PULLED
    said, until = {}, time.monotonic() + 300
    while wanted - said.keys() and time.monotonic() < until:
        time.sleep(2)
        events = json.loads(kubectl("get", "events", "-o", "json"))["items"]
        for event in events:
            if event["involvedObject"]["kind"] != "Pod":
                continue
            name = event["involvedObject"]["name"]
            fault, node = name.rsplit("-node-", 1)[0], "node-" + name.rsplit("-", 1)[1]
            message, reason = event.get("message", ""), event.get("reason")
            decides = reason == "FailedToRetrieveImagePullSecret" if fault == "no-secret" else (
                message.startswith(("Failed to pull image", "Failed to apply default")) or "unable to parse auth" in message or "pull policy of Never" in message)
            if (fault, node) in wanted and decides:
                said.setdefault((fault, node), message)
    for missing in sorted(wanted - said.keys()):
        print("nothing was said of", *missing)
    for fault in faults:
        for node in NODES:
            kubectl("delete", "pod", f"{fault}-{node}", "--wait=false", "--grace-period=0", "--force")
    return said


def keep_in(path, faults, said):
    """Writes the messages into a file that may hold those of other faults."""
    kept = {}
    if os.path.exists(path):
        with open(path) as file:
            kept = {(one["cause"], one["runtime"]): one for one in map(json.loads, file)}
    for (fault, node), message in sorted(said.items()):
        one = {"cause": fault, "runtime": NODES[node], "means": faults[fault][1], "message": message}
        kept[fault, NODES[node]] = one
    with open(path, "w") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in kept.values())


def judge(program, faults, said, keep):
    among = first = silent = certain = 0
    is_whole = said.keys() == {(fault, node) for fault in faults for node in NODES} - PULLED
    if keep and is_whole:
        keep_in(keep, faults, said)
    for (fault, node), message in sorted(said.items()):
        means = faults[fault][1]
        done = subprocess.run([program, "why", f"--message={message}", "-o", "json"], capture_output=True, text=True)
        suspects = [suspect["mode"] for suspect in json.loads(done.stdout)["suspects"]]
        is_among, is_first = any(mode in means for mode in suspects), bool(suspects) and suspects[0] in means
        among += is_among
        first += is_first
        silent += not suspects
        certain += done.returncode != 3
        mark = "first" if is_first else "among" if is_among else "MISSED"
        print(f"{mark:6}  {fault:20} {NODES[node]:22} {', '.join(suspects) or 'nobody'}")
        if not is_first:
            print("        ", message)
    count = len(said)
    print(f"{count} messages: the mode is among the suspects of {among}, first of {first}; {silent} without a suspect, {certain} certain")
    return is_whole and among * 100 >= 85 * count and first * 100 >= 65 * count and silent * 100 <= 5 * count and not certain


if __name__ == "__main__":
    sys.exit(0 if main() else 1)

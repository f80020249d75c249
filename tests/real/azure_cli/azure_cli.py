"""Puts the lab's control plane to the real azure-cli.

Each case runs in a network, mount and process namespace of its own, which the kernel takes away with
everything in it when the case ends. The lab listens there at the addresses of its scenario, under
the real host names; az is signed in as the scenario's operator.

For each case: az reads back what the scenario says; check-acr finds the cause; its first changing fix
is executed by bash and az, after which check-acr is green; its undo, after which it is red again.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve()
CASES = json.loads((HERE.parent / "cases.json").read_text())
FRESH = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
LIMIT = 300


def main():
    if sys.argv[1] == "--inside":
        return inside(json.loads(sys.argv[2]), *map(pathlib.Path, sys.argv[3:7]))
    tool, serve, venv, *words = sys.argv[1:]
    wanted = [case for case in CASES if all(word in case["scenario"] for word in words)]
    if not wanted:
        print(f"no case is called {' '.join(words)}")
        return 2
    failed = 0
    for case in wanted:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="check-acr-az-"))
        try:
            command = ["unshare", *FRESH, sys.executable, str(HERE), "--inside", json.dumps(case)]
            done = subprocess.run([*command, tool, serve, venv, folder], timeout=LIMIT)
            failed += done.returncode != 0
        except subprocess.TimeoutExpired:
            print(f"FAILED {case['scenario']}: no end after {LIMIT} s")
            failed += 1
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(wanted) - failed} passed, {failed} failed")
    return 1 if failed else 0


def inside(case, tool, serve, venv, folder):
    """Runs one case. Returns the exit code."""
    name = case["scenario"]
    run = lambda *words: subprocess.run(words, check=True, capture_output=True, text=True).stdout
    run("ip", "link", "set", "lo", "up")
    # Whoever carries out a fix may do so; in the scenario itself the operator only reads.
    scenario = folder / "scenario.toml"
    scenario.write_text(f'extends = "{name}"\n[azure.assignments.operator-owns]\nwho = "operator"\nrole = "Owner"\nat = "subscription"\n')
    for address in run(serve, "--addresses", scenario).split():
        run("ip", "address", "add", f"{address}/{128 if ':' in address else 32}", "dev", "lo")
    lab = subprocess.Popen([serve, "--as-seen", scenario, folder], stdout=subprocess.PIPE, text=True)
    if lab.stdout.readline().strip() != "ready":
        return fail(name, "the lab does not start")
    run("mount", "--bind", folder / "resolv.conf", "/etc/resolv.conf")
    operator = dict(line.split("=", 1) for line in (folder / "environment").read_text().splitlines())
    asked = (folder / "arguments").read_text().splitlines()
    env = {
        "PATH": f"{venv}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "DOCKER_CONFIG": str(folder),
        "LANG": "C.UTF-8",
        "AZURE_CONFIG_DIR": str(folder / "az"),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_CORE_NO_COLOR": "yes",
        "AZURE_CORE_LOGIN_EXPERIENCE_V2": "no",
        "REQUESTS_CA_BUNDLE": str(folder / "ca.crt"),
        "SSL_CERT_FILE": str(folder / "ca.crt"),
    }

    def shell(command):
        return subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True)

    def check():
        root = folder / "root"
        node = ["--node-root", root] if root.exists() else []
        words = [tool, *asked, *node, "-o", "json"]
        seen = subprocess.run(words, env={**env, **operator}, capture_output=True, text=True)
        if not seen.stdout:
            raise RuntimeError(seen.stderr)
        return json.loads(seen.stdout)["targets"][0]["verdict"], seen.returncode

    client, secret, tenant = (operator[f"AZURE_{it}"] for it in ("CLIENT_ID", "CLIENT_SECRET", "TENANT_ID"))
    login = shell(f"az login --service-principal -u {client} -p {secret} --tenant {tenant} -o json")
    if login.returncode != 0:
        return fail(name, f"az login: {login.stderr.strip()}")
    for read in case.get("reads", []):
        done = shell(read["run"])
        if done.returncode != 0 or done.stdout.strip() != read["says"]:
            return fail(name, f"{read['run']}\nsays {done.stdout.strip()!r}, wanted {read['says']!r}\n{done.stderr.strip()}")
    if "cause" not in case:
        print(f"ok     {name}: {len(case['reads'])} reads")
        return 0
    verdict, code = check()
    causes = [cause["code"] for cause in verdict["causes"]]
    if code != 1 or causes != [case["cause"]]:
        return fail(name, f"exit {code}, causes {causes}, wanted {case['cause']}")
    fixes = [fix for fix in verdict["causes"][0]["fixes"] if fix["changes"] and "run" in fix]
    fix = fixes[case.get("fix", 0)]
    print(f"       {name}: {fix['run']}")
    steps = [("fix", fix["run"], 0), ("undo", fix.get("undo"), 1)]
    for what, command, wanted in steps:
        done = shell(command)
        if done.returncode != 0:
            return fail(name, f"{what}: exit {done.returncode}: {done.stderr.strip()}")
        verdict, code = check()
        if code != wanted:
            left = {kind: [it["code"] for it in verdict[kind]] for kind in ("causes", "could_not_tell")}
            return fail(name, f"after the {what}: exit {code}, wanted {wanted}; {left}")
        if wanted == 1 and [cause["code"] for cause in verdict["causes"]] != causes:
            return fail(name, f"after the {what}: another cause, {verdict['causes']}")
    undone = "; undone, red" if len(steps) == 2 else ""
    print(f"ok     {name}: {case['cause']}; fixed, green{undone}")
    lab.kill()
    return 0


def fail(name, why):
    print(f"FAILED {name}: {why}")
    return 1


if __name__ == "__main__":
    sys.exit(main())

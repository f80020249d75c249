"""Takes the commands of every scenario's fixes and puts them to bash, to the real az and kubectl, and to stubs."""
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parents[2] / "target" / "commands"
BINARY, VENV = sys.argv[1], Path(sys.argv[2])
MODES = ["fail", "fail-after-a-line", "nothing", "two-lines"]
# Programs that a command may use as they are; every other one is a stub.
REAL = "awk bash sh env echo printf grep cut sort sed cat base64 jq head tail tr wc xargs mktemp test seq sleep".split()
STUBS = ("az kubectl docker check-acr curl nslookup openssl chronyc timedatectl journalctl pgrep ls sudo systemctl "
         "iptables-save nft ip ss python3 containerd timeout time docker-credential-pass mv cp rm ctr crictl kubelogin").split()
KUBECTL_READS = re.compile(r"^(get|describe|config (view|get-contexts)|auth whoami)( |$)")
READS = re.compile(r"^(show|list|list-.*|show-.*|check-health|get-access-token|rest|query)$")


def scenario(name):
    """The target and the fixes that a scenario shows, in English and in Korean."""
    events = WORK / f"{name}.events"
    run = [BINARY, "lab", name, "-o", f"events={events}", "-o", "json", "--lang", "en"]
    english = json.loads(subprocess.run(run, capture_output=True, text=True, check=False).stdout)
    shown = [BINARY, "show", str(events), "-o", "json", "--lang", "ko"]
    korean = json.loads(subprocess.run(shown, capture_output=True, text=True, check=False).stdout)
    found = [list(fixes(page)) for page in (english, korean)]
    assert found[0] == found[1], f"{name}: the commands differ between the languages"
    return found[0]


def fixes(page):
    for target in page["targets"]:
        for kind in ("causes", "could_not_tell", "warnings"):
            for cause in target["verdict"][kind]:
                for fix in cause["fixes"]:
                    for part, changes in (("run", fix["changes"]), ("undo", True), ("verify", False)):
                        if part in fix:
                            asked = target["target"].get("asked", "")
                            # The names of what a fix creates hold the time, and would make one command many.
                            command = re.sub(r"check-acr-\d{8}-\d{6}", "check-acr-fresh", fix[part])
                            yield (cause["code"], part, bool(changes), command, asked)


def sandbox(command, asked, mode="", at=0):
    """The calls that a command makes, in a root file system that is read only, without a network."""
    keys = set(re.findall(r'\.auths\["([^"]+)"\]', command))
    entry = {"auth": "dTpw"}
    secret = {"k": entry} if "with_entries" in command else {"auths": {key: entry for key in keys} or {"k": entry}}
    script = ("mount -o remount,ro,bind / && mount -t tmpfs tmpfs /mnt && chmod 777 /mnt && cd /mnt && "
              "{ setpriv --reuid 65534 --clear-groups timeout 20 bash -c \"$COMMAND\" </dev/null >/dev/null 2>&1; "
              "cat /mnt/calls 2>/dev/null; true; }")
    inside = {"PATH": str(WORK / "bin"), "COMMAND": command, "ASKED": asked, "SECRET": json.dumps(secret), "MODE": mode, "AT": str(at)}
    outer = ["unshare", "-n", "-m", "/bin/bash", "-c", "PATH=/usr/sbin:/usr/bin:/sbin:/bin; mount --make-rprivate / && mount --bind / / && "
             + script.replace("timeout 20", "/usr/bin/timeout 20 /usr/bin/env -i PATH=\"$STUBS\" ASKED=\"$ASKED\" SECRET=\"$SECRET\" MODE=\"$MODE\" AT=\"$AT\"")]
    inside["STUBS"] = inside.pop("PATH")
    done = subprocess.run(outer, env=inside, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [call.split("\x1f") for call in done.stdout.split("\x1e") if call]


def is_change(call):
    program, words = call[0], call[1:]
    plain = [word for word in words if not word.startswith("-")]
    if program == "az":
        return not any(READS.match(word) for word in plain[:6]) or "--method" in words
    if program == "kubectl":
        # Which cluster is asked comes before the verb.
        while words and words[0] in ("--context", "--kubeconfig"):
            words = words[2:]
        verb = " ".join(word for word in words if not word.startswith("-"))
        return not KUBECTL_READS.match(verb) and not any(word.startswith("--dry-run") for word in words)
    if program == "sudo":
        return is_change(words)
    if program == "check-acr":
        return words[:1] == ["cleanup"]
    if program == "kubelogin":
        return plain[:1] == ["convert-kubeconfig"]
    if program in ("mv", "cp", "rm", "mkdir", "rmdir"):
        return True
    if program == "systemctl":
        return plain[:1] in (["restart"], ["daemon-reload"], ["start"], ["stop"])
    if program == "ctr":
        return "rm" in plain
    if program == "crictl":
        return plain[:1] == ["rmi"]
    return "inspect" not in words and (program, *plain[:1]) in {("docker", "push"), ("docker", "login"), ("docker", "logout"), ("docker", "buildx"),
                                     ("docker", "tag"), ("docker", "pull"), ("chronyc", "makestep")}


def lookups(calls):
    return [call for call in calls if call[0] in ("az", "kubectl") and not is_change(call) and call[1:2] != ["create"]]


def prepare():
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "bin").mkdir(parents=True)
    for program in REAL:
        if path := shutil.which(program):
            os.symlink(path, WORK / "bin" / program)
    for program in STUBS:
        shutil.copy(HERE / "stub", WORK / "bin" / program)


def main():
    prepare()
    list_all = [BINARY, "lab", "--list", "-o", "json"]
    listed = subprocess.run(list_all, capture_output=True, text=True, check=True).stdout
    names = [one["name"] for one in json.loads(listed)]
    with ThreadPoolExecutor(int(os.environ.get("JOBS", "4"))) as pool:
        commands = {one[3].replace(one[4], "ASKED"): one for found in pool.map(scenario, names) for one in found}.values()
    failed, calls, runs = [], {}, 0
    for code, part, changes, command, asked in commands:
        where = f"{code} ({part})"
        if subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False).returncode:
            failed.append(f"{where}: bash does not parse {command}")
            continue
        healthy = sandbox(command, asked)
        calls.update({tuple(call): where for call in healthy})
        if not changes:
            failed.extend(f"{where}: a command that only looks changes something: {call}" for call in healthy if is_change(call))
            continue
        runs += 1
        # What changes the shell itself calls no program.
        if not any(is_change(call) for call in healthy) and not re.fullmatch(r"unset \w+", command):
            failed.append(f"{where}: nothing is changed although every look-up is healthy: {command}")
        for at in range(1, len(lookups(healthy)) + 1):
            for mode in MODES:
                runs += 1
                changed = [call for call in sandbox(command, asked, mode, at) if is_change(call)]
                failed.extend(f"{where}: look-up {at}: {mode}, and yet: {call}" for call in changed)
    parsed = {program: [call for call in calls if call[0] == program] for program in ("az", "kubectl")}
    python = VENV / "bin" / "python"
    # Graph is an extension, which azure-cli fetches when it is first used.
    extension = [call for call in parsed["az"] if call[1] == "graph"]
    parsed["az"] = [call for call in parsed["az"] if call not in extension]
    lines = [f"distinct commands, in two languages: {len(commands)}", f"runs against stubs: {runs}"]
    if python.exists():
        asked = "".join(json.dumps(list(call[1:])) + "\n" for call in parsed["az"])
        said = subprocess.run([python, HERE / "azparse.py"], input=asked, capture_output=True, text=True, check=False).stdout
        said = said.splitlines()
        assert len(said) == len(parsed["az"]), "the parser of azure-cli ended early"
        failed.extend(f"{calls[call]}: az {' '.join(call[1:])}: {answer}" for call, answer in zip(parsed["az"], said) if answer != "ok")
        lines.append(f"az calls, parsed by azure-cli: {len(said)}; of an extension, not parsed: {len(extension)}")
    else:
        lines.append("az calls: not run: azure-cli could not be installed")
    kubectl = shutil.which("kubectl")
    if kubectl:
        for call in parsed["kubectl"]:
            failed.extend(f"{calls[call]}: {' '.join(call)}: {line}" for line in kubectl_says(kubectl, call))
        lines.append(f"kubectl calls, parsed by kubectl: {len(parsed['kubectl'])}")
    else:
        lines.append("kubectl calls: not run: there is no kubectl")
    print("\n".join(lines + [f"failed: {len(failed)}"] + sorted(set(failed))))
    return 1 if failed else 0


def kubectl_says(kubectl, call):
    """What kubectl has against the words of a call; that it reaches no cluster is none of it."""
    run = [kubectl, "--kubeconfig=/dev/null", "--server=https://127.0.0.1:1", "--request-timeout=1s", *call[1:]]
    done = subprocess.run(run, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30)
    wrong = re.compile(r"unknown (flag|command|shorthand)|invalid argument|required flag|flag needs an argument|exactly one")
    return [line for line in done.stderr.splitlines() if wrong.search(line)][:1]


sys.exit(main())

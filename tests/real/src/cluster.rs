//! A real Kubernetes node beside the lab, in a network of its own, started by the given `cluster`
//! script.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use lab::Scenario;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::Fallible;
use crate::daemon::{run, until};

/// The node's name, as pods in its network and the certificates of its API server have it.
const NODE: &str = "10.250.0.2";
/// The kubelet's configuration of credential providers.
const CONFIG: &str = "credential-provider-config.yaml";
const POD: &str = "app";
const SECRET: &str = "acr-pull";
/// What is in the lab's stand-in for a credential provider, which has a version and does nothing, but
/// not in programs for other machines.
const STAND_IN: &[u8] = b"Go buildinf";

/// A line of shell that runs its arguments with another `/proc`. The processes of other clusters and
/// tests on this machine are left out of it.
const ALONE: &str = r#"set -e; of=$(readlink /proc/self/ns/mnt)
exec unshare --mount sh -c 'set -e; of=$1; shift; new=$(mktemp -d); mount -t tmpfs tmpfs "$new"
for pid in 1 $$ $(find /proc/[0-9]*/ns/mnt -maxdepth 0 -printf "%l %p
" 2>/dev/null |
  while read -r mounts path; do [ "$mounts" != "$of" ] || { path=${path#/proc/}; echo "${path%%/*}"; }; done)
do mkdir -p "$new/$pid"; mount --bind "/proc/$pid" "$new/$pid" 2>/dev/null || rmdir "$new/$pid"; done
ln -s $$ "$new/self"; ln -s self/net "$new/net"; : >"$new/stat"; mount --bind /proc/stat "$new/stat"
mount --move "$new" /proc; rmdir "$new"; exec "$@"' sh "$of" "$@""#;

pub struct Cluster {
    script: PathBuf,
    /// The folder of this run.
    folder: PathBuf,
    network: String,
    lab: Option<Child>,
}

impl Cluster {
    pub fn new(script: &Path, folder: &Path) -> Cluster {
        let network = format!("check-acr-{}", std::process::id());
        Cluster { script: script.to_owned(), folder: folder.to_owned(), network, lab: None }
    }

    fn home(&self) -> PathBuf {
        self.folder.join("cluster")
    }

    /// Returns the folder whose files are mounted on the node.
    pub fn node_files(&self) -> PathBuf {
        self.home().join("node")
    }

    fn script(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.script);
        command.args(words).env("REAL_CLUSTER_RUN", self.home());
        command.env("REAL_CLUSTER_NETNS", &self.network).env("REAL_CLUSTER_NODE_IP", NODE);
        // What this shell trusts is not what a node trusts.
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        command
    }

    /// Returns a command that runs on the node.
    pub fn node(&self, program: &Path) -> Command {
        let mut command = self.script(&["node", "env", "-i"]);
        command.arg("PATH=/usr/sbin:/usr/bin:/sbin:/bin").arg("HOME=/nonexistent").arg(program);
        command
    }

    /// Returns a command that runs on the node and sees only the node's processes, as on a machine of
    /// its own: those that share its mounts.
    pub fn alone(&self, program: &Path) -> Command {
        let mut command = self.node(Path::new("sh"));
        command.args(["-c", ALONE, "sh"]).arg(program);
        command
    }

    /// Runs a command of the script.
    pub async fn run(&self, words: &[String]) -> Fallible<()> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(self.script(&words)).await.map(drop)
    }

    /// Returns the kubeconfig of the cluster's administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.home().join("admin.kubeconfig")
    }

    async fn kubectl(&self, words: &[&str]) -> Fallible<String> {
        run(self.kubectl_command(words)?).await
    }

    /// Returns a command of kubectl, as the cluster's administrator.
    pub fn kubectl_command(&self, words: &[&str]) -> Fallible<Command> {
        let built = std::env::var("REAL_CLUSTER_HOME").map(PathBuf::from);
        let built = built.or_else(|_| {
            let home = std::env::var("XDG_CACHE_HOME").map(PathBuf::from);
            home.or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".cache")))
                .map(|cache| cache.join("real-cluster"))
        })?;
        let mut command = self.node(&built.join("bin/kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(words);
        Ok(command)
    }

    /// Removes all images from the node's containerd, except those that pods consist of.
    async fn forget_images(&self) -> Fallible<()> {
        let ctr = || {
            let mut command = Command::new("ctr");
            command.arg("-a").arg(self.home().join("containerd/containerd.sock"));
            command.args(["-n", "k8s.io", "images"]);
            command
        };
        let mut list = ctr();
        list.args(["ls", "-q"]);
        for image in run(list).await?.lines().filter(|image| !image.contains("pause")) {
            let mut remove = ctr();
            remove.args(["rm", "--sync", image]);
            run(remove).await?;
        }
        Ok(())
    }

    /// Creates the network, the first world in it, and the cluster with its real provider.
    pub async fn up(&mut self, first: &str) -> Fallible<()> {
        let ns = self.network.clone();
        ip(&["netns", "add", &ns]).await?;
        for words in [
            // Both ends stay inside: the node has an address and a default route, but nothing
            // listens at the gateway.
            "link add eth0 type veth peer name eth0-peer",
            "address add 10.250.0.2/24 dev eth0",
            "link set lo up",
            "link set eth0 up",
            "link set eth0-peer up",
            "route add default via 10.250.0.1",
        ] {
            let words: Vec<&str> = ["-n", &ns].into_iter().chain(words.split(' ')).collect();
            ip(&words).await?;
        }
        self.world(first).await?;
        run(self.script(&["provider"])).await?;
        // Writes the files again without the provider, so that the node has exactly the files of
        // the world.
        let provider =
            self.node_files().join("kubelet/credential-provider/acr-credential-provider");
        fs::copy(provider, self.folder.join("acr-credential-provider"))?;
        self.lay_files()?;
        // Its daemons keep the script's output open: a pipe would never end.
        let log = fs::File::create(self.folder.join("up.log"))?;
        let mut up = self.script(&["up"]);
        up.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if up.status().await?.success() {
            return Ok(());
        }
        Err(fs::read_to_string(self.folder.join("up.log"))?.into())
    }

    /// Stops the previous world and starts this one.
    async fn world(&mut self, name: &str) -> Fallible<()> {
        if let Some(mut lab) = self.lab.take() {
            lab.kill().await?;
        }
        let folder = self.folder.join("world");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        for address in lab::addresses(&crate::seen::scenario(name)?)? {
            let address = address.to_string();
            // Usually left over from the previous case.
            let _ = ip(&["-n", &self.network, "address", "add", &address, "dev", "lo"]).await;
        }
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.network]).arg(std::env::current_exe()?);
        command.arg("stand").arg(name).arg(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut lab = command.spawn()?;
        let said = lab.stdout.take().map(|out| BufReader::new(out).lines());
        self.lab = Some(lab);
        let Some(mut said) = said else { return Err("the lab has no voice".into()) };
        match said.next_line().await?.as_deref() {
            Some("ready") => Ok(()),
            _ => Err(format!("the lab does not start {name}").into()),
        }
    }

    /// Writes the world's files to the node, in place where files are mounted.
    fn lay_files(&self) -> Fallible<()> {
        let (world, node) = (self.folder.join("world"), self.node_files());
        let kubelet = node.join("kubelet");
        let providers = kubelet.join("credential-provider");
        for folder in [&node.join("etc-kubernetes"), &providers, &node.join("certs.d/_default")] {
            fs::create_dir_all(folder)?;
        }
        for file in ["ca.pem", "resolv.conf"] {
            fs::write(node.join(file), fs::read(world.join(file))?)?;
        }
        // containerd reads the system's authorities once, but these for each pull.
        let hosts = format!("ca = \"{}\"\n[host]\n", node.join("ca.pem").display());
        fs::write(node.join("certs.d/_default/hosts.toml"), hosts)?;
        replace(&world.join("root/etc/kubernetes"), &node.join("etc-kubernetes"))?;
        replace(&world.join("root/var/lib/kubelet/credential-provider"), &providers)?;
        let provider = providers.join("acr-credential-provider");
        let is_stand_in =
            |program: Vec<u8>| program.windows(STAND_IN.len()).any(|it| it == STAND_IN);
        if fs::read(&provider).is_ok_and(is_stand_in) {
            fs::copy(self.folder.join("acr-credential-provider"), provider)?;
        }
        let own = world.join("root/var/lib/kubelet");
        for name in [CONFIG, "config.json"] {
            let file = kubelet.join(name);
            let text = fs::read_to_string(own.join(name)).ok();
            let text = text.map(|text| if name == CONFIG { complete(&text) } else { text });
            // The running kubelet knows the file that is older than it.
            if fs::read_to_string(&file).ok() == text {
                continue;
            }
            let _ = fs::remove_file(&file);
            if let Some(text) = text {
                fs::write(file, text)?;
            }
        }
        Ok(())
    }

    /// Returns the kubelet's event for the world's image. Some configurations prevent the kubelet
    /// from starting; then the error says why.
    pub async fn pull(&mut self, name: &str, scenario: &Scenario) -> Fallible<(bool, String)> {
        self.anew(name).await?;
        self.pull_here(scenario).await
    }

    /// Returns the kubelet's event for the image, in the world as it is now.
    pub async fn pull_here(&self, scenario: &Scenario) -> Fallible<(bool, String)> {
        self.forget_images().await?;
        // The kubelet caches a provider's response. Its daemon would keep a pipe open.
        let mut kubelet = self.script(&["restart-kubelet"]);
        kubelet.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // As AKS starts it. The kubelet's providers inherit the variable, and use it in a cloud
        // without a name.
        kubelet.env("AZURE_ENVIRONMENT_FILEPATH", "/etc/kubernetes/akscustom.json");
        kubelet.status().await?;
        let healthy = async || {
            let mut curl = self.node(Path::new("curl"));
            curl.args(["-sf", "-o", "/dev/null", "http://127.0.0.1:10248/healthz"]);
            run(curl).await.is_ok()
        };
        if until("the kubelet", Duration::from_secs(15), healthy).await.is_err() {
            return Ok((false, format!("the kubelet does not start: {}", self.last_words())));
        }
        let mut named = vec![];
        if let Some(file) = self.pull_secret(scenario) {
            let from = format!("--from-file=.dockerconfigjson={}", file.display());
            let kind = "--type=kubernetes.io/dockerconfigjson";
            self.kubectl(&["create", "secret", "generic", SECRET, kind, &from]).await?;
            named.push(serde_json::json!({ "name": SECRET }));
        }
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": POD },
            "spec": { "nodeName": "node-0", "imagePullSecrets": named, "hostNetwork": true, "restartPolicy": "Never", "containers": [
                { "name": POD, "image": scenario.ask.image, "imagePullPolicy": "Always" },
            ] },
        });
        let file = self.folder.join("pod.json");
        fs::write(&file, pod.to_string())?;
        self.kubectl(&["apply", "-f", &file.display().to_string()]).await?;
        let mut said = None;
        let heard = async || {
            said = self.event().await.ok().flatten();
            said.is_some()
        };
        // A provider may take a minute, and a connection of containerd half a minute.
        until("the event of a pull", Duration::from_secs(180), heard).await?;
        self.kubectl(&["delete", "pod", POD, "--force", "--grace-period=0"]).await?;
        self.kubectl(&["delete", "events", "--all"]).await?;
        self.kubectl(&["delete", "secret", SECRET, "--ignore-not-found"]).await?;
        let words = said.unwrap_or_default();
        Ok((words.starts_with("Successfully pulled"), words))
    }

    /// Returns the file in which `check-acr` finds the pod's image pull secret, if the scenario
    /// uses one.
    pub fn pull_secret(&self, scenario: &Scenario) -> Option<PathBuf> {
        let mut words = scenario.ask.args.iter().skip_while(|word| *word != "--auth-file");
        words.nth(1).map(|file| self.folder.join("world/root").join(file))
    }

    /// Starts the same world again for the next client, because some of its responses are given
    /// only once.
    pub async fn anew(&mut self, name: &str) -> Fallible<()> {
        self.world(name).await?;
        self.lay_files()
    }

    /// Runs a line of shell on the node, among its files.
    pub async fn shell(&self, line: &str) -> Fallible<()> {
        run(self.script(&["node", "sh", "-c", line])).await.map(drop)
    }

    /// Returns what the node's containerd says of its version.
    pub async fn containerd(&self) -> Fallible<String> {
        let said = run(self.script(&["node", "containerd", "--version"])).await?;
        let words: Vec<&str> = said.split_whitespace().take(3).collect();
        Ok(words.join(" "))
    }

    /// Ends the node's containerd and starts it again, with these variables besides its own.
    pub async fn restart_containerd(&self, environment: &[(&str, &str)]) -> Fallible<()> {
        let pid_file = self.home().join("containerd.pid");
        let pid = fs::read_to_string(&pid_file)?.trim().to_owned();
        let mut kill = Command::new("kill");
        kill.arg(&pid);
        run(kill).await?;
        let gone = async || !Path::new("/proc").join(&pid).exists();
        until("the end of containerd", Duration::from_secs(15), gone).await?;
        // Linux tells the start of a process to the second: what was changed is older than that.
        let since = Instant::now();
        let older = async || since.elapsed() > Duration::from_secs(2);
        until("a start after the changes", Duration::from_secs(9), older).await?;
        let log = fs::File::create(self.folder.join("containerd.log"))?;
        let mut start = self.script(&["node", "containerd", "-c", "/etc/containerd/config.toml"]);
        start.envs(environment.iter().copied());
        start.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(false);
        let containerd = start.spawn()?;
        // The script becomes containerd, so that it ends by this number as the first one did.
        fs::write(pid_file, containerd.id().unwrap_or_default().to_string())?;
        let answers = async || run(self.script(&["node", "ctr", "version"])).await.is_ok();
        until("containerd", Duration::from_secs(15), answers).await
    }

    async fn event(&self) -> Fallible<Option<String>> {
        let events: Value =
            serde_json::from_str(&self.kubectl(&["get", "events", "-o", "json"]).await?)?;
        let messages = events["items"].as_array().into_iter().flatten();
        let mut messages = messages
            .filter(|event| event["involvedObject"]["name"] == POD)
            .filter_map(|event| event["message"].as_str());
        let wanted = |message: &&str| {
            message.starts_with("Successfully pulled") || message.starts_with("Failed to pull")
        };
        Ok(messages.find(wanted).map(str::to_owned))
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.home().join("kubelet.log")).unwrap_or_default();
        let last = log.lines().rfind(|line| line.starts_with('E') || line.contains("err="));
        last.unwrap_or_default().to_owned()
    }

    /// Stops the cluster and the network.
    pub async fn down(&mut self) -> Fallible<()> {
        if let Some(mut lab) = self.lab.take() {
            lab.kill().await?;
        }
        let down = run(self.script(&["down"])).await;
        ip(&["netns", "delete", &self.network]).await?;
        down.map(drop)
    }
}

/// Adds what the kubelet requires to start and `check-acr` does not read; the lab's scenarios leave
/// it out.
fn complete(config: &str) -> String {
    if config.contains("kind:") || config.contains('{') {
        return config.to_owned();
    }
    let head = "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\n";
    let name = "  - name: acr-credential-provider\n";
    let more =
        "    apiVersion: credentialprovider.kubelet.k8s.io/v1\n    defaultCacheDuration: 10m\n";
    format!("{head}{}", config.replace(name, &format!("{name}{more}")))
}

/// Empties a folder and copies the contents of another into it, if the other exists.
fn replace(from: &Path, to: &Path) -> Fallible<()> {
    for old in fs::read_dir(to)? {
        fs::remove_file(old?.path())?;
    }
    for new in fs::read_dir(from).into_iter().flatten() {
        let new = new?;
        fs::copy(new.path(), to.join(new.file_name()))?;
    }
    Ok(())
}

async fn ip(words: &[&str]) -> Fallible<()> {
    let mut command = Command::new("ip");
    command.args(words);
    run(command).await.map(drop)
}

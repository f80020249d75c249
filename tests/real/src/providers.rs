//! Puts builds of Azure's credential provider to nodes of the lab, and `check-acr` beside them: does it
//! sign in where that version does?
//!
//! `real providers FOLDER --tool check-acr [--proof docs/proof-providers.md]`, as root. Each program
//! `provider-VERSION` of the folder is run as the kubelet runs it, and by `check-acr --run-provider`.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lab::Scenario;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::daemon::run;
use crate::namespace::ip;
use crate::nodes::furnish;
use crate::{Fallible, Options, proof, seen};

/// The worlds: what decides in each, the lab's scenario, and what is laid over it.
const WORLDS: &[(&str, &str, &str)] = &[
    ("a role", "node-healthy", ""),
    ("no role", "node-without-role", ""),
    ("the registry takes no tokens for Azure Resource Manager", "node-arm-audience-disabled", ""),
    ("Entra issues no tokens for registries", "node-audience-unavailable", ""),
    ("a regional endpoint", "node-regional-endpoint", ""),
    ("a login server with a label", "node-labelled-login-server", ""),
    ("Azure in China", "node-cloud-china", ""),
    ("a registry of another cloud", "node-other-cloud", ""),
    ("a name in capital letters", "node-capital-letters", ""),
    ("called with --registry-mirror", "node-provider-flag-known", ""),
    ("called with --ib-sni-name", "node-healthy", IDENTITY_BINDINGS),
];
const IDENTITY_BINDINGS: &str = "[node]\ncredential_provider = '''
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: acr-credential-provider
    matchImages: [\"*.azurecr.io\"]
    defaultCacheDuration: 10m
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    args:
      - /etc/kubernetes/azure.json
      - --ib-sni-name=aks
'''\n";
const PROGRAM: &str = "var/lib/kubelet/credential-provider/acr-credential-provider";
const CONFIG: &str = "/var/lib/kubelet/credential-provider-config.yaml";
const INTERFACE: &str = "credentialprovider.kubelet.k8s.io/v1";
/// As the kubelet.
const WAIT: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Row {
    version: String,
    world: String,
    image: String,
    /// What the provider did.
    provider: String,
    /// Whether it gave a password for the image.
    gives: bool,
    /// How check-acr's sign-in ended, and what it said of the provider.
    signs_in: bool,
    version_read: String,
    found: Vec<String>,
}

impl Row {
    fn complaints(&self) -> Vec<String> {
        let mut wrong = vec![];
        let is_unclear = self.found.iter().any(|code| code == "kubelet/provider-not-replayed");
        if self.gives != self.signs_in && !is_unclear {
            wrong.push(format!("the provider: {}; signed in: {}", self.provider, self.signs_in));
        }
        // Both run the same program.
        let fails = self.found.iter().any(|code| code == "kubelet/credprovider-run-fails");
        if self.signs_in && fails == self.gives {
            wrong.push(format!("its own run fails: {fails}, ours gives: {}", self.gives));
        }
        if !self.version_read.is_empty() && self.version_read != self.version {
            wrong.push(format!("the version is read as {:?}", self.version_read));
        }
        wrong
    }
}

pub async fn all(words: &[String]) -> Fallible<bool> {
    let (programs, rest) = words.split_first().ok_or("providers: which folder?")?;
    let options = Options::read_part(rest)?;
    let tool = options.tool.as_deref().ok_or("--tool: which check-acr?")?.canonicalize()?;
    let programs = Path::new(programs).canonicalize()?;
    let start = Instant::now();
    let mut versions = vec![];
    for entry in std::fs::read_dir(&programs)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        versions.extend(name.strip_prefix("provider-").map(str::to_owned));
    }
    versions.sort();
    let folder = std::env::temp_dir().join(format!("check-acr-providers-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut rows = vec![];
    for version in &versions {
        for (number, (world, ..)) in WORLDS.iter().enumerate() {
            let mut command = Command::new("unshare");
            command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
            command.arg(std::env::current_exe()?).args(["provider-world", &number.to_string()]);
            command.arg(folder.join(format!("{version}-{number}"))).arg(version);
            command.arg(programs.join(format!("provider-{version}"))).arg(&tool);
            command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
            command.stdin(Stdio::null());
            let said = run(command).await.map_err(|e| format!("{version}, {world}: {e}"))?;
            rows.push(serde_json::from_str::<Row>(&said)?);
        }
    }
    std::fs::remove_dir_all(&folder)?;
    for row in &rows {
        let complaints = row.complaints();
        let agree = if complaints.is_empty() { "agree" } else { "DIFFER" };
        println!("{agree} {}, {}: {} {:?}", row.version, row.world, row.provider, row.found);
        complaints.iter().for_each(|complaint| println!("    {complaint}"));
    }
    let failed = rows.iter().filter(|row| !row.complaints().is_empty()).count();
    let result = format!("{} runs: {} agree, {failed} do not", rows.len(), rows.len() - failed);
    println!("{result}");
    if let Some(page) = &options.proof {
        let day = proof::said(&["date", "-u", "+%F"]).await?;
        let tool = proof::said(&[&tool.to_string_lossy(), "--version"]).await?;
        let head = format!("{day}: {result}. It took {} s. {tool}.", start.elapsed().as_secs());
        proof::replace(page, &written(&rows, &head))?;
    }
    Ok(failed == 0 && !rows.is_empty())
}

fn written(rows: &[Row], head: &str) -> String {
    let mut page = format!(
        "{head}\n\n| provider | world | image | the provider | check-acr signs in | agree | found |\n{}|\n",
        "| --- ".repeat(7),
    );
    for row in rows {
        let signs_in = if row.signs_in { "yes" } else { "no" };
        let agree = if row.complaints().is_empty() { "yes" } else { "NO" };
        let found = if row.found.is_empty() { "nothing".to_owned() } else { row.found.join(", ") };
        page += &format!(
            "| {} | {} | {} | {} | {signs_in} | {agree} | {found} |\n",
            row.version,
            row.world,
            row.image,
            row.provider.replace('|', "\\|"),
        );
    }
    page
}

/// Runs as the node of one world: `provider-world NUMBER FOLDER VERSION PROGRAM TOOL`, in namespaces
/// of its own. Prints the row.
pub async fn stand(words: &[String]) -> Fallible<()> {
    let [number, folder, version, program, tool] = words else { return Err("five words".into()) };
    let folder = Path::new(folder);
    let (world, name, more) = WORLDS.get(number.parse::<usize>()?).ok_or("no such world")?;
    let scenario = match *more {
        "" => seen::scenario(name)?,
        more => Scenario::parse(&format!("extends = \"{name}\"\n{STORY}{more}"))?,
    };
    ip(&["link", "set", "lo", "up"]).await?;
    for address in lab::addresses(&scenario)? {
        ip(&["address", "add", &address.to_string(), "dev", "lo"]).await?;
    }
    let _lab = seen::start(&scenario, folder).await?;
    std::fs::copy(program, folder.join("root").join(PROGRAM))?;
    let mut copy = Command::new("cp");
    copy.args(["-a", "/etc"]).arg(folder.join("etc"));
    run(copy).await?;
    std::fs::create_dir_all(folder.join("etc/kubernetes"))?;
    furnish(folder, &folder.join("etc")).await?;

    let image = scenario.ask.image.clone();
    // The kubelet's request has no tag.
    let asked = image.rsplit_once(':').map_or(image.as_str(), |(name, _)| name);
    let (provider, gives) = as_the_kubelet(asked).await?;
    let events = folder.join("events");
    let mut command = Command::new(tool);
    command.arg(&image).arg("--run-provider").arg("-o");
    command.arg(format!("events={}", events.display())).stdin(Stdio::null());
    command.output().await?;
    let events = std::fs::read_to_string(events)?;
    let events: Vec<Value> =
        events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let end = |step: &str| {
        let mut ended = events.iter().filter(|event| event["event"] == "finished");
        ended.find(|event| event["step"] == step).map(|event| event["end"].clone())
    };
    let read =
        end("kubelet").and_then(|end| end["saw"]["provider_version"].as_str().map(str::to_owned));
    let mut found = vec![];
    for event in &events {
        let is_ours = ["kubelet", "identity", "exchange"].iter().any(|step| event["step"] == *step);
        let finding = &event["finding"]["code"];
        if let (true, Some(code)) = (is_ours, finding.as_str()) {
            found.push(code.to_owned());
        }
    }
    found.dedup();
    let row = Row {
        version: version.clone(),
        world: (*world).to_owned(),
        image,
        provider,
        gives,
        signs_in: end("exchange").is_some_and(|end| end.get("saw").is_some()),
        version_read: read.unwrap_or_default(),
        found,
    };
    println!("{}", serde_json::to_string(&row)?);
    Ok(())
}

/// What in the words of a provider says why it fails.
const REASONS: &[&str] = &[
    "unknown flag: --ib-sni-name",
    "invalid_resource",
    "status code 401",
    "status code: 401",
    "401 Unauthorized",
    // In its usage as well.
    "--ib-apiserver-ip",
];

const STORY: &str = "[story]\nen = \"A provider.\"\nko = \"공급자입니다.\"\n";

/// Returns what the provider says to the kubelet's request, and whether there is a password in it.
async fn as_the_kubelet(image: &str) -> Fallible<(String, bool)> {
    let config = std::fs::read_to_string(CONFIG).unwrap_or_default();
    let mut command = Command::new(Path::new("/").join(PROGRAM));
    command.args(args(&config)).env_clear();
    // In a cloud without a name it asks the file of this variable, as on AKS.
    command.env("AZURE_ENVIRONMENT_FILEPATH", "/etc/kubernetes/akscustom.json");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let request =
        json!({ "kind": "CredentialProviderRequest", "apiVersion": INTERFACE, "image": image });
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(request.to_string().as_bytes()).await?;
    }
    let Ok(out) = tokio::time::timeout(WAIT, child.wait_with_output()).await else {
        return Ok(("does not end".into(), false));
    };
    let out = out?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        let said = REASONS.iter().find(|reason| said.contains(*reason));
        let said = said.map_or_else(String::new, |said| format!(": {said}"));
        return Ok((format!("{}{said}", out.status), false));
    }
    let answer: Value = serde_json::from_slice(&out.stdout)?;
    let auth = answer["auth"].as_object();
    let has_password = |(_, entry): (&String, &Value)| {
        entry["password"].as_str().is_some_and(|password| !password.is_empty())
    };
    let kept = answer["cacheDuration"].as_str().unwrap_or("0").to_owned();
    let gives = auth.is_some_and(|auth| auth.iter().any(has_password));
    let said = if gives { "gives a password" } else { "gives no password" };
    Ok((format!("{said}, kept for {kept}"), gives))
}

/// Returns the arguments in a provider's configuration, as the lab writes it.
fn args(config: &str) -> Vec<String> {
    let mut lines = config.lines().map(str::trim).skip_while(|line| !line.starts_with("args:"));
    let inline = lines.next().and_then(|line| line.split_once('[')).map(|(_, list)| list);
    let clean = |word: &str| word.trim().trim_matches(['\'', '"']).to_owned();
    match inline {
        Some(list) => list.trim_end_matches(']').split(',').map(clean).collect(),
        None => lines.map_while(|line| line.strip_prefix("- ")).map(clean).collect(),
    }
}

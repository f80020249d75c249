//! What the credential provider says when it is run as the kubelet runs it.
//!
//! Only `--run-provider` asks for that: it starts a program of the node. The answer is compared with
//! what check-acr itself found, and dropped. A failure is never a cause by itself: this process may
//! lack what the kubelet has.
//!
//! Source: kubernetes, pkg/credentialprovider/plugin/plugin.go.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use super::{
    problem::Problem,
    provider::{INTERFACE, Provider},
    run_fault::RunFault,
    settings::Settings,
};
use crate::kit::{
    Cx, Secret,
    rules::{Fields, Pattern},
    world::{BUNDLES, CERTIFICATE_FOLDERS, FileError, ProcessError, TrustPlaces, World, process},
};

/// How long the provider may take. The kubelet waits for a minute.
const RUN_WAIT: Duration = Duration::from_secs(20);
/// The variables of the kubelet that the provider inherits and that decide how it reaches hosts.
const INHERITED: [&str; 6] =
    ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"];
/// The variables that name its authorities.
const TRUST_FILE: &str = TrustPlaces::VARIABLES[0];
const TRUST_FOLDERS: &str = TrustPlaces::VARIABLES[1];
/// What stands for a file that is never opened.
const OFF_LIMITS: &str = "/dev/null";
/// What a kubelet takes as the kind of key (`pkg/apis/credentialprovider/v1`).
const CACHE_KEYS: [&str; 3] = ["Image", "Registry", "Global"];

/// A run of the provider.
pub(super) struct Run<'a> {
    pub(super) provider: &'a Provider,
    /// The program's path on the node.
    pub(super) program: String,
    /// The image, as the kubelet passes it.
    pub(super) image: String,
    /// The user name that it should sign in with; `None` where that is open.
    pub(super) user: Option<String>,
}

impl Run<'_> {
    /// Runs the provider beside the next steps, and tells where it fails.
    pub(super) fn start(self, cx: &Cx, settings: &Settings) {
        let mut environment = vec![
            (
                "PATH".to_owned(),
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ),
            ("HOME".to_owned(), "/".to_owned()),
        ];
        let inherited = settings.environment().unwrap_or_default();
        let all = inherited.iter().chain(&self.provider.variables);
        let trust: Vec<(String, String)> = all
            .filter(|(name, _)| TrustPlaces::VARIABLES.contains(&name.as_str()))
            .cloned()
            .collect();
        let of_proxies = inherited.iter().filter(|(name, _)| INHERITED.contains(&name.as_str()));
        environment.extend(of_proxies.cloned());
        let (own, args) = (self.provider.variables.clone(), self.provider.args.written.clone());
        let pattern = Pattern::read(&self.image);
        let request = json!({
            "kind": "CredentialProviderRequest",
            "apiVersion": INTERFACE,
            "image": self.image,
        });
        let (cx, user, shown) = (cx.clone(), self.user, self.program);
        cx.clone().in_background(async move {
            let world = &cx.world;
            for (name, value) in own {
                environment.push((name, below(world, value).await));
            }
            environment.extend(authorities(&cx, &trust).await);
            let mut files = vec![];
            for arg in args {
                files.push(below(world, arg).await);
            }
            let request = request.to_string();
            let ran = match world.real_path(&world.of_node(&shown)).await {
                Ok(program) => {
                    process::run_in(&environment, &program, &files, &request, RUN_WAIT).await
                }
                Err(error) => Err(ProcessError::Failed(error.to_string())),
            };
            let said = match ran {
                Ok(ran) if !ran.success => Some((RunFault::EndsWithError, Some(ran.status))),
                Ok(ran) => {
                    let fault = compare(&ran.out, pattern.as_ref(), user.as_deref()).err();
                    fault.map(|fault| (fault, None))
                }
                Err(ProcessError::TimedOut) => Some((RunFault::DoesNotEnd, None)),
                Err(ProcessError::TooLong) => Some((RunFault::PrintsTooMuch, None)),
                Err(error) => Some((RunFault::NotStarted, Some(error.to_string()))),
            };
            if let Some((said, status)) = said {
                let program = shown;
                cx.add_finding(Problem::CredproviderRunFails { program, said, status });
            }
        });
    }
}

/// Returns a word of the node with the path of a file replaced by where that file is here.
async fn below(world: &World, word: String) -> String {
    if !word.starts_with('/') || world.node_root == Path::new("/") {
        return word;
    }
    let path = world.of_node(&word);
    match world.real_path(&path).await {
        Ok(real) => real.display().to_string(),
        // The program is led to nothing that is not opened here.
        Err(FileError::OffLimits) => OFF_LIMITS.to_owned(),
        Err(_) => path.display().to_string(),
    }
}

/// Returns the variables by which the provider trusts the authorities that it trusts on the node: those
/// that its environment names, else those of the system, each below the node's root.
async fn authorities(cx: &Cx, named: &[(String, String)]) -> Vec<(String, String)> {
    let world = &cx.world;
    let value = |name: &str| {
        let last = named.iter().rev().find(|(known, _)| known == name);
        last.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    if world.node_root == Path::new("/") {
        return TrustPlaces::VARIABLES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), value(name)?)))
            .collect();
    }
    let mut folders = vec![];
    for folder in value(TRUST_FOLDERS).unwrap_or_else(|| CERTIFICATE_FOLDERS.join(":")).split(':') {
        folders.push(below(world, folder.to_owned()).await);
    }
    let mut variables = vec![(TRUST_FOLDERS.to_owned(), folders.join(":"))];
    if let Some(file) = value(TRUST_FILE) {
        variables.push((TRUST_FILE.to_owned(), below(world, file).await));
        return variables;
    }
    for bundle in BUNDLES {
        if world.has_file(&world.of_node(bundle)).await {
            variables.push((TRUST_FILE.to_owned(), below(world, bundle.to_owned()).await));
            break;
        }
    }
    variables
}

/// Compares an answer with what is expected of it. Its passwords go no further.
fn compare(out: &[u8], image: Option<&Pattern>, user: Option<&str>) -> Result<(), RunFault> {
    if out.iter().all(u8::is_ascii_whitespace) {
        return Err(RunFault::PrintsNothing);
    }
    let answer: Value = serde_json::from_slice(out).map_err(|_| RunFault::PrintsGarbage)?;
    let fields = Fields::of(&answer).ok_or(RunFault::PrintsGarbage)?;
    let text = |fields: &Fields<'_>, name| fields.text(name).ok().flatten().map(str::to_owned);
    if text(&fields, "kind").as_deref() != Some("CredentialProviderResponse")
        || text(&fields, "apiVersion").as_deref() != Some(INTERFACE)
    {
        return Err(RunFault::PrintsGarbage);
    }
    let key = text(&fields, "cacheKeyType").unwrap_or_default();
    if !CACHE_KEYS.contains(&key.as_str()) {
        return Err(RunFault::OddCacheKey);
    }
    let auth = fields.map("auth").map_err(|_| RunFault::PrintsGarbage)?;
    let fits = |key: &str| {
        let pattern = Pattern::read(key);
        pattern.zip(image).is_some_and(|(pattern, image)| pattern.matches(image))
    };
    let entries = auth.iter().filter(|(key, _)| fits(key));
    let entries: Vec<(String, Secret)> = entries
        .filter_map(|(_, entry)| {
            let fields = Fields::of(entry)?;
            let password = Secret::new(text(&fields, "password").unwrap_or_default());
            Some((text(&fields, "username").unwrap_or_default(), password))
        })
        .collect();
    if entries.is_empty() {
        return Err(RunFault::OtherImage);
    }
    let with_password = entries.iter().filter(|(_, password)| !password.expose().is_empty());
    let users: Vec<&str> = with_password.map(|(user, _)| user.as_str()).collect();
    match user {
        _ if users.is_empty() => Err(RunFault::NoPasswordInAnswer),
        Some(user) if !users.contains(&user) => Err(RunFault::OtherUser),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(change: impl FnOnce(&mut Value)) -> Result<(), RunFault> {
        let mut answer = json!({
            "kind": "CredentialProviderResponse",
            "apiVersion": INTERFACE,
            "cacheKeyType": "Registry",
            "cacheDuration": "1h0m0s",
            "auth": {
                "*.azurecr.*": { "username": "", "password": "" },
                "contoso.azurecr.io": { "username": "a-user", "password": "word" },
            },
        });
        change(&mut answer);
        let image = Pattern::read("contoso.azurecr.io/team/app");
        compare(answer.to_string().as_bytes(), image.as_ref(), Some("a-user"))
    }

    #[test]
    fn an_answer_is_judged_as_the_kubelet_does() {
        assert_eq!(judge(|_| {}), Ok(()));
        assert_eq!(judge(|it| it["kind"] = json!("Status")), Err(RunFault::PrintsGarbage));
        assert_eq!(judge(|it| it["apiVersion"] = json!("v1")), Err(RunFault::PrintsGarbage));
        assert_eq!(judge(|it| it["cacheKeyType"] = json!("Host")), Err(RunFault::OddCacheKey));
        assert_eq!(judge(|it| it["auth"] = json!([])), Err(RunFault::PrintsGarbage));
        assert_eq!(judge(|it| it["auth"] = json!({})), Err(RunFault::OtherImage));
        let other = json!({ "fabrikam.azurecr.io": { "username": "a-user", "password": "word" } });
        assert_eq!(judge(|it| it["auth"] = other), Err(RunFault::OtherImage));
        let empty = json!("");
        let password = |it: &mut Value| it["auth"]["contoso.azurecr.io"]["password"] = empty;
        assert_eq!(judge(password), Err(RunFault::NoPasswordInAnswer));
        let user = |it: &mut Value| it["auth"]["contoso.azurecr.io"]["username"] = json!("b");
        assert_eq!(judge(user), Err(RunFault::OtherUser));
        for (out, wanted) in [
            (&b""[..], RunFault::PrintsNothing),
            (b" \n", RunFault::PrintsNothing),
            (b"error: no", RunFault::PrintsGarbage),
            (b"[]", RunFault::PrintsGarbage),
            (b"{}", RunFault::PrintsGarbage),
            (b"\xff", RunFault::PrintsGarbage),
        ] {
            assert_eq!(compare(out, None, None), Err(wanted));
        }
    }
}

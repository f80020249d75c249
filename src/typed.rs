//! What was typed: the REFs among it, and what is worth a note before anything is asked.

use checks::kit::{
    Cloud, RegistryOrImage,
    kube::WorkloadKind,
    rules::{docker_hub, is_object_name},
    sanitize_text,
};
use clap::CommandFactory;

use crate::args::Args;

/// Programs whose `pull` people type from habit.
const PULLERS: [&str; 5] = ["docker", "podman", "nerdctl", "crictl", "ctr"];
/// Commands of kubectl that people type from habit.
const KUBECTL: [&str; 5] = ["get", "describe", "logs", "apply", "run"];
/// How the kubelet's messages of a failed pull begin (kubernetes, pkg/kubelet/images).
const MESSAGES: [&str; 3] =
    ["failed to pull image", "back-off pulling image", "failed to pull and unpack image"];

/// What stands around an image in a message.
const QUOTES: [char; 16] =
    ['"', '\'', '`', '\\', '“', '”', '‘', '’', '«', '»', '(', ')', '<', '>', '[', ']'];

/// What is to be checked.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    /// Each REF.
    pub refs: Vec<String>,
    /// Sentences for standard error.
    pub notes: Vec<String>,
}

/// Reads the arguments: REFs, or the words of a message.
///
/// # Errors
/// Returns a sentence that names what was typed and what to type instead.
pub(crate) fn read(words: &[String], cloud: Cloud) -> Result<Typed, String> {
    let mut typed = Typed::default();
    if typed.take_message(&words.join(" "))? {
        return Ok(typed);
    }
    let pulled = match words {
        [program, pull, image] if PULLERS.contains(&program.as_str()) && pull == "pull" => {
            Some(image)
        }
        [pull, image] if pull == "pull" => Some(image),
        _ => None,
    };
    if let Some(image) = pulled {
        let image = sanitize_text(image);
        return Err(format!("pull is not an image; did you mean `check-acr {image}`?"));
    }
    if let Some(said) = meant(words) {
        return Err(said);
    }
    // A command that stands first never comes here.
    if let [only] = words
        && near_command(only).is_some_and(|command| command == *only)
    {
        return Err(format!("name options behind the command: `check-acr {only} …`"));
    }
    words.iter().for_each(|word| typed.take(word, cloud));
    Ok(typed)
}

/// Returns a sentence that names the command that was meant, where the words begin with nearly its name, or
/// with a workload of Kubernetes.
pub(crate) fn meant(words: &[impl AsRef<str>]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let (first, rest) = words.split_first()?;
    let is_command = |word: &&str| near_command(word).is_some_and(|command| command == **word);
    // Options stand behind the command.
    if first.starts_with('-')
        && let Some(at) = words.iter().position(is_command)
    {
        let (before, behind) = words.split_at(at);
        let all = sanitize_text(&[behind, before].concat().join(" "));
        return Some(format!("options stand behind the command: `check-acr {all}`"));
    }
    if KUBECTL.contains(first) && !rest.is_empty() {
        let all = sanitize_text(&words.join(" "));
        return Some(format!("{first} is no command of check-acr; did you mean `kubectl {all}`?"));
    }
    if let Some((kind, name)) = first.split_once('/')
        && WorkloadKind::read(kind).is_some()
        && is_object_name(name)
    {
        let all = sanitize_text(&words.join(" "));
        return Some(format!(
            "{first} is a workload, not an image; did you mean `check-acr why {all}`? (An image of Docker Hub \
             is docker.io/{first})"
        ));
    }
    if ["-n", "--namespace", "-A", "--all-namespaces"].contains(first) {
        let all = sanitize_text(&words.join(" "));
        return Some(format!("{first} belongs to a command; did you mean `check-acr why {all}`?"));
    }
    let command = near_command(first).filter(|_| !rest.is_empty())?;
    let rest = sanitize_text(&rest.join(" "));
    if command == *first {
        return Some(format!("name options behind the command: `check-acr {command} {rest} …`"));
    }
    let first = sanitize_text(first);
    Some(format!("{first} is no command; did you mean `check-acr {command} {rest}`?"))
}

/// Reads the lines of standard input: each is a REF or a message.
///
/// # Errors
/// Returns a sentence when a message names no image.
pub(crate) fn read_lines(lines: &[String], cloud: Cloud) -> Result<Typed, String> {
    let mut typed = Typed::default();
    for line in lines {
        if !typed.take_message(line)? {
            typed.take(line, cloud);
        }
    }
    Ok(typed)
}

impl Typed {
    /// Takes the images of a message; returns whether the text is one.
    fn take_message(&mut self, text: &str) -> Result<bool, String> {
        let Some(images) = from_message(text) else { return Ok(false) };
        if images.is_empty() {
            return Err("this message names no image; give the image itself".into());
        }
        for image in images {
            let shown = sanitize_text(&image);
            self.notes.push(format!("checking the image of that message: {shown}"));
            self.refs.push(image);
        }
        Ok(true)
    }

    /// Takes one REF.
    fn take(&mut self, word: &str, cloud: Cloud) {
        let word = match from_resource_id(word) {
            Some(registry) => {
                self.notes.push(format!("checking the registry of that resource id: {registry}"));
                registry
            }
            None => word,
        };
        self.notes.extend(note(word, cloud));
        self.refs.push(word.to_owned());
    }
}

/// Returns the images in messages of the kubelet, each once; `None` when the text is no such message.
///
/// The image stands behind the word `image`, in quotes that a shell, a log or a chat may have
/// escaped, changed or removed.
fn from_message(text: &str) -> Option<Vec<String>> {
    let lower = text.to_lowercase();
    if !MESSAGES.iter().any(|message| lower.contains(message)) {
        return None;
    }
    let text = text.replace("&quot;", "\"");
    let mut words = text.split_whitespace();
    let mut images: Vec<String> = vec![];
    while let Some(word) = words.next() {
        if !word.eq_ignore_ascii_case("image") {
            continue;
        }
        let Some(named) = words.next() else { break };
        let is_quoted = named.starts_with(QUOTES);
        let around = |c: char| QUOTES.contains(&c) || ":,;.".contains(c);
        let image = named.trim_matches(around);
        // Other sentences go on after this word, such as "image pull failed".
        if !is_quoted && !image.contains(['/', ':']) || image.is_empty() {
            continue;
        }
        let image = if image.contains(['/', ':', '.', '@']) {
            image.to_owned()
        } else {
            // A bare word would be a registry's name.
            format!("docker.io/library/{image}")
        };
        if !images.contains(&image) {
            images.push(image);
        }
    }
    Some(images)
}

/// Returns the registry's name in `/subscriptions/…/registries/contoso`.
fn from_resource_id(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let is_id = lower.starts_with("/subscriptions/");
    let at = lower.find("/registries/").filter(|_| is_id)?;
    let name = text.get(at + "/registries/".len()..)?.split('/').next()?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    is_name.then_some(name)
}

/// Returns the command that a word is nearly.
fn near_command(word: &str) -> Option<String> {
    let commands = Args::command();
    let mut names = commands.get_subcommands().map(clap::Command::get_name);
    names.find(|name| strsim::osa_distance(name, word) <= 1).map(str::to_owned)
}

/// Returns what is worth saying of a REF before it is checked.
fn note(text: &str, cloud: Cloud) -> Option<String> {
    let asked = RegistryOrImage::read(text, cloud, false).ok()?;
    let is_bare = asked.image.is_none() && !text.contains(['.', ':', '/']);
    if !is_bare {
        let cloud = cloud.flag()?;
        return Some(format!("--cloud {cloud} is ignored: {text} names its registry"));
    }
    if let Some(command) = near_command(text) {
        return Some(format!(
            "{text} is checked as the registry {}; did you mean the command `{command}`?",
            asked.registry
        ));
    }
    if text == "version" || text == "help" {
        return Some(format!(
            "{text} is checked as the registry {}; did you mean `--{text}`?",
            asked.registry
        ));
    }
    docker_hub::is_official(text).then(|| {
        format!(
            "{text} is checked as the registry {}; Docker Hub's image is docker.io/library/{text}",
            asked.registry
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Result<Typed, String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        read(&words, Cloud::Public)
    }

    #[test]
    fn a_message_of_the_kubelet_names_its_image() {
        let image = "contoso.azurecr.io/team/app:v1";
        for message in [
            &format!("Failed to pull image \"{image}\": rpc error: code = NotFound desc = x"),
            &format!("Failed to pull image {image}: rpc error"),
            &format!("Back-off pulling image \"{image}\""),
            &format!("Error: ErrImagePull: failed to pull and unpack image \\\"{image}\\\": x/y"),
            &format!("  Warning  Failed  5s  kubelet  Failed to pull image \"{image}\": x"),
        ] {
            assert_eq!(typed(&[message]).unwrap().refs, [image], "{message}");
            let words: Vec<&str> = message.split(' ').collect();
            assert_eq!(typed(&words).unwrap().refs, [image], "{message}");
        }
        for (message, image) in [
            ("Back-off pulling image \"nginx:1.27\"", "nginx:1.27"),
            ("Back-off pulling image “nginx”", "docker.io/library/nginx"),
            ("Failed to pull image &quot;a.example/b:c&quot;: x/y", "a.example/b:c"),
            ("Failed to pull image \"a.example/b@sha256:abc\": x/y", "a.example/b@sha256:abc"),
            ("Failed to pull image `UPPER.example/App:V1`; try x/y", "UPPER.example/App:V1"),
            ("failed to pull image (a.example/b:c): image pull failed", "a.example/b:c"),
        ] {
            assert_eq!(typed(&[message]).unwrap().refs, [image], "{message}");
        }
        assert!(typed(&["Failed to pull image \"\""]).is_err());
    }

    #[test]
    fn a_resource_id_names_its_registry() {
        let id = "/subscriptions/0/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contoso";
        assert_eq!(typed(&[id]).unwrap().refs, ["contoso"]);
        assert_eq!(typed(&[&format!("{id}/tokens/x")]).unwrap().refs, ["contoso"]);
        let other = "/subscriptions/0/registries/$(reboot)";
        assert_eq!(typed(&[other]).unwrap().refs, [other]);
    }

    #[test]
    fn habits_are_answered() {
        for words in [&["docker", "pull", "a.example/b:c"][..], &["pull", "a.example/b:c"]] {
            let error = typed(words).unwrap_err();
            assert!(error.contains("`check-acr a.example/b:c`"), "{error}");
        }
        let error = typed(&["explian", "dns"]).unwrap_err();
        assert!(error.contains("`check-acr explain dns`"), "{error}");
        for words in [&["deploy/web"][..], &["pod/web-1", "-n", "shop"], &["sts/db"]] {
            let error = typed(words).unwrap_err();
            assert!(error.contains(&format!("`check-acr why {}`", words.join(" "))), "{error}");
        }
        let before = meant(&["-q", "--lang", "ko", "why", "-n", "shop"]).unwrap();
        assert!(before.contains("`check-acr why -n shop -q --lang ko`"), "{before}");
        assert!(meant(&["get", "pods"]).unwrap().contains("`kubectl get pods`"));
        assert!(meant(&["-n", "shop"]).unwrap().contains("`check-acr why -n shop`"));
        for image in ["docker.io/pod/x", "pod/x:v1", "team/app"] {
            assert!(typed(&[image]).is_ok(), "{image}");
        }
        for (word, said) in [
            ("lsit", "the command `list`"),
            ("version", "`--version`"),
            ("nginx", "docker.io/library/nginx"),
        ] {
            let notes = typed(&[word]).unwrap().notes;
            assert!(notes.len() == 1 && notes[0].contains(said), "{word}: {notes:?}");
        }
        assert_eq!(typed(&["contoso", "contoso.azurecr.io/a:b"]).unwrap().notes, [""; 0]);
    }
}

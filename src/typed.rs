//! What was typed: the REFs among it, and what is worth a note before anything is asked.

use checks::kit::{Cloud, RegistryOrImage, rules::docker_hub, sanitize_text};
use clap::CommandFactory;

use crate::args::Args;

/// Programs whose `pull` people type from habit.
const PULLERS: [&str; 5] = ["docker", "podman", "nerdctl", "crictl", "ctr"];
/// How the kubelet's messages of a failed pull begin (kubernetes, pkg/kubelet/images).
const MESSAGES: [&str; 3] =
    ["failed to pull image", "back-off pulling image", "failed to pull and unpack image"];

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
    if typed.take_message(&words.join(" ")) {
        return Ok(typed);
    }
    if let [program, pull, image] = words
        && PULLERS.contains(&program.as_str())
        && pull == "pull"
    {
        let image = sanitize_text(image);
        return Err(format!("{program} pull is not an image; did you mean `check-acr {image}`?"));
    }
    words.iter().for_each(|word| typed.take(word, cloud));
    Ok(typed)
}

/// Reads the lines of standard input: each is a REF or a message.
pub(crate) fn read_lines(lines: &[String], cloud: Cloud) -> Typed {
    let mut typed = Typed::default();
    for line in lines {
        if !typed.take_message(line) {
            typed.take(line, cloud);
        }
    }
    typed
}

impl Typed {
    /// Takes the images of a message; returns whether the text is one.
    fn take_message(&mut self, text: &str) -> bool {
        let images = from_message(text);
        for image in &images {
            self.notes
                .push(format!("checking the image of that message: {}", sanitize_text(image)));
        }
        self.refs.extend_from_slice(&images);
        !images.is_empty()
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

/// Returns the images in messages of the kubelet, each once; none when the text is no such message.
fn from_message(text: &str) -> Vec<String> {
    let start = text.trim_start_matches(|c: char| !c.is_alphabetic()).to_lowercase();
    if !MESSAGES.iter().any(|message| start.contains(message)) {
        return vec![];
    }
    // The message quotes the image; a shell or a log may have escaped or removed the quotes.
    let quoted = text.split('"').skip(1).step_by(2);
    let words = text.split_whitespace();
    let bare = |word: &str| {
        let bare = word.trim_matches(|c| "\\\"':,".contains(c));
        bare.contains('/').then(|| bare.to_owned())
    };
    let is_image = |image: &String| {
        RegistryOrImage::read(image, Cloud::Public, false).is_ok_and(|asked| asked.image.is_some())
    };
    let mut images: Vec<String> = vec![];
    for image in quoted.filter_map(bare).filter(is_image) {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    if images.is_empty() {
        images.extend(words.filter_map(bare).find(is_image));
    }
    images
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

/// Returns what is worth saying of a REF before it is checked.
fn note(text: &str, cloud: Cloud) -> Option<String> {
    let asked = RegistryOrImage::read(text, cloud, false).ok()?;
    let is_bare = asked.image.is_none() && !text.contains(['.', ':', '/']);
    if !is_bare {
        let cloud = cloud.flag()?;
        return Some(format!("--cloud {cloud} is ignored: {text} names its registry"));
    }
    let commands = Args::command();
    let mut commands = commands.get_subcommands().map(clap::Command::get_name);
    if let Some(command) = commands.find(|command| strsim::osa_distance(command, text) <= 1) {
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
        assert_eq!(
            typed(&["Failed to pull image \"\""]).unwrap().refs,
            ["Failed to pull image \"\""]
        );
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
        let error = typed(&["docker", "pull", "contoso.azurecr.io/app:v1"]).unwrap_err();
        assert!(error.contains("`check-acr contoso.azurecr.io/app:v1`"), "{error}");
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

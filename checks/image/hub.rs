//! Images that name no registry: they come from Docker Hub, whether or not the user means it.

use crate::kit::{RegistryOrImage, rules::docker_hub};

/// Returns the repository as it was written, and the image with its tag. `None` unless Docker Hub
/// is used only because no registry is named and nothing shows that it is meant.
pub(super) fn by_default(text: &str, asked: &RegistryOrImage) -> Option<(String, String)> {
    let image = asked.image.as_ref().filter(|_| asked.registry == docker_hub::NAME)?;
    // The kubelet tells a registry from a part of a path in the same way.
    let first = text.split_once('/').map(|(first, _)| first);
    let named = first.is_some_and(|first| first.contains(['.', ':']) || first == "localhost");
    let short = image.repository.strip_prefix("library/").filter(|_| first.is_none());
    let meant = first == Some("library") || short.is_some_and(docker_hub::is_official);
    let short = short.unwrap_or(&image.repository);
    let sign = if image.is_digest() { '@' } else { ':' };
    (!named && !meant).then(|| (short.to_owned(), format!("{short}{sign}{}", image.reference)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Cloud;

    fn written(text: &str) -> Option<String> {
        by_default(text, &RegistryOrImage::read(text, Cloud::Public, false).unwrap())
            .map(|(_, image)| image)
    }

    #[test]
    fn what_looks_unmeant() {
        assert_eq!(written("app:v1").as_deref(), Some("app:v1"));
        assert_eq!(written("team/app").as_deref(), Some("team/app:latest"));
        assert_eq!(written("team/sub/app:v1").as_deref(), Some("team/sub/app:v1"));
    }

    #[test]
    fn what_is_meant() {
        for text in [
            "nginx:1.27",
            "library/app:v1",
            "docker.io/team/app:v1",
            "docker.io/app:v1",
            "index.docker.io/team/app:v1",
            "contoso.azurecr.io/app:v1",
            "localhost/app:v1",
            "localhost:5000/app:v1",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}

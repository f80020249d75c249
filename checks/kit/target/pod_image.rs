//! The image of a pod, which is never only a registry.

use super::host::is_host_alone;

/// Returns the image of a pod as it is asked about. The kubelet takes what stands before the first slash for a
/// host, and without a slash there is none: `contoso.azurecr.io` is an image of Docker Hub
/// (distribution/reference, `splitDockerDomain`).
pub fn image_of_pod(image: &str) -> String {
    let is_bare = !image.contains(['/', ':', '.', '@']);
    if is_bare || is_host_alone(image) {
        return format!("docker.io/library/{image}");
    }
    image.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Cloud, RegistryOrImage};

    #[test]
    fn it_is_always_an_image() {
        for (image, asked) in [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1.27", "nginx:1.27"),
            ("contoso.azurecr.io", "docker.io/library/contoso.azurecr.io"),
            ("localhost:5086", "docker.io/library/localhost:5086"),
            ("contoso.azurecr.io:443", "docker.io/library/contoso.azurecr.io:443"),
            ("contoso.azurecr.io/team/app:v1", "contoso.azurecr.io/team/app:v1"),
            ("localhost/app", "localhost/app"),
        ] {
            assert_eq!(image_of_pod(image), asked);
            let read = RegistryOrImage::read(asked, Cloud::default(), false).unwrap();
            assert!(read.image.is_some(), "{asked}");
        }
    }
}

//! The image that a URL names: that of a registry's API, or one behind a scheme.

/// Returns the image that was probably meant by what stands behind `://` (distribution-spec,
/// `/v2/<name>/manifests/<reference>`).
pub(super) fn image_of_url(rest: &str) -> String {
    let path = rest.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let Some((host, api)) = path.split_once('/') else { return path.to_owned() };
    if api == "v2" {
        return host.to_owned();
    }
    let named = api.strip_prefix("v2/").and_then(|api| {
        let (repository, reference) = api.rsplit_once("/manifests/")?;
        (!repository.is_empty() && !reference.is_empty()).then_some((repository, reference))
    });
    match named {
        Some((repository, digest)) if digest.contains(':') => {
            format!("{host}/{repository}@{digest}")
        }
        Some((repository, tag)) => format!("{host}/{repository}:{tag}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_the_api_names_an_image() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (rest, image) in [
            ("c.io/v2/team/app/manifests/v1", "c.io/team/app:v1".to_owned()),
            ("c.io/v2/app/manifests/v1?ns=docker.io", "c.io/app:v1".to_owned()),
            (&format!("c.io/v2/a/manifests/{digest}"), format!("c.io/a@{digest}")),
            ("c.io/v2/manifests/manifests/v1", "c.io/manifests:v1".to_owned()),
            ("c.io/v2/", "c.io".to_owned()),
            ("c.io/", "c.io".to_owned()),
            ("c.io/team/app:v1", "c.io/team/app:v1".to_owned()),
            ("c.io/v2/app", "c.io/v2/app".to_owned()),
            ("c.io/v2//manifests/v1", "c.io/v2//manifests/v1".to_owned()),
            ("", String::new()),
        ] {
            assert_eq!(image_of_url(rest), image, "{rest}");
        }
    }
}

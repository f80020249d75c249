//! The image that a URL names: that of a registry's API, or one behind a scheme.

/// Returns the image that was probably meant by what stands behind `://`: in a registry's API the image of a
/// manifest, else its repository (distribution-spec, `/v2/<name>/manifests/<reference>`); a mirror is told the
/// registry by `ns` (containerd).
pub(super) fn image_of_url(rest: &str) -> String {
    let (path, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let Some((host, rest)) = path.split_once('/') else { return path.to_owned() };
    let Some(api) = rest.strip_prefix("v2/").or((rest == "v2").then_some("")) else {
        return path.to_owned();
    };
    let named = query.split('&').find_map(|pair| pair.strip_prefix("ns="));
    let host = named.filter(|registry| !registry.is_empty()).unwrap_or(host);
    match api.rsplit_once("/manifests/") {
        Some((repository, digest)) if digest.contains(':') => {
            format!("{host}/{repository}@{digest}")
        }
        Some((repository, tag)) => format!("{host}/{repository}:{tag}"),
        None => {
            let parts = ["/tags/", "/blobs/", "/referrers/"];
            let repository = parts.iter().find_map(|part| Some(api.rsplit_once(part)?.0));
            repository.map_or_else(|| host.to_owned(), |repository| format!("{host}/{repository}"))
        }
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
            ("m.io/v2/app/manifests/v1?ns=docker.io", "docker.io/app:v1".to_owned()),
            (&format!("c.io/v2/a/manifests/{digest}"), format!("c.io/a@{digest}")),
            ("c.io/v2/manifests/manifests/v1", "c.io/manifests:v1".to_owned()),
            ("c.io/v2/team/app/tags/list?n=5", "c.io/team/app".to_owned()),
            (&format!("c.io/v2/a/blobs/{digest}"), "c.io/a".to_owned()),
            ("c.io/v2/_catalog", "c.io".to_owned()),
            ("c.io/v2/", "c.io".to_owned()),
            ("c.io/", "c.io".to_owned()),
            ("c.io/team/app:v1", "c.io/team/app:v1".to_owned()),
            ("", String::new()),
        ] {
            assert_eq!(image_of_url(rest), image, "{rest}");
        }
    }
}

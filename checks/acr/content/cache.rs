//! Cache rules: the repository is filled from an upstream registry, which gives nothing.

use serde_json::Value;

use super::{Cached, CachedBadly, Search, symptom::Symptom};
use crate::{
    acr::{API, Problem, asked_registry::AskedRegistry},
    kit::{
        StepResult,
        azure::{ArmResource, resource::text},
        target::ResourceId,
    },
};

impl Search<'_> {
    /// Looks for the cache rule that fills the repository, and at its credentials.
    pub(super) async fn cache(&self) -> StepResult<()> {
        let throttled = match self.symptom {
            Symptom::UpstreamThrottled(rule) => Some(rule),
            _ if self.symptom.is_missing() => None,
            _ => return Ok(()),
        };
        let path = format!("{}/cacheRules", self.registry.id());
        let rules = self.control_plane.list(self.cx, &path, API, None).await?;
        let repository = self.image.repository.as_str();
        let fills = |rule: &&Value| match throttled {
            Some(name) => text(rule, "name").is_some_and(|own| own.eq_ignore_ascii_case(name)),
            None => text(rule, "properties.targetRepository")
                .is_some_and(|target| part_below(target, repository).is_some()),
        };
        // The rule that says most of the name counts.
        let target = |rule: &&Value| text(rule, "properties.targetRepository").map_or(0, str::len);
        let Some(rule) = rules.iter().filter(fills).max_by_key(target) else { return Ok(()) };
        let Some(cached) = self.cached(rule) else { return Ok(()) };
        let Some(set) = text(rule, "properties.credentialSetResourceId") else {
            self.explain(match throttled {
                Some(_) => Problem::CacheRuleWithoutCredentials(cached),
                None => Problem::CacheUpstreamMissing(cached),
            });
            return Ok(());
        };
        let Ok(set) = set.parse::<ResourceId>() else { return Ok(()) };
        let found = self.control_plane.get(self.cx, &set, API).await?;
        if found.is_none() {
            let (credential_set, cached) = (set.name().to_owned(), cached);
            self.explain(Problem::CacheCredentialsMissing { cached, credential_set });
            return Ok(());
        }
        match found.as_ref().and_then(unhealthy) {
            Some(credential) => {
                let bad = bad_credentials(cached, &set, found.as_ref(), credential);
                self.explain(Problem::CacheCredentialsUnhealthy(bad));
            }
            None if throttled.is_none() => self.explain(Problem::CacheUpstreamMissing(cached)),
            None => {}
        }
        Ok(())
    }

    /// Reads the rule that fills the repository.
    fn cached(&self, rule: &Value) -> Option<Cached> {
        let source = text(rule, "properties.sourceRepository")?;
        let target = text(rule, "properties.targetRepository")?;
        let repository = self.image.repository.clone();
        let upstream = match (part_below(target, &repository), source.strip_suffix('*')) {
            (Some(part), Some(source)) => format!("{source}{part}"),
            _ => source.to_owned(),
        };
        let upstream_host = upstream.split('/').next().unwrap_or_default().to_owned();
        let mark = if self.image.is_digest() { '@' } else { ':' };
        let upstream_image = format!("{upstream}{mark}{}", self.image.reference);
        let (asked, rule) =
            (AskedRegistry::of(self.cx, self.registry), text(rule, "name")?.to_owned());
        Some(Cached { asked, rule, repository, upstream, upstream_image, upstream_host })
    }
}

/// Returns what a `*` at the end of a rule's repository stands for in this one, and an empty text if
/// the names are equal; `None` if the rule does not fill it (documentation of artifact cache,
/// "wildcards").
pub fn part_below<'r>(target: &str, repository: &'r str) -> Option<&'r str> {
    match target.strip_suffix('*') {
        Some(prefix) => {
            let is_prefix = prefix.is_empty() || prefix.ends_with('/');
            let part = repository.strip_prefix(prefix).filter(|part| !part.is_empty());
            part.filter(|_| is_prefix && !prefix.contains('*'))
        }
        None => (target == repository).then_some(""),
    }
}

/// Returns a credential of the set that the registry found not to work.
fn unhealthy(set: &ArmResource) -> Option<&Value> {
    let credentials = set.list("properties.authCredentials").iter();
    let is_unhealthy = |credential: &&Value| {
        text(credential, "credentialHealth.status")
            .is_some_and(|status| status.eq_ignore_ascii_case("Unhealthy"))
    };
    credentials.into_iter().find(is_unhealthy)
}

fn bad_credentials(
    cached: Cached,
    id: &ResourceId,
    set: Option<&ArmResource>,
    credential: &Value,
) -> CachedBadly {
    let owned = |path: &str| text(credential, path).map(str::to_owned);
    let secret = owned("passwordSecretIdentifier");
    CachedBadly {
        cached,
        credential_set: id.name().to_owned(),
        error_code: owned("credentialHealth.errorCode"),
        said: owned("credentialHealth.errorMessage"),
        vault: secret.as_deref().and_then(vault).map(str::to_owned),
        secret,
        principal: set.and_then(|set| set.text("identity.principalId")).map(str::to_owned),
    }
}

/// Returns the name of the key vault in the id of something in it, such as
/// `https://contoso.vault.azure.net/secrets/hub-password`.
pub fn vault(id: &str) -> Option<&str> {
    let host = id.strip_prefix("https://")?.split(['/', ':']).next()?;
    let (name, domain) = host.split_once('.')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (is_name && !name.is_empty() && domain.starts_with("vault.")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_repositories_a_rule_fills() {
        for (target, repository, wanted) in [
            ("hub/nginx", "hub/nginx", Some("")),
            ("hub/nginx", "hub/nginx2", None),
            ("hub/*", "hub/library/nginx", Some("library/nginx")),
            ("hub/*", "hub", None),
            ("hub/*", "hub/", None),
            ("*", "team/app", Some("team/app")),
            ("hub*", "hub/nginx", None),
            ("*/x/*", "a/x/b", None),
        ] {
            assert_eq!(part_below(target, repository), wanted, "{target} {repository}");
        }
    }

    #[test]
    fn the_vault_of_a_secret() {
        assert_eq!(vault("https://contoso-keys.vault.azure.net/secrets/p"), Some("contoso-keys"));
        for bad in ["https://fabrikam.example/secrets/p", "http://a.vault.azure.net/x", "$(x)", ""]
        {
            assert_eq!(vault(bad), None, "{bad}");
        }
    }
}

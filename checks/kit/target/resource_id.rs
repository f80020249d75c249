//! The id of an Azure resource.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// The longest id that Azure Resource Manager accepts is shorter than this.
const MAX_BYTES: usize = 2048;

/// The id of an Azure resource, as it was written. Ids compare without regard to case, as in Azure
/// Resource Manager.
#[derive(Clone, Debug, Eq)]
pub struct ResourceId {
    text: String,
    /// The segments between the slashes.
    segments: Vec<String>,
}

impl ResourceId {
    /// Returns the id of a resource in a resource group: `kind` is such as
    /// `Microsoft.ContainerService/managedClusters`. Returns `None` if a name holds a character that
    /// no name has.
    pub fn of(subscription: &str, group: &str, kind: &str, name: &str) -> Option<Self> {
        let text =
            format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}");
        text.parse().ok().filter(|id: &Self| id.name() == name && id.group() == group)
    }

    /// Returns the subscription.
    pub fn subscription(&self) -> &str {
        &self.segments[1]
    }

    /// Returns the resource group.
    pub fn group(&self) -> &str {
        &self.segments[3]
    }

    /// Returns the resource's own name, without those of its parents.
    pub fn name(&self) -> &str {
        &self.segments[self.segments.len() - 1]
    }

    /// Returns whether the resource is of this kind, such as
    /// `Microsoft.ContainerRegistry/registries`.
    pub fn is_a(&self, kind: &str) -> bool {
        let own = self.segments[5..].iter().enumerate();
        let own: Vec<&str> = own
            .filter(|(place, _)| *place == 0 || place % 2 == 1)
            .map(|(_, segment)| segment.as_str())
            .collect();
        own.join("/").eq_ignore_ascii_case(kind)
    }

    /// Returns the id as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for ResourceId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl FromStr for ResourceId {
    type Err = ();

    /// Parses `/subscriptions/ID/resourceGroups/GROUP/providers/NAMESPACE/TYPE/NAME`, and the id of a
    /// resource below such a one.
    fn from_str(text: &str) -> Result<Self, ()> {
        let bare = text.trim().trim_end_matches('/');
        let segments: Vec<String> =
            bare.strip_prefix('/').ok_or(())?.split('/').map(str::to_owned).collect();
        let named = |place: usize, name: &str| {
            segments.get(place).is_some_and(|segment| segment.eq_ignore_ascii_case(name))
        };
        let is_whole = segments.len() >= 8 && segments.len().is_multiple_of(2);
        let frame =
            named(0, "subscriptions") && named(2, "resourceGroups") && named(4, "providers");
        let is_ascii = segments.get(1).is_some_and(|subscription| subscription.is_ascii());
        let are_names = segments.iter().all(|segment| is_name(segment));
        if bare.len() > MAX_BYTES || !is_whole || !frame || !is_ascii || !are_names {
            return Err(());
        }
        Ok(Self { text: bare.to_owned(), segments })
    }
}

/// Returns whether an id of a resource, or of an assignment at a scope, can stand in a URL and in a
/// quoted shell word as it is.
pub fn is_plain_id(id: &str) -> bool {
    id.len() <= MAX_BYTES
        && id.strip_prefix('/').is_some_and(|segments| segments.split('/').all(is_name))
}

/// Returns whether a segment can stand in a URL and in a quoted shell word as it is. Names in Azure
/// have letters of any script, digits and these signs.
fn is_name(segment: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "-_.()".contains(c);
    !segment.is_empty() && segment.chars().all(fits) && !segment.chars().all(|c| c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "/subscriptions/b84a2c17-95de-4f60-8c3b-1d6e7f90a2c5/resourceGroups/shop/providers/Microsoft.ContainerRegistry/registries/contoso";

    #[test]
    fn the_parts_of_an_id() {
        let id: ResourceId = format!(" {REGISTRY}/\n").parse().unwrap();
        assert_eq!(id.as_str(), REGISTRY);
        assert_eq!(id.subscription(), "b84a2c17-95de-4f60-8c3b-1d6e7f90a2c5");
        assert_eq!((id.group(), id.name()), ("shop", "contoso"));
        assert!(id.is_a("microsoft.containerregistry/registries"));
        assert_eq!(id, REGISTRY.to_uppercase().parse().unwrap());
        let below: ResourceId = format!("{REGISTRY}/tokens/ci").parse().unwrap();
        assert!(below.is_a("Microsoft.ContainerRegistry/registries/tokens"));
        assert_ne!(id, below);
    }

    #[test]
    fn what_is_no_id() {
        let text = |tail: &str| format!("/subscriptions/s/resourceGroups/g/providers/{tail}");
        for bad in [
            "",
            "/",
            "contoso",
            "/subscriptions/s",
            &text("Microsoft.X/registries"),
            &text("Microsoft.X/registries/a/b"),
            &text("Microsoft.X/registries/.."),
            &text("Microsoft.X/registries/a'; reboot"),
            &text("Microsoft.X//a"),
        ] {
            assert!(bad.parse::<ResourceId>().is_err(), "{bad}");
        }
        assert!(ResourceId::of("s", "a/b", "Microsoft.X/registries", "c").is_none());
        let made = ResourceId::of("s", "g", "Microsoft.X/registries", "c").unwrap();
        assert_eq!(made.as_str(), text("Microsoft.X/registries/c"));
    }
}

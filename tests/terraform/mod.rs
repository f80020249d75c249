//! Every fix in the form of Terraform is HCL, and names only arguments that its resource has.

use std::collections::BTreeSet;

use hcl::{Body, Expression};

use super::played::played;

/// The arguments of the resources that fixes name, as the documentation of the azurerm provider lists
/// them (registry page of the resource, "Argument Reference", version 4).
const ARGUMENTS: [(&str, &[&str]); 3] = [
    (
        "azurerm_role_assignment",
        &[
            "name",
            "scope",
            "role_definition_id",
            "role_definition_name",
            "principal_id",
            "principal_type",
            "condition",
            "condition_version",
            "delegated_managed_identity_resource_id",
            "description",
            "skip_service_principal_aad_check",
        ],
    ),
    (
        "azurerm_private_dns_a_record",
        &["name", "resource_group_name", "zone_name", "ttl", "records", "tags"],
    ),
    (
        "azurerm_private_dns_zone_virtual_network_link",
        &[
            "name",
            "private_dns_zone_name",
            "resource_group_name",
            "virtual_network_id",
            "registration_enabled",
            "resolution_policy",
            "tags",
        ],
    ),
];

#[test]
fn a_fix_as_terraform_is_a_resource_with_arguments_that_it_has() {
    let mut seen = BTreeSet::new();
    for played in played() {
        let target = played.target();
        let causes = [&target.causes, &target.could_not_tell, &target.warnings];
        let fixes = causes.into_iter().flatten().flat_map(|cause| &cause.told.fixes);
        for text in fixes.filter_map(|fix| fix.terraform.as_ref()) {
            let body: Body = hcl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(body.attributes().count(), 0, "{text}");
            for block in body.blocks() {
                assert_eq!(block.identifier(), "resource", "{text}");
                let [kind, name] = block.labels() else { panic!("{text}: two labels") };
                assert_eq!(name.as_str(), "pull", "{text}");
                let known = ARGUMENTS.iter().find(|(known, _)| *known == kind.as_str());
                let (kind, arguments) = known.unwrap_or_else(|| panic!("{text}: unknown"));
                assert_eq!(block.body().blocks().count(), 0, "{text}");
                for attribute in block.body().attributes() {
                    assert!(arguments.contains(&attribute.key()), "{text}: {}", attribute.key());
                    let value = attribute.expr();
                    // A `${…}` in a value would be evaluated.
                    assert!(
                        matches!(value, Expression::String(text) if !text.is_empty()),
                        "{text}"
                    );
                }
                seen.insert(*kind);
            }
        }
    }
    assert!(seen.contains("azurerm_role_assignment"), "{seen:?}");
}

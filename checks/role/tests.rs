//! Tests of the whole evaluation: what Azure Resource Manager lists in, the answer out.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Access, DenyAssignment, Evaluation, Level, Listed, Listing, LookAlikeKind, MistakenIds, Mode,
    Question, Refusal, RoleAssignment, RoleDefinition, Unclear, Verdict, evaluate, look_alikes,
};

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-00000000000a";
const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg-contoso";
const REGISTRY: &str = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg-contoso/providers/Microsoft.ContainerRegistry/registries/contoso";
const KUBELET: &str = "11111111-0000-0000-0000-000000000001";
const CLIENT_ID: &str = "11111111-0000-0000-0000-0000000000cc";
const CLUSTER: &str = "22222222-0000-0000-0000-000000000002";
const PULLERS: &str = "99999999-0000-0000-0000-000000000009";

const ACR_PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const REPOSITORY_READER: &str = "b93aa761-3e63-49ed-ac28-beffa264f7ac";
const CATALOG_LISTER: &str = "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7";
const IMAGE_SIGNER: &str = "6cef56e8-d556-48e5-a04f-b8e64114680f";
const CONTENT_READER: &str = "cccccccc-0000-0000-0000-000000000001";
const METADATA_READER: &str = "cccccccc-0000-0000-0000-000000000002";

/// Returns role definitions with the permissions that the built-in roles have.
fn definitions() -> Listing<RoleDefinition> {
    let acr = "Microsoft.ContainerRegistry/registries";
    let content = format!("{acr}/repositories/content/read");
    let metadata = format!("{acr}/repositories/metadata/read");
    let roles = [
        (ACR_PULL, json!([format!("{acr}/pull/read")]), json!([])),
        (READER, json!(["*/read"]), json!([])),
        (REPOSITORY_READER, json!([]), json!([metadata, content])),
        (CATALOG_LISTER, json!([]), json!([format!("{acr}/catalog/read")])),
        (IMAGE_SIGNER, json!([format!("{acr}/sign/write")]), json!([])),
        (CONTENT_READER, json!([]), json!([content])),
        (METADATA_READER, json!([]), json!([metadata])),
    ];
    let roles = roles.map(|(guid, actions, data_actions)| {
        json!({
            "id": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{guid}"),
            "type": "Microsoft.Authorization/roleDefinitions", "name": guid,
            "properties": { "roleName": "any", "permissions": [
                { "actions": actions, "notActions": [], "dataActions": data_actions, "notDataActions": [] }] },
        })
    });
    Listing::read(&json!({ "value": roles }), RoleDefinition::read)
}

fn assignment(role: &str, changes: &Value) -> Value {
    let mut properties = json!({
        "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": KUBELET, "principalType": "ServicePrincipal", "scope": REGISTRY,
        "condition": null, "conditionVersion": null,
        "createdOn": "2026-11-28T12:00:00.8958593Z", "updatedOn": "2026-11-28T12:00:00.8958593Z",
    });
    for (key, value) in changes.as_object().unwrap() {
        properties[key] = value.clone();
    }
    json!({ "id": format!("{REGISTRY}/providers/Microsoft.Authorization/roleAssignments/{role}"),
            "properties": properties })
}

fn question(mode: Mode) -> Question<'static> {
    let now: Timestamp = "2026-11-28T12:02:00.8958593Z".parse().unwrap();
    let repository = Some("team/app");
    Question { mode, registry_id: REGISTRY, repository, object_id: KUBELET, now }
}

fn deny(permissions: &Value) -> Value {
    json!({ "id": "deny-1", "properties": {
        "denyAssignmentName": "Managed application", "scope": GROUP, "permissions": permissions,
        "principals": [{ "id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined" }],
        "excludePrincipals": [], "doNotApplyToChildScopes": false, "isSystemProtected": true } })
}

/// Evaluates, and hands the result to `see`.
fn with<T>(mode: Mode, assignments: &Value, denies: &Value, see: impl Fn(Evaluation) -> T) -> T {
    let assignments = Listing::read(&json!({ "value": assignments }), RoleAssignment::read);
    let denies = Listing::read(&json!({ "value": denies }), DenyAssignment::read);
    let definitions = definitions();
    assert!(definitions.complete);
    let listed = Listed { assignments: &assignments, definitions: &definitions, denies: &denies };
    see(evaluate(&question(mode), listed))
}

fn access(mode: Mode, assignments: &Value) -> Access {
    with(mode, assignments, &json!([]), |found| found.access)
}

fn verdict(mode: Mode, assignment: &Value) -> Verdict {
    with(mode, &json!([assignment]), &json!([]), |found| found.assignments[0].verdict)
}

fn only(expression: &str) -> Value {
    let acr = "Microsoft.ContainerRegistry/registries/repositories";
    let condition = format!(
        "((!(ActionMatches{{'{acr}/content/read'}}) AND !(ActionMatches{{'{acr}/metadata/read'}})) OR (@Request[{acr}:name] {expression}))"
    );
    json!({ "condition": condition, "conditionVersion": "2.0" })
}

#[test]
fn the_mode_decides_which_permissions_count() {
    let plain = |role: &str| assignment(role, &json!({}));
    for (role, legacy, abac) in [
        (ACR_PULL, Verdict::Grants, Verdict::WrongMode),
        (READER, Verdict::Grants, Verdict::WrongMode),
        (REPOSITORY_READER, Verdict::WrongMode, Verdict::Grants),
        (CATALOG_LISTER, Verdict::NoPullAction, Verdict::NoPullAction),
        (IMAGE_SIGNER, Verdict::NoPullAction, Verdict::NoPullAction),
        (CONTENT_READER, Verdict::WrongMode, Verdict::ContentOnly),
        ("00000000-0000-0000-0000-0000000000ff", Verdict::UnknownRole, Verdict::UnknownRole),
    ] {
        assert_eq!(verdict(Mode::Legacy, &plain(role)), legacy, "{role}");
        assert_eq!(verdict(Mode::Abac, &plain(role)), abac, "{role}");
    }
    let all = json!([plain(IMAGE_SIGNER), plain(ACR_PULL)]);
    assert_eq!(access(Mode::Abac, &all), Access::Denied(Refusal::WrongMode));
    assert!(
        matches!(access(Mode::Legacy, &all), Access::Granted { by } if by.len() == 1 && by[0].ends_with(ACR_PULL))
    );
    let none = json!([plain(CATALOG_LISTER)]);
    assert_eq!(access(Mode::Abac, &none), Access::Denied(Refusal::NoPullAction));
    assert_eq!(access(Mode::Abac, &json!([])), Access::Denied(Refusal::NoAssignment));
}

#[test]
fn scope_group_and_age_are_told() {
    let group = json!({ "principalId": PULLERS, "principalType": "Group", "scope": SUBSCRIPTION });
    with(Mode::Legacy, &json!([assignment(ACR_PULL, &group)]), &json!([]), |found| {
        let judged = found.assignments[0];
        assert_eq!((judged.verdict, judged.via_group), (Verdict::Grants, true));
        assert_eq!(judged.level, Some(Level::Subscription));
        assert_eq!(judged.age.unwrap().as_secs(), 120);
    });
    let other = json!({ "principalId": CLUSTER });
    assert_eq!(verdict(Mode::Legacy, &assignment(ACR_PULL, &other)), Verdict::OtherPrincipal);
    let elsewhere = json!({ "scope": format!("{GROUP}-dev") });
    assert_eq!(verdict(Mode::Legacy, &assignment(ACR_PULL, &elsewhere)), Verdict::OtherScope);
    let all = json!([assignment(ACR_PULL, &other), assignment(ACR_PULL, &elsewhere)]);
    assert_eq!(access(Mode::Legacy, &all), Access::Denied(Refusal::NoAssignment));
}

#[test]
fn a_condition_admits_excludes_or_cannot_be_told() {
    let with_condition = |changes: &Value| assignment(REPOSITORY_READER, changes);
    let admits = with_condition(&only("StringStartsWithIgnoreCase 'team/'"));
    let excludes = with_condition(&only("StringEqualsIgnoreCase 'team'"));
    let odd = with_condition(&only("StringMagic 'team'"));
    let mut newer = with_condition(&only("StringEqualsIgnoreCase 'team/app'"));
    newer["properties"]["conditionVersion"] = json!("3.0");
    assert_eq!(verdict(Mode::Abac, &admits), Verdict::Grants);
    assert_eq!(verdict(Mode::Abac, &excludes), Verdict::ConditionExcludes);
    assert_eq!(verdict(Mode::Abac, &odd), Verdict::ConditionUnknown);
    assert_eq!(verdict(Mode::Abac, &newer), Verdict::ConditionUnknown);
    let refused = Access::Denied(Refusal::ConditionExcludes);
    assert_eq!(access(Mode::Abac, &json!([assignment(ACR_PULL, &json!({})), excludes])), refused);
    let Access::Unknown(why) = access(Mode::Abac, &json!([excludes, odd])) else { panic!("known") };
    assert!(
        matches!(&why[..], [Unclear::Condition { condition: Some(text), .. }] if text.contains("StringMagic"))
    );
    assert!(matches!(access(Mode::Abac, &json!([odd, admits])), Access::Granted { .. }));
}

#[test]
fn reading_metadata_may_come_from_another_assignment() {
    let content = assignment(CONTENT_READER, &json!({}));
    let metadata = assignment(METADATA_READER, &json!({}));
    let missing = Access::Unknown(vec![Unclear::MetadataMissing]);
    assert_eq!(access(Mode::Abac, &json!([content])), missing);
    assert!(
        matches!(access(Mode::Abac, &json!([content, metadata])), Access::Granted { by } if by.len() == 1)
    );
    assert_eq!(access(Mode::Abac, &json!([metadata])), Access::Denied(Refusal::NoPullAction));
}

#[test]
fn a_deny_assignment_blocks_whoever_grants() {
    let plain = json!([assignment(ACR_PULL, &json!({}))]);
    let blocked = json!([deny(&json!([{ "actions": ["*/read"] }]))]);
    with(Mode::Legacy, &plain, &blocked, |found| {
        let by = vec!["deny-1".to_owned()];
        assert_eq!(found.access, Access::Denied(Refusal::Blocked { by }));
        assert_eq!(found.assignments[0].verdict, Verdict::Blocked);
    });
    let mut maybe = deny(&json!([{ "actions": ["*"] }]));
    maybe["properties"]["principals"] = json!([{ "id": PULLERS, "type": "Group" }]);
    with(Mode::Legacy, &plain, &json!([maybe]), |found| {
        let by = "deny-1".to_owned();
        assert_eq!(found.access, Access::Unknown(vec![Unclear::MaybeBlocked { by }]));
        assert_eq!(found.assignments[0].verdict, Verdict::MaybeBlocked);
    });
    let member = json!({ "principalId": PULLERS, "principalType": "Group" });
    let known = json!([assignment(ACR_PULL, &json!({})), assignment(IMAGE_SIGNER, &member)]);
    with(Mode::Legacy, &known, &json!([maybe]), |found| {
        assert!(matches!(found.access, Access::Denied(Refusal::Blocked { .. })), "a known group");
    });
    let odd = json!([assignment(ACR_PULL, &json!({ "condition": "something new" }))]);
    with(Mode::Legacy, &odd, &blocked, |found| {
        assert!(matches!(found.access, Access::Denied(Refusal::Blocked { .. })), "either way");
    });
    with(Mode::Legacy, &json!([]), &blocked, |found| {
        assert_eq!(found.access, Access::Denied(Refusal::NoAssignment), "nothing to block");
    });
    with(Mode::Legacy, &plain, &json!([{}]), |found| {
        assert_eq!(found.access, Access::Unknown(vec![Unclear::DeniesIncomplete]));
    });
}

#[test]
fn what_was_not_read_is_never_taken_for_missing() {
    let unreadable = json!([{}, assignment(IMAGE_SIGNER, &json!({}))]);
    let incomplete = Access::Unknown(vec![Unclear::AssignmentsIncomplete]);
    assert_eq!(access(Mode::Legacy, &unreadable), incomplete);
    let beside = json!([{}, assignment(ACR_PULL, &json!({}))]);
    assert!(matches!(access(Mode::Legacy, &beside), Access::Granted { .. }));
    let unknown = json!([assignment("00000000-0000-0000-0000-0000000000ff", &json!({}))]);
    let Access::Unknown(why) = access(Mode::Legacy, &unknown) else { panic!("known") };
    assert!(
        matches!(&why[..], [Unclear::Role { role_definition, .. }] if role_definition.ends_with("ff"))
    );
}

#[test]
fn look_alikes_are_named() {
    let other = |name: &str| REGISTRY.replace("/contoso", &format!("/{name}"));
    let moved = REGISTRY.replace("rg-contoso", "rg-contoso-old");
    let everything = json!([
        assignment(ACR_PULL, &json!({ "principalId": CLUSTER.to_uppercase() })),
        assignment(ACR_PULL, &json!({ "principalId": CLIENT_ID })),
        assignment(ACR_PULL, &json!({ "scope": other("fabrikam") })),
        assignment(ACR_PULL, &json!({ "scope": moved })),
        assignment(ACR_PULL, &json!({ "scope": format!("{REGISTRY}/repositories/app") })),
        assignment(READER, &json!({ "scope": format!("{GROUP}-dev") })),
        // None of these looks right.
        assignment(ACR_PULL, &json!({})),
        assignment(ACR_PULL, &json!({ "principalId": PULLERS })),
        assignment(ACR_PULL, &json!({ "principalId": CLUSTER, "scope": other("fabrikam") })),
        assignment(IMAGE_SIGNER, &json!({ "principalId": CLIENT_ID })),
        assignment(REPOSITORY_READER, &json!({ "principalId": CLUSTER })),
    ]);
    let assignments = Listing::read(&json!({ "value": everything }), RoleAssignment::read);
    let (definitions, denies) = (definitions(), Listing::default());
    let listed = Listed { assignments: &assignments, definitions: &definitions, denies: &denies };
    let mistaken = MistakenIds { control_plane: Some(CLUSTER), client_id: Some(CLIENT_ID) };
    let found = look_alikes(&question(Mode::Legacy), listed, &mistaken);
    let kinds: Vec<_> = found.into_iter().map(|found| found.kind).collect();
    let name = "fabrikam".to_owned();
    assert_eq!(
        kinds,
        [
            LookAlikeKind::ControlPlaneIdentity,
            LookAlikeKind::ClientId,
            LookAlikeKind::OtherRegistry { name },
            LookAlikeKind::SameNameElsewhere,
            LookAlikeKind::BelowRegistry,
            LookAlikeKind::OtherScope,
        ]
    );
    let found = look_alikes(&question(Mode::Abac), listed, &mistaken);
    assert_eq!(found.len(), 1, "on an ABAC registry AcrPull would not help the kubelet either");
}

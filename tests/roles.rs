//! Role assignments: no input makes the evaluation panic, and it keeps its promises on any of them.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use checks::{
    kit::azure::arm::covers,
    role::{
        Access, Listed, Listing, MistakenIds, Mode, Question, Truth,
        condition::Request,
        evaluate, look_alikes,
        scope::{Level, inherited, is_id_of},
        syntax::{Attribute, Literal, Operand, Operator},
    },
    untrusted::{Condition, DenyAssignment, RoleAssignment, RoleDefinition},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const NAME: &str = "Microsoft.ContainerRegistry/registries/repositories:name";
const REGISTRY: &str =
    "/subscriptions/a/resourceGroups/b/providers/Microsoft.ContainerRegistry/registries/contoso";

/// Returns whether a pattern matches, by trying every split.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            naive(rest, text) || (!text.is_empty() && naive(pattern, &text[1..]))
        }
        ([one, rest @ ..], [first, left @ ..]) => {
            one.eq_ignore_ascii_case(first) && naive(rest, left)
        }
        _ => false,
    }
}

/// Conditions of the grammar, those that cannot be evaluated too.
fn conditions() -> impl Strategy<Value = Condition> {
    let action =
        "(\\*|Microsoft\\.ContainerRegistry/\\*|\\*/content/read|\\*/metadata/read|[a-z/*]{1,8})";
    let actions = prop::collection::vec(action, 1..3);
    let text = "[a-z/*?]{0,6}|[\\u{20}-\\u{26}\\u{28}-\\u{7e}\\u{e0}-\\u{ff}]{0,6}[a-z]";
    let literal = prop_oneof![
        4 => text.prop_map(Literal::Text),
        1 => "(-?[0-9]{1,3}(\\.[0-9])?|true|false)".prop_map(Literal::Bare),
    ];
    let attribute = (
        prop_oneof!["Request", "Resource", "Principal"],
        prop_oneof![3 => Just(NAME.to_owned()), 1 => "[a-zA-Z/.]{1,9}:[a-z<$>&]{1,9}"],
    )
        .prop_map(|(source, name)| Attribute { source, name });
    let operand = prop_oneof![
        2 => attribute.clone().prop_map(Operand::Attribute),
        2 => literal.clone().prop_map(Operand::Value),
        1 => prop::collection::vec(literal, 1..4).prop_map(Operand::Values),
    ];
    let operator = (
        prop::option::of("For(Any|All)Of(Any|All)Values"),
        prop_oneof![
            4 => "String(Not)?(Equals|StartsWith|Like)(IgnoreCase)?",
            1 => "(NumericEquals|BoolEquals|DateTimeGreaterThan|GuidEquals|StringMagic)",
        ],
    )
        .prop_map(|(quantifier, comparison)| Operator { quantifier, comparison });
    let leaf = prop_oneof![
        3 => actions.clone().prop_map(Condition::ActionMatches),
        1 => actions.prop_map(|all| Condition::Function("SubOperationMatches".to_owned(), all)),
        1 => (any::<bool>(), attribute).prop_map(|(not, attribute)| Condition::Exists { not, attribute }),
        5 => (operand.clone(), operator, operand)
            .prop_map(|(left, operator, right)| Condition::Compare { left, operator, right }),
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
            several.clone().prop_map(Condition::And),
            several.prop_map(Condition::Or),
        ]
    })
}

fn holds(condition: &Condition, repository: Option<&str>) -> Truth {
    condition.evaluate(&Request { action: Mode::Abac.pull().name(), repository })
}

/// JSON of any shape, with the names that are looked for.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        "id",
        "value",
        "properties",
        "permissions",
        "actions",
        "dataActions",
        "principals",
        "principalId",
        "scope",
        "roleDefinitionId",
        "condition",
        "createdOn",
        "type"
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(|text| json!(text)),
        prop_oneof!["/", "\\*", "2026-11-28T12:00:00Z", REGISTRY].prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// An assignment of the identity `me` that may or may not count.
fn assignments() -> impl Strategy<Value = Value> {
    let condition = prop_oneof![
        3 => Just(Value::Null),
        2 => conditions().prop_map(|condition| json!(condition.to_string())),
        1 => "\\PC{0,20}".prop_map(|text| json!(text)),
    ];
    let who = prop_oneof![
        Just(("me", "ServicePrincipal")),
        Just(("group", "Group")),
        Just(("other", "User"))
    ];
    let scope =
        prop_oneof![Just("/"), Just(REGISTRY), Just("/subscriptions/a"), Just("/subscriptions/b")];
    (who, scope, 0..5_u8, condition).prop_map(|((id, kind), scope, role, condition)| {
        json!({ "id": format!("/assignment/{role}"), "properties": {
            "principalId": id, "principalType": kind, "scope": scope, "condition": condition,
            "roleDefinitionId": format!("/x/{role}") } })
    })
}

fn permissions() -> impl Strategy<Value = Value> {
    let pattern = "(\\*|\\*/read|\\*/pull/read|Microsoft.ContainerRegistry/\\*|\\*/metadata/\\*|\\*/content/\\*|\\*/write)";
    let patterns = prop::collection::vec(pattern, 0..3);
    let condition = prop::option::weighted(0.2, conditions().prop_map(|one| one.to_string()));
    (patterns.clone(), patterns.clone(), patterns.clone(), patterns, condition).prop_map(
        |(actions, not_actions, data, not_data, condition)| {
            json!({ "actions": actions, "notActions": not_actions, "dataActions": data,
                    "notDataActions": not_data, "condition": condition })
        },
    )
}

fn denies() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        Just(json!({ "id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined" })),
        Just(json!({ "id": "me", "type": "ServicePrincipal" })),
        Just(json!({ "id": "group", "type": "Group" })),
        Just(json!({ "id": "unknown", "type": "Group" })),
    ];
    let some = prop::collection::vec(one, 0..3);
    let all = prop::collection::vec(permissions(), 0..3);
    (all, some.clone(), some, any::<bool>()).prop_map(|(permissions, principals, excluded, only)| {
        json!({ "id": "/deny", "properties": { "scope": "/subscriptions/a", "permissions": permissions,
            "principals": principals, "excludePrincipals": excluded, "doNotApplyToChildScopes": only } })
    })
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Legacy), Just(Mode::Abac)]
}

fn access(mode: Mode, assignments: &[Value], roles: &[Value], denies: &[Value]) -> Access {
    let roles = roles.iter().enumerate().map(|(number, permissions)| {
        json!({ "id": format!("/x/{number}"), "properties": { "permissions": [permissions] } })
    });
    let definitions = json!({ "value": roles.collect::<Vec<_>>() });
    let definitions = Listing::read(&definitions, RoleDefinition::read);
    let assignments = Listing::read(&json!({ "value": assignments }), RoleAssignment::read);
    let denies = Listing::read(&json!({ "value": denies }), DenyAssignment::read);
    let listed = Listed { assignments: &assignments, definitions: &definitions, denies: &denies };
    evaluate(&question(mode), listed).access
}

fn question(mode: Mode) -> Question<'static> {
    let now = jiff::Timestamp::UNIX_EPOCH;
    Question { mode, registry_id: REGISTRY, repository: Some("app"), object_id: "me", now }
}

/// Returns how much access there is.
fn rank(access: &Access) -> u8 {
    match access {
        Access::Denied(_) => 0,
        Access::Unknown(_) => 1,
        Access::Granted { .. } => 2,
    }
}

proptest! {
    #[test]
    fn wildcards_match_as_the_plain_way_does(pattern in "[aAb*/]{0,9}", text in "[aAb/]{0,12}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(covers(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
    }

    #[test]
    fn a_long_pattern_is_matched_in_time(count in 1..2000_usize) {
        prop_assert!(!covers(&"*a".repeat(count), &"a".repeat(count - 1)));
    }

    #[test]
    fn any_text_is_a_condition_or_refused(text in "\\PC{0,60}|[ (){}!&|,'@\\[\\]a-zA-Z:*\\\\]{0,60}") {
        if let Some(condition) = Condition::parse(&text) {
            let printed = condition.to_string();
            prop_assert_eq!(Condition::parse(&printed), Some(condition), "{}", printed);
        }
    }

    #[test]
    fn a_condition_is_read_as_it_is_printed(condition in conditions()) {
        let printed = condition.to_string();
        prop_assert_eq!(Condition::parse(&printed), Some(condition), "{}", printed);
    }

    #[test]
    fn conditions_join_by_the_logic(a in conditions(), b in conditions(), repository in "[a-z]{1,3}(/[a-z]{1,3})?") {
        let one = |condition: &Condition| holds(condition, Some(&repository));
        let (x, y) = (one(&a), one(&b));
        prop_assert_eq!(one(&Condition::And(vec![a.clone(), b.clone()])), x & y);
        prop_assert_eq!(one(&Condition::Or(vec![a.clone(), b])), x | y);
        prop_assert_eq!(one(&Condition::Not(Box::new(a.clone()))), !x);
        // What holds without knowing the repository holds for each.
        let unasked = holds(&a, None);
        prop_assert!(unasked == Truth::Unknown || unasked == x, "{} became {:?}", a, x);
    }

    #[test]
    fn any_json_is_evaluated(page in any_json(), entry in any_json(), mode in modes()) {
        for value in [page, json!({ "value": [entry] })] {
            let assignments = Listing::read(&value, RoleAssignment::read);
            let definitions = Listing::read(&value, RoleDefinition::read);
            let denies = Listing::read(&value, DenyAssignment::read);
            let listed = Listed { assignments: &assignments, definitions: &definitions, denies: &denies };
            let found = evaluate(&question(mode), listed);
            prop_assert_eq!(found.assignments.len(), assignments.entries.len());
            look_alikes(&question(mode), listed, &MistakenIds { control_plane: Some(""), client_id: None });
        }
    }

    #[test]
    fn more_denials_never_give_more_access_and_more_assignments_never_less(
        mode in modes(),
        all in prop::collection::vec(assignments(), 0..5),
        roles in prop::collection::vec(permissions(), 3..5),
        against in prop::collection::vec(prop_oneof![9 => denies(), 1 => any_json()], 0..4),
    ) {
        let full = access(mode, &all, &roles, &against);
        for fewer in 0..against.len() {
            let before = access(mode, &all, &roles, &against[..fewer]);
            prop_assert!(rank(&full) <= rank(&before), "{:?}, then {:?}", before, full);
        }
        // A group that becomes known may turn an exclusion or a denial into a certain one.
        for fewer in (0..all.len()).filter(|_| against.is_empty()) {
            let before = access(mode, &all[..fewer], &roles, &against);
            prop_assert!(rank(&full) >= rank(&before), "{:?}, then {:?}", before, full);
        }
        match full {
            Access::Unknown(why) => prop_assert!(!why.is_empty(), "it always says why"),
            Access::Granted { by } => prop_assert!(!by.is_empty()),
            Access::Denied(_) => {}
        }
    }

    #[test]
    fn no_id_in_a_command_has_a_meaning_for_a_shell(scope in "(/[a-zA-Z0-9.$(){}\"'`\\\\ ;|&\n-]{0,6}){0,4}", kind in "roleAssignments|denyAssignments") {
        let id = format!("{scope}/providers/Microsoft.Authorization/{kind}/11111111-0000-0000-0000-000000000001");
        let properties = json!({ "principalId": "me", "scope": scope, "roleDefinitionId": "/x/0", "permissions": [], "principals": [] });
        let entry = json!({ "id": id, "properties": properties });
        let assignment = RoleAssignment::read(&entry).and_then(|one| one.id_for_commands());
        let denial = DenyAssignment::read(&entry).and_then(|one| one.id_for_commands());
        for id in assignment.into_iter().chain(denial) {
            prop_assert!(id.chars().all(|c| c.is_alphanumeric() || "/-_.()".contains(c)), "{}", id);
            prop_assert!(!id.contains("/../") && !id.contains("//"), "{}", id);
        }
        prop_assert!(!is_id_of(&id, "locks", &scope));
    }

    #[test]
    fn any_scope_is_compared_by_whole_segments(scope in "(/?[a-zA-Z0-9.]{0,4}){0,9}/?", cut in 0..REGISTRY.len()) {
        let _ = inherited(&scope, REGISTRY);
        let level = inherited(&REGISTRY[..cut], REGISTRY);
        let known = ["/", "/subscriptions/a", "/subscriptions/a/", "/subscriptions/a/resourceGroups/b", "/subscriptions/a/resourceGroups/b/"];
        prop_assert_eq!(level.is_some(), known.contains(&&REGISTRY[..cut]), "{}", &REGISTRY[..cut]);
        prop_assert_eq!(inherited(REGISTRY, REGISTRY), Some(Level::Resource));
    }
}

//! Parses conditions and evaluates lists of role assignments, role definitions and deny assignments.
//! A condition that is printed reads back the same, and a denial never gives access.
#![no_main]

use checks::{
    role::{Access, Listed, Listing, Mode, Question, Truth, condition::Request, evaluate},
    untrusted::{Condition, DenyAssignment, RoleAssignment, RoleDefinition},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    condition(text);
    if let Ok(page) = serde_json::from_str(text) {
        lists(&page);
    }
});

fn condition(text: &str) {
    let Some(condition) = Condition::parse(text) else { return };
    let printed = condition.to_string();
    assert_eq!(Condition::parse(&printed).as_ref(), Some(&condition), "{printed}");
    let holds =
        |repository| condition.evaluate(&Request { action: Mode::Abac.pull().name(), repository });
    let unasked = holds(None);
    assert!(unasked == Truth::Unknown || unasked == holds(Some("team/app")), "{printed}");
}

/// Reads each part of one document: `{"assignments": {"value": [..]}, "definitions": .., "denies": ..}`.
fn lists(page: &serde_json::Value) {
    let assignments = Listing::read(&page["assignments"], RoleAssignment::read);
    let definitions = Listing::read(&page["definitions"], RoleDefinition::read);
    let denies = Listing::read(&page["denies"], DenyAssignment::read);
    let none = Listing::default();
    for mode in [Mode::Legacy, Mode::Abac] {
        let question = Question {
            mode,
            registry_id: "/subscriptions/a/resourceGroups/b/providers/Microsoft.ContainerRegistry/registries/contoso",
            repository: Some("team/app"),
            object_id: "me",
            now: "2026-11-28T12:00:00Z".parse().expect("a time"),
        };
        let rank = |denies| {
            let listed = Listed { assignments: &assignments, definitions: &definitions, denies };
            match evaluate(&question, listed).access {
                Access::Denied(_) => 0,
                Access::Unknown(why) => {
                    assert!(!why.is_empty(), "it always says why");
                    1
                }
                Access::Granted { .. } => 2,
            }
        };
        assert!(rank(&denies) <= rank(&none), "a denial gave access");
    }
}

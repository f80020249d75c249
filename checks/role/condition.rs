//! Conditions of role assignments: what they say of reading one repository.
//!
//! Sources: Microsoft Learn, "Azure role assignment condition format and syntax", and "Azure ABAC
//! repository permissions in Azure Container Registry", which documents one attribute:
//! `@Request[Microsoft.ContainerRegistry/registries/repositories:name]`. Anything else is unknown:
//! other attributes and sources, sub-operations, numbers, dates.

use super::{
    action::{Piece, like},
    grammar,
    syntax::{Attribute, Condition, Literal, Operand, Operator},
    truth::Truth,
};
use crate::kit::azure::arm::covers;

/// The attribute that holds the name of a repository.
const REPOSITORY_NAME: &str = "Microsoft.ContainerRegistry/registries/repositories:name";

/// The version of the grammar; also the default where none is given.
const VERSION: &str = "2.0";

/// A request that a condition is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The action or data action.
    pub action: &'a str,
    /// The repository, where one is asked for.
    pub repository: Option<&'a str>,
}

impl Condition {
    /// Parses a condition; `None` when it is too long, too deep, or not of the documented grammar.
    pub fn parse(text: &str) -> Option<Self> {
        grammar::parse(text)
    }

    /// Returns whether an assignment's condition lets a request through. No condition does.
    pub fn holds(condition: Option<&str>, version: Option<&str>, request: &Request) -> Truth {
        let Some(text) = condition.filter(|text| !text.trim().is_empty()) else {
            return Truth::True;
        };
        if version.is_some_and(|version| version != VERSION) {
            return Truth::Unknown;
        }
        Self::parse(text).map_or(Truth::Unknown, |condition| condition.evaluate(request))
    }

    /// Returns whether it holds for a request.
    pub fn evaluate(&self, request: &Request) -> Truth {
        match self {
            Self::And(all) => Truth::all(all.iter().map(|one| one.evaluate(request))),
            Self::Or(any) => Truth::any(any.iter().map(|one| one.evaluate(request))),
            Self::Not(inner) => !inner.evaluate(request),
            Self::ActionMatches(patterns) => {
                patterns.iter().any(|pattern| covers(pattern, request.action)).into()
            }
            Self::Compare { left, operator, right } => operator.compare(left, right, request),
            Self::Function(..) | Self::Exists { .. } => Truth::Unknown,
        }
    }
}

impl Operand {
    /// Returns its texts in a request; `None` when they are not known.
    fn texts<'a>(&'a self, request: &Request<'a>) -> Option<Vec<&'a str>> {
        let text = |literal: &'a Literal| match literal {
            Literal::Text(text) => Some(text.as_str()),
            Literal::Bare(_) => None,
        };
        match self {
            Self::Attribute(Attribute { source, name }) => {
                let known = source.eq_ignore_ascii_case("Request")
                    && name.eq_ignore_ascii_case(REPOSITORY_NAME);
                request.repository.filter(|_| known).map(|repository| vec![repository])
            }
            Self::Value(literal) => Some(vec![text(literal)?]),
            Self::Values(literals) if literals.is_empty() => None,
            Self::Values(literals) => literals.iter().map(text).collect(),
        }
    }
}

impl Operator {
    fn compare(&self, left: &Operand, right: &Operand, request: &Request) -> Truth {
        let (Some(lefts), Some(rights)) = (left.texts(request), right.texts(request)) else {
            return Truth::Unknown;
        };
        let pair = |left: &str, right: &str| self.compare_pair(left, right);
        let of_rights = |any: bool, left: &&str| {
            let pairs = rights.iter().map(|right| pair(left, right));
            if any { Truth::any(pairs) } else { Truth::all(pairs) }
        };
        let Some(quantifier) = &self.quantifier else {
            let single =
                !matches!((left, right), (Operand::Values(_), _) | (_, Operand::Values(_)));
            return match (&lefts[..], &rights[..]) {
                ([left], [right]) if single => pair(left, right),
                _ => Truth::Unknown,
            };
        };
        match quantifier.to_ascii_lowercase().as_str() {
            "foranyofanyvalues" => Truth::any(lefts.iter().map(|left| of_rights(true, left))),
            "forallofanyvalues" => Truth::all(lefts.iter().map(|left| of_rights(true, left))),
            "foranyofallvalues" => Truth::any(lefts.iter().map(|left| of_rights(false, left))),
            "forallofallvalues" => Truth::all(lefts.iter().map(|left| of_rights(false, left))),
            _ => Truth::Unknown,
        }
    }

    /// Compares two texts. What a backslash means is documented only before `*` and `?` in the
    /// pattern of `StringLike`.
    fn compare_pair(&self, left: &str, right: &str) -> Truth {
        let name = self.comparison.to_ascii_lowercase();
        let Some(rest) = name.strip_prefix("string") else { return Truth::Unknown };
        let (rest, negated) = rest.strip_prefix("not").map_or((rest, false), |rest| (rest, true));
        let (kind, folds) =
            rest.strip_suffix("ignorecase").map_or((rest, false), |kind| (kind, true));
        let fold = |text: &str| if folds { text.to_lowercase() } else { text.to_owned() };
        let (left, right) = (fold(left), fold(right));
        let plain = !right.contains('\\') && !left.contains('\\');
        let holds = match kind {
            "equals" if plain => left == right,
            "startswith" if plain => left.starts_with(&right),
            "like" => match pattern(&right) {
                Some(pattern) => like(&pattern, &left),
                None => return Truth::Unknown,
            },
            _ => return Truth::Unknown,
        };
        Truth::from(holds != negated)
    }
}

/// Reads the pattern of `StringLike`: `*`, `?`, and the two after a backslash as themselves.
fn pattern(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = vec![];
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        pieces.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '\\' => Piece::Char(rest.next().filter(|escaped| matches!(escaped, '*' | '?'))?),
            c => Piece::Char(c),
        });
    }
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::{Condition, Request, Truth};

    const NAME: &str = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]";
    const READ: &str = "Microsoft.ContainerRegistry/registries/repositories/content/read";

    fn holds(condition: &str, repository: Option<&str>) -> Truth {
        let request = Request { action: READ, repository };
        Condition::holds(Some(condition), Some("2.0"), &request)
    }

    /// Returns the condition that Microsoft documents for one repository or prefix.
    fn documented(expression: &str) -> String {
        let metadata = READ.replace("content", "metadata");
        format!(
            "(\n (\n  !(ActionMatches{{'{READ}'}})\n  AND\n  !(ActionMatches{{'{metadata}'}})\n )\n OR \n (\n  {expression}\n )\n)"
        )
    }

    #[test]
    fn the_documented_condition_admits_its_repository_only() {
        let one = documented(&format!("{NAME} StringEqualsIgnoreCase 'backend/nginx'"));
        assert_eq!(holds(&one, Some("backend/nginx")), Truth::True);
        assert_eq!(holds(&one, Some("backend/nginx2")), Truth::False);
        assert_eq!(holds(&one, None), Truth::Unknown);
        let write = Request { action: &READ.replace("read", "write"), repository: None };
        assert_eq!(Condition::holds(Some(&one), None, &write), Truth::True, "another action");
        let two = documented(&format!(
            "{NAME} StringStartsWithIgnoreCase 'Backend/'\n  OR\n  {NAME} StringStartsWith 'frontend/'"
        ));
        for (repository, expected) in
            [("backend/app", Truth::True), ("frontend/app", Truth::True), ("backend", Truth::False)]
        {
            assert_eq!(holds(&two, Some(repository)), expected, "{repository}");
        }
    }

    #[test]
    fn each_operator_is_its_own() {
        for (operator, expected) in [
            ("StringEquals 'team/App'", Truth::False),
            ("StringEqualsIgnoreCase 'team/App'", Truth::True),
            ("StringNotEquals 'team/App'", Truth::True),
            ("StringNotEqualsIgnoreCase 'team/App'", Truth::False),
            ("StringStartsWith 'team/'", Truth::True),
            ("StringStartsWith 'Team/'", Truth::False),
            ("StringNotStartsWith 'team/'", Truth::False),
            ("StringNotStartsWithIgnoreCase 'Team/'", Truth::False),
            ("StringLike 'te*p'", Truth::True),
            ("StringLike 'te?m/app'", Truth::True),
            ("StringLike 'team/a'", Truth::False),
            (r"StringLike 'team\*'", Truth::False),
            (r"StringLike 'team\x'", Truth::Unknown),
            (r"StringEquals 'team\app'", Truth::Unknown),
            ("StringNotLike 'team/*'", Truth::False),
            ("StringLikeIgnoreCase 'TEAM/*'", Truth::True),
            ("StringMatches 'team/app'", Truth::Unknown),
            ("NumericEquals 3", Truth::Unknown),
            ("StringEquals {'team/app'}", Truth::Unknown),
            ("ForAnyOfAnyValues:StringEquals {'x', 'team/app'}", Truth::True),
            ("ForAnyOfAnyValues:StringEquals {'x', 'y'}", Truth::False),
            ("ForAllOfAnyValues:StringLike {'x', 'team/*'}", Truth::True),
            ("ForAnyOfAllValues:StringLike {'x', 'team/*'}", Truth::False),
            ("ForAllOfAllValues:StringNotEquals {'x', 'y'}", Truth::True),
            ("ForAllOfAllValues:StringNotEquals {'x', 'team/app'}", Truth::False),
            ("ForAnyOfAnyValues:StringEquals {'x', 3}", Truth::Unknown),
            ("ForSomeOfAnyValues:StringEquals {'team/app'}", Truth::Unknown),
        ] {
            let condition = format!("{NAME} {operator}");
            assert!(Condition::parse(&condition).is_some(), "{condition}");
            assert_eq!(holds(&condition, Some("team/app")), expected, "{operator}");
        }
    }

    #[test]
    fn what_is_not_documented_for_registries_is_unknown_and_no_more() {
        for odd in [
            "@Resource[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'app'",
            "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:team_name] StringEquals 'app'",
            "@Environment[UtcNow] DateTimeGreaterThan '2026-05-01T13:00:00.0Z'",
            "SubOperationMatches{'Blob.List'}",
            "Exists @Request[Microsoft.ContainerRegistry/registries/repositories:tag]",
            "NOT Exists @Request[a:b]",
            "@Resource[a/tags:Project<$key_case_sensitive$>] StringEquals 'x'",
        ] {
            assert!(Condition::parse(odd).is_some(), "{odd}");
            assert_eq!(holds(odd, Some("app")), Truth::Unknown, "{odd}");
            assert_eq!(
                holds(&format!("({odd}) OR ActionMatches{{'*'}}"), Some("app")),
                Truth::True
            );
            assert_eq!(
                holds(&format!("({odd}) AND !(ActionMatches{{'*'}})"), Some("app")),
                Truth::False
            );
        }
        assert_eq!(holds("'app' StringEquals 'app'", None), Truth::True);
        let newer = Condition::holds(
            Some("ActionMatches{'*'}"),
            Some("3.0"),
            &Request { action: READ, repository: None },
        );
        assert_eq!(newer, Truth::Unknown);
    }
}

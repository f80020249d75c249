//! Conditions of role assignments: the subset of the grammar that repository permissions use.
//! Anything else does not hold, as conditions fail closed.

/// The deepest nesting of parentheses.
const DEEPEST: usize = 16;
/// The attribute that names the repository of a request.
const REPOSITORY: &str = "Microsoft.ContainerRegistry/registries/repositories:name";

/// Returns whether a condition holds for an action on a repository; on none, every condition may
/// hold for some repository. An empty condition always holds.
pub(crate) fn holds(condition: &str, action: &str, repository: Option<&str>) -> bool {
    let Some(repository) = repository else { return true };
    if condition.trim().is_empty() {
        return true;
    }
    let mut reader = Reader { rest: condition, action, repository, depth: 0 };
    reader.either() == Some(true) && reader.rest.trim().is_empty()
}

struct Reader<'a> {
    rest: &'a str,
    action: &'a str,
    repository: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        if found {
            self.rest = &rest[word.len()..];
        }
        found
    }

    /// `a OR b`, also written `||`.
    fn either(&mut self) -> Option<bool> {
        let mut value = self.both()?;
        while self.take("OR") || self.take("||") {
            value |= self.both()?;
        }
        Some(value)
    }

    /// `a AND b`, also written `&&`.
    fn both(&mut self) -> Option<bool> {
        let mut value = self.single()?;
        while self.take("AND") || self.take("&&") {
            value &= self.single()?;
        }
        Some(value)
    }

    fn single(&mut self) -> Option<bool> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let value = if self.take("!") {
            self.single().map(|value| !value)
        } else if self.take("(") {
            let value = self.either()?;
            self.take(")").then_some(value)
        } else if self.take("ActionMatches") {
            let named = self.texts()?;
            Some(named.iter().any(|one| one.eq_ignore_ascii_case(self.action)))
        } else {
            self.comparison()
        };
        self.depth -= 1;
        value
    }

    /// `@Request[ATTRIBUTE] OPERATOR 'TEXT'`
    fn comparison(&mut self) -> Option<bool> {
        // The attribute of the request; `@Resource` names another one and does not hold.
        if !self.take("@Request[") {
            return None;
        }
        let (attribute, rest) = self.rest.split_once(']')?;
        if attribute.trim() != REPOSITORY {
            return None;
        }
        self.rest = rest.trim_start();
        let end = self.rest.find(|c: char| c.is_whitespace() || c == '{' || c == '\'')?;
        let (operator, rest) = self.rest.split_at(end);
        self.rest = rest;
        let operator = operator.strip_prefix("ForAnyOfAnyValues:").unwrap_or(operator);
        let texts = self.texts()?;
        let name = self.repository;
        let lower = name.to_ascii_lowercase();
        let any = |test: &dyn Fn(&str) -> bool| texts.iter().any(|one| test(one));
        Some(match operator {
            "StringEquals" => any(&|one| name == one),
            "StringEqualsIgnoreCase" => any(&|one| name.eq_ignore_ascii_case(one)),
            "StringStartsWith" => any(&|one| name.starts_with(one)),
            "StringStartsWithIgnoreCase" => {
                any(&|one| lower.starts_with(&one.to_ascii_lowercase()))
            }
            "StringNotEquals" => !any(&|one| name == one),
            "StringNotEqualsIgnoreCase" => !any(&|one| name.eq_ignore_ascii_case(one)),
            _ => return None,
        })
    }

    /// `'a'`, `{'a'}` or `{'a', 'b'}`
    fn texts(&mut self) -> Option<Vec<&'a str>> {
        let many = self.take("{");
        let mut found = Vec::new();
        loop {
            if !self.take("'") {
                return None;
            }
            let (text, rest) = self.rest.split_once('\'')?;
            found.push(text);
            self.rest = rest;
            if !many || !self.take(",") {
                break;
            }
        }
        (!many || self.take("}")).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::holds;

    const READ: &str = "Microsoft.ContainerRegistry/registries/repositories/content/read";
    const NAME: &str = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]";

    #[test]
    fn the_condition_of_the_portal_limits_repositories() {
        let condition = format!(
            "((!(ActionMatches{{'{READ}'}}) AND !(ActionMatches{{'x/metadata/read'}})) OR \
             ({NAME} StringEqualsIgnoreCase 'team/app' OR {NAME} StringStartsWith 'shop/'))"
        );
        for (repository, expected) in [
            ("team/app", true),
            ("Team/App", true),
            ("shop/a", true),
            ("shop", false),
            ("x", false),
        ] {
            assert_eq!(holds(&condition, READ, Some(repository)), expected, "{repository}");
        }
        assert!(holds(&condition, "x/content/write", Some("x")));
        assert!(holds(&condition, READ, None) && holds("", READ, Some("x")));
    }

    #[test]
    fn anything_else_does_not_hold() {
        let deep = "(".repeat(100);
        for condition in [
            "@Resource[x:name] StringEquals 'x'",
            "@Request[x:name] StringEquals 'x'",
            "true",
            "(",
            "!",
            "ActionMatches{",
            &deep,
            &format!("{NAME} StringEquals 'x' nonsense"),
            &format!("{NAME} StringLike 'x'"),
        ] {
            assert!(!holds(condition, READ, Some("x")), "{condition}");
        }
    }
}

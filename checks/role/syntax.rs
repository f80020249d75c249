//! Conditions as values: what the grammar can say, and how it is written.

use std::fmt;

/// A condition, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// All of these must hold.
    And(Vec<Condition>),
    /// At least one of these must hold.
    Or(Vec<Condition>),
    /// This must not hold.
    Not(Box<Condition>),
    /// The action matches one of these patterns.
    ActionMatches(Vec<String>),
    /// An attribute is compared with values.
    Compare {
        /// What is compared.
        left: Operand,
        /// How.
        operator: Operator,
        /// With what.
        right: Operand,
    },
    /// A function of the grammar that is not evaluated here, such as `SubOperationMatches`.
    Function(String, Vec<String>),
    /// `Exists` or `NotExists` of an attribute.
    Exists {
        /// Whether it must be missing instead.
        not: bool,
        /// The attribute.
        attribute: Attribute,
    },
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// An attribute.
    Attribute(Attribute),
    /// One value.
    Value(Literal),
    /// Several values in braces.
    Values(Vec<Literal>),
}

/// A value that stands in a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// Text in quotes, as written between them.
    Text(String),
    /// A number, `true` or `false`.
    Bare(String),
}

/// An attribute, such as `@Request[…:name]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `Request`, `Resource`, `Principal` or `Environment`.
    pub source: String,
    /// What stands in the brackets.
    pub name: String,
}

/// An operator, such as `ForAnyOfAnyValues:StringLike`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// `ForAnyOfAnyValues`, `ForAllOfAllValues` … where values in braces are compared.
    pub quantifier: Option<String>,
    /// `StringEquals`, `StringLikeIgnoreCase`, `NumericLessThan` …
    pub comparison: String,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let grouped = |one: &Condition| match one {
            Self::And(_) | Self::Or(_) => format!("({one})"),
            _ => one.to_string(),
        };
        let joined = |f: &mut fmt::Formatter, all: &[Condition], word: &str| {
            f.write_str(&all.iter().map(grouped).collect::<Vec<_>>().join(word))
        };
        match self {
            Self::And(all) => joined(f, all, " AND "),
            Self::Or(any) => joined(f, any, " OR "),
            Self::Not(inner) => write!(f, "!{}", grouped(inner)),
            Self::ActionMatches(patterns) => braces(f, "ActionMatches", patterns),
            Self::Function(name, values) => braces(f, name, values),
            Self::Compare { left, operator: Operator { quantifier, comparison }, right } => {
                let colon = if quantifier.is_some() { ":" } else { "" };
                let quantifier = quantifier.as_deref().unwrap_or_default();
                write!(f, "{left} {quantifier}{colon}{comparison} {right}")
            }
            Self::Exists { not, attribute } => {
                let word = if *not { "NotExists" } else { "Exists" };
                write!(f, "{word} @{}[{}]", attribute.source, attribute.name)
            }
        }
    }
}

fn braces(f: &mut fmt::Formatter, name: &str, values: &[String]) -> fmt::Result {
    let values: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    write!(f, "{name}{{{}}}", values.join(", "))
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Attribute(Attribute { source, name }) => write!(f, "@{source}[{name}]"),
            Self::Value(literal) => write!(f, "{literal}"),
            Self::Values(literals) => {
                let all: Vec<String> = literals.iter().map(Literal::to_string).collect();
                write!(f, "{{{}}}", all.join(", "))
            }
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Bare(word) => f.write_str(word),
        }
    }
}

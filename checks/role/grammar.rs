//! The grammar of conditions: text to [`Condition`]. Length and depth are bounded.
//!
//! Azure Resource Manager refuses a condition that it cannot parse, so a stored one that is not read
//! here is of a newer grammar. What is not certain is refused: a text that mixes `AND` and `OR`
//! without parentheses, which the documentation asks for, and a quote after a backslash.

use super::syntax::{Attribute, Condition, Literal, Operand, Operator};

/// A longer condition is not read. The documented ones take less than 1 KB.
const MAX_BYTES: usize = 32 * 1024;

/// A condition that is nested deeper is not read. The documented ones nest four deep.
const MAX_DEPTH: usize = 64;

/// A token of the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    OpenBrace,
    CloseBrace,
    Comma,
    And,
    Or,
    Not,
    Text(String),
    Attribute(Attribute),
    /// A number, or a word: the name of an operator or function.
    Word(String),
}

/// Parses a condition; `None` when it is too long, too deep, or not of the grammar.
pub(super) fn parse(text: &str) -> Option<Condition> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0 };
    let condition = parser.expression(0)?;
    (parser.next == parser.tokens.len()).then_some(condition)
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut rest = text.trim_start();
    let mut found = vec![];
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let (token, left) = match c {
            '(' => (Token::Open, after),
            ')' => (Token::Close, after),
            '{' => (Token::OpenBrace, after),
            '}' => (Token::CloseBrace, after),
            ',' => (Token::Comma, after),
            '!' => (Token::Not, after),
            '&' => (Token::And, after.strip_prefix('&')?),
            '|' => (Token::Or, after.strip_prefix('|')?),
            '\'' => {
                let (text, left) = after.split_once('\'')?;
                if text.ends_with('\\') {
                    return None;
                }
                (Token::Text(text.to_owned()), left)
            }
            '@' => {
                let (source, left) = after.split_once('[')?;
                let (name, left) = left.split_once(']')?;
                let is_word = !source.is_empty() && source.chars().all(|c| c.is_ascii_alphabetic());
                if !is_word || name.is_empty() || name.contains(['\'', '[', '@']) {
                    return None;
                }
                let (source, name) = (source.to_owned(), name.to_owned());
                (Token::Attribute(Attribute { source, name }), left)
            }
            c if is_of_word(c) => {
                let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                (word(&rest[..end]), &rest[end..])
            }
            _ => return None,
        };
        found.push(token);
        rest = left.trim_start();
    }
    Some(found)
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-' | '_')
}

fn word(text: &str) -> Token {
    match text.to_ascii_uppercase().as_str() {
        "AND" => Token::And,
        "OR" => Token::Or,
        "NOT" => Token::Not,
        _ => Token::Word(text.to_owned()),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned()?;
        self.next += 1;
        Some(token)
    }

    fn expect(&mut self, token: &Token) -> Option<()> {
        (self.take()? == *token).then_some(())
    }

    /// Terms joined by one of the two words.
    fn expression(&mut self, depth: usize) -> Option<Condition> {
        let first = self.term(depth)?;
        let joint = match self.peek() {
            Some(joint @ (Token::And | Token::Or)) => joint.clone(),
            _ => return Some(first),
        };
        let mut terms = vec![first];
        while self.peek() == Some(&joint) {
            self.next += 1;
            terms.push(self.term(depth)?);
        }
        if matches!(self.peek(), Some(Token::And | Token::Or)) {
            return None;
        }
        Some(if joint == Token::And { Condition::And(terms) } else { Condition::Or(terms) })
    }

    fn term(&mut self, depth: usize) -> Option<Condition> {
        if depth >= MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            Token::Not => {
                self.next += 1;
                Some(Condition::Not(Box::new(self.term(depth + 1)?)))
            }
            Token::Open => {
                self.next += 1;
                let inner = self.expression(depth + 1)?;
                self.expect(&Token::Close)?;
                Some(inner)
            }
            Token::Word(name) if self.tokens.get(self.next + 1) == Some(&Token::OpenBrace) => {
                let name = name.clone();
                self.next += 1;
                let texts = self.literals()?.into_iter().map(|literal| match literal {
                    Literal::Text(text) => Some(text),
                    Literal::Bare(_) => None,
                });
                let texts = texts.collect::<Option<Vec<_>>>()?;
                Some(if name.eq_ignore_ascii_case("ActionMatches") {
                    Condition::ActionMatches(texts)
                } else {
                    Condition::Function(name, texts)
                })
            }
            Token::Word(name)
                if ["Exists", "NotExists"].iter().any(|word| word.eq_ignore_ascii_case(name)) =>
            {
                let not = name.len() > "Exists".len();
                self.next += 1;
                let Token::Attribute(attribute) = self.take()? else { return None };
                Some(Condition::Exists { not, attribute })
            }
            _ => self.comparison(),
        }
    }

    fn comparison(&mut self) -> Option<Condition> {
        let left = self.operand()?;
        let Token::Word(name) = self.take()? else { return None };
        let (quantifier, comparison) = match name.split_once(':') {
            Some((quantifier, comparison)) => (Some(quantifier.to_owned()), comparison),
            None => (None, name.as_str()),
        };
        let is_name = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.chars().all(|c| c.is_ascii_alphanumeric())
        };
        if !is_name(comparison) || quantifier.as_deref().is_some_and(|text| !is_name(text)) {
            return None;
        }
        let operator = Operator { quantifier, comparison: comparison.to_owned() };
        Some(Condition::Compare { left, operator, right: self.operand()? })
    }

    fn operand(&mut self) -> Option<Operand> {
        if self.peek()? == &Token::OpenBrace {
            return self.literals().map(Operand::Values);
        }
        match self.take()? {
            Token::Attribute(attribute) => Some(Operand::Attribute(attribute)),
            token => literal(token).map(Operand::Value),
        }
    }

    /// Values in braces, at least one.
    fn literals(&mut self) -> Option<Vec<Literal>> {
        self.expect(&Token::OpenBrace)?;
        let mut all = vec![];
        loop {
            all.push(literal(self.take()?)?);
            match self.take()? {
                Token::Comma => {}
                Token::CloseBrace => return Some(all),
                _ => return None,
            }
        }
    }
}

fn literal(token: Token) -> Option<Literal> {
    match token {
        Token::Text(text) => Some(Literal::Text(text)),
        Token::Word(word) => {
            let digits = word.strip_prefix('-').unwrap_or(&word);
            let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
                && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
            let is_flag = ["true", "false"].iter().any(|flag| flag.eq_ignore_ascii_case(&word));
            (is_number || is_flag).then_some(Literal::Bare(word))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::role::syntax::Condition;

    #[test]
    fn words_and_signs_mean_the_same() {
        let words = parse("NOT ActionMatches{'a'} AND (ActionMatches{'b'} OR ActionMatches{'c'})");
        let signs = parse("!ActionMatches{'a'}&&(ActionMatches {'b'}||actionmatches{ 'c' })");
        assert!(words.is_some() && words == signs);
        assert_eq!(
            parse("!!ActionMatches{'a', 'b'}").map(|c| c.to_string()).as_deref(),
            Some("!!ActionMatches{'a', 'b'}")
        );
    }

    #[test]
    fn several_of_one_kind_need_no_parentheses() {
        let Some(Condition::And(all)) =
            parse("ActionMatches{'a'} AND ActionMatches{'b'} AND ActionMatches{'c'}")
        else {
            panic!("three terms");
        };
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        for odd in [
            "",
            "(",
            ")",
            "()",
            "ActionMatches",
            "ActionMatches{}",
            "ActionMatches{'a'",
            "ActionMatches{'a',}",
            "ActionMatches{a}",
            "ActionMatches{'a'} ActionMatches{'b'}",
            "ActionMatches{'a'} AND",
            "ActionMatches{'a'} AND ActionMatches{'b'} OR ActionMatches{'c'}",
            "ActionMatches{'a'} & ActionMatches{'b'}",
            "@Request StringEquals 'a'",
            "@Request[] StringEquals 'a'",
            "@Request[a] StringEquals",
            "@Request[a] StringEquals \"a\"",
            r"@Request[a] StringEquals 'it\'s'",
            "@Request[a] StringEquals 'a",
            "@Request[a] ForAny:Of:Values {'a'}",
            "@Request[a] 3 'a'",
            "'a' 'b' 'c'",
            "Exists 'a'",
            "\u{201c}",
        ] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let nested = |depth: usize| {
            format!("{}ActionMatches{{'a'}}{}", "(".repeat(depth), ")".repeat(depth))
        };
        assert!(parse(&nested(63)).is_some() && parse(&nested(64)).is_none());
        assert_eq!(parse(&nested(16_000)), None);
        assert_eq!(parse(&"!".repeat(30_000)), None);
        let long = format!("ActionMatches{{'{}'}}", "a".repeat(33_000));
        assert_eq!(parse(&long), None);
    }
}

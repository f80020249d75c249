//! Three-valued logic: true, false, or unknown (Kleene's strong logic).

use std::ops::{BitAnd, BitOr, Not};

use serde::Serialize;

/// True, false, or not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It may or may not hold.
    Unknown,
}

impl Truth {
    /// Returns whether any of these holds.
    pub fn any(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::False, |sum, one| sum | one)
    }

    /// Returns whether all of these hold.
    pub fn all(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::True, |sum, one| sum & one)
    }
}

impl From<bool> for Truth {
    fn from(known: bool) -> Self {
        if known { Self::True } else { Self::False }
    }
}

impl BitAnd for Truth {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            _ => Self::Unknown,
        }
    }
}

impl BitOr for Truth {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        !(!self & !other)
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, False, True, Unknown};

    const ALL: [Truth; 3] = [True, False, Unknown];

    #[test]
    fn what_is_unknown_matters_only_where_it_decides() {
        assert_eq!((False & Unknown, True & Unknown), (False, Unknown));
        assert_eq!((True | Unknown, False | Unknown), (True, Unknown));
        assert_eq!((Truth::any([]), Truth::all([])), (False, True));
    }

    #[test]
    fn the_laws_of_the_logic_hold() {
        for a in ALL {
            assert_eq!((!!a, a & a, a | a), (a, a, a));
            for b in ALL {
                assert_eq!((a & b, a | b), (b & a, b | a));
                assert_eq!((!(a & b), !(a | b)), (!a | !b, !a & !b));
                assert_eq!(a & (a | b), a);
                for c in ALL {
                    assert_eq!(((a & b) & c, (a | b) | c), (a & (b & c), a | (b | c)));
                    assert_eq!(a & (b | c), (a & b) | (a & c));
                }
            }
        }
    }

    #[test]
    fn learning_what_was_unknown_never_changes_what_was_known() {
        let refined = |a: Truth| if a == Unknown { vec![True, False] } else { vec![a] };
        for (a, b) in ALL.iter().flat_map(|a| ALL.map(|b| (*a, b))) {
            for (x, y) in refined(a).iter().flat_map(|x| refined(b).into_iter().map(|y| (*x, y))) {
                assert!(a & b == Unknown || a & b == (x & y));
                assert!(a | b == Unknown || a | b == (x | y));
            }
        }
    }
}

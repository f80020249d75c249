//! GUIDs: the ids of tenants, subscriptions and identities.

/// Returns whether a text is a GUID in the usual form.
pub fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::is_guid;

    #[test]
    fn what_is_a_guid() {
        assert!(is_guid("b84a2c17-95de-4f60-8C3B-1d6e7f90a2c5"));
        for bad in [
            "",
            "prod",
            "b84a2c17-95de-4f60-8c3b-1d6e7f90a2cg",
            "@84a2c17-95de-4f60-8c3b-1d6e7f90a2c5",
        ] {
            assert!(!is_guid(bad), "{bad}");
        }
    }
}

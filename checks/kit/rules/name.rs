//! Names of Kubernetes' objects.

/// Returns whether an object can have this name: a DNS name in lower case (kubernetes.io, "Object Names and
/// IDs", RFC 1123 subdomain). Another would change the path of a request.
pub fn is_object_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(|byte| is_plain(*byte))
            && bytes.last().is_some_and(|byte| is_plain(*byte))
            && bytes.iter().all(|byte| is_plain(*byte) || *byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects() {
        for name in ["a", "kube-system", "aks-blue-12345678-vmss000000", "10.0.0.1", "a--b.c"] {
            assert!(is_object_name(name), "{name}");
        }
        let long = "a".repeat(254);
        for name in ["", ".", "a.", "-a", "a-", "a..b", "A", "a_b", "a/b", "a?b", "a b", "é", &long]
        {
            assert!(!is_object_name(name), "{name}");
        }
    }
}

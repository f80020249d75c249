//! The flags of a kubelet, as its library reads them (spf13/pflag).

/// The arguments of a kubelet.
#[derive(Debug, Default)]
pub struct KubeletFlags(Vec<String>);

impl KubeletFlags {
    /// Returns the flags among arguments.
    pub fn of(args: Vec<String>) -> Self {
        Self(args)
    }

    /// Returns the value of a flag that takes one. The last one counts; `_` in a name is as good as
    /// `-` (`WordSepNormalizeFunc`).
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut value = None;
        let mut args = self.0.iter();
        while let Some(arg) = args.next() {
            let Some(flag) = arg.strip_prefix("--") else { continue };
            match flag.split_once('=') {
                Some((flag, given)) if is(flag, name) => value = Some(given),
                None if is(flag, name) => value = args.next().map(String::as_str),
                _ => {}
            }
        }
        value.filter(|value| !value.is_empty())
    }
}

fn is(flag: &str, name: &str) -> bool {
    flag.len() == name.len()
        && flag.bytes().zip(name.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_however_they_are_written() {
        let args =
            ["kubelet", "--v=2", "--config", "/a", "--resolv_conf=/b", "--config=/c", "--x="];
        let flags = KubeletFlags::of(args.map(str::to_owned).to_vec());
        assert_eq!(flags.value("config"), Some("/c"));
        assert_eq!(flags.value("resolv-conf"), Some("/b"));
        assert_eq!(flags.value("x"), None);
        assert_eq!(flags.value("kubelet"), None);
        assert_eq!(KubeletFlags::of(vec!["--config".into()]).value("config"), None);
    }
}

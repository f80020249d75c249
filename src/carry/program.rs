//! Whether a program can be carried: it must be for Linux on the node's processor, and static, because
//! no library is where it goes.

/// An architecture of nodes for which there is a loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// 64-bit ARM.
    Arm64,
}

impl Architecture {
    /// Returns the architecture that the label `kubernetes.io/arch` names so.
    ///
    /// # Errors
    /// Returns that there is no loader for it.
    pub fn named(name: &str) -> Result<Self, NotCarried> {
        match name {
            "amd64" => Ok(Architecture::Amd64),
            "arm64" => Ok(Architecture::Arm64),
            other => Err(NotCarried::NoLoader { architecture: checks::kit::sanitize_text(other) }),
        }
    }

    /// Returns Kubernetes' name of it.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
        }
    }

    /// Returns the architecture of programs with that number (`e_machine` in the ELF header).
    fn of_machine(machine: u16) -> Option<Self> {
        match machine {
            62 => Some(Architecture::Amd64),
            183 => Some(Architecture::Arm64),
            _ => None,
        }
    }
}

/// Why a program cannot be carried to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCarried {
    /// There is no loader for that architecture.
    NoLoader {
        /// Kubernetes' name of the architecture.
        architecture: String,
    },
    /// The program cannot be read.
    Unreadable {
        /// The system's error.
        why: String,
    },
    /// It is no 64-bit program for Linux, such as this program on a Mac or on Windows.
    NotForLinux {},
    /// It is a program for another architecture than the node's.
    OtherArchitecture {
        /// The architecture of the program; unknown ones are not named.
        program: Option<Architecture>,
        /// The node's.
        node: Architecture,
    },
    /// It needs a runtime linker and shared libraries, which the node's image may lack.
    NotStatic {
        /// The runtime linker that it names.
        linker: String,
    },
    /// It is too long, even compressed.
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It could not be compressed.
    NotPacked {
        /// The error.
        why: String,
    },
}

/// The lengths of an ELF header and of an entry of its table of segments, for 64 bits.
const HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: usize = 56;
/// The segment that names the runtime linker.
const PT_INTERP: u32 = 3;
/// The longest name of a runtime linker that is shown.
const MAX_LINKER_BYTES: usize = 256;

/// Returns why a program cannot be carried to nodes of that architecture, from its ELF header (System
/// V ABI, "Object Files").
pub(super) fn examine(program: &[u8], node: Architecture) -> Result<(), NotCarried> {
    let is_elf = program.len() >= HEADER_BYTES && program.starts_with(b"\x7fELF\x02\x01");
    let kind = u16_at(program, 16).filter(|_| is_elf);
    let (Some(2 | 3), Some(machine)) = (kind, u16_at(program, 18)) else {
        return Err(NotCarried::NotForLinux {});
    };
    let of = Architecture::of_machine(machine);
    if of != Some(node) {
        return Err(NotCarried::OtherArchitecture { program: of, node });
    }
    let (table, count) = (usize_at(program, 32), u16_at(program, 56).unwrap_or_default());
    for number in 0..usize::from(count) {
        let Some(at) = table.and_then(|table| table.checked_add(number * SEGMENT_BYTES)) else {
            break;
        };
        if u32_at(program, at) == Some(PT_INTERP) {
            let name = usize_at(program, at.saturating_add(8));
            let name = name.and_then(|start| program.get(start..)).unwrap_or_default();
            let name = name.iter().take(MAX_LINKER_BYTES).take_while(|byte| **byte != 0);
            let name: Vec<u8> = name.copied().collect();
            let linker = checks::kit::sanitize_text(&String::from_utf8_lossy(&name));
            return Err(NotCarried::NotStatic { linker });
        }
    }
    Ok(())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn usize_at(bytes: &[u8], at: usize) -> Option<usize> {
    let value = u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?);
    value.try_into().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the header of a static program for that machine.
    pub(in crate::carry) fn static_program(machine: u16) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(HEADER_BYTES, 0);
        header[16] = 2;
        header[18..20].copy_from_slice(&machine.to_le_bytes());
        header
    }

    /// Returns a program that names a runtime linker.
    fn dynamic_program() -> Vec<u8> {
        let mut program = static_program(62);
        program[32] = 64;
        program[56] = 1;
        program.resize(HEADER_BYTES + SEGMENT_BYTES, 0);
        program[64] = 3;
        program[72] = 120;
        program.extend(b"/lib64/ld-linux-x86-64.so.2\0");
        program
    }

    #[test]
    fn only_a_static_program_for_the_node_is_carried() {
        let node = Architecture::Amd64;
        assert_eq!(examine(&static_program(62), node), Ok(()));
        let linker = "/lib64/ld-linux-x86-64.so.2".to_owned();
        assert_eq!(examine(&dynamic_program(), node), Err(NotCarried::NotStatic { linker }));
        let program = Some(Architecture::Arm64);
        let other = Err(NotCarried::OtherArchitecture { program, node });
        assert_eq!(examine(&static_program(183), node), other);
        for not_for_linux in [&b"MZ"[..], b"\xcf\xfa\xed\xfe", b"", b"\x7fELF\x02\x01"] {
            assert_eq!(examine(not_for_linux, node), Err(NotCarried::NotForLinux {}));
        }
        assert!(matches!(Architecture::named("riscv64"), Err(NotCarried::NoLoader { .. })));
        for architecture in [Architecture::Amd64, Architecture::Arm64] {
            assert_eq!(Architecture::named(architecture.name()), Ok(architecture));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(rest in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = [&b"\x7fELF\x02\x01"[..], &rest].concat();
            let _ = examine(&bytes, Architecture::Amd64);
        }
    }
}

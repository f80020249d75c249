//! The beginning of the process: the stack that the kernel leaves, and the end in a panic.

use core::{arch::global_asm, panic::PanicInfo, slice};

use crate::{run, system};

// The kernel leaves at the stack pointer: the number of arguments, the arguments, 0, the environment,
// 0 (System V ABI, "Process Initialization"; the same on both processors).
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {begin}",
    "ud2",
    begin = sym begin,
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, #0",
    "mov x30, #0",
    "mov x0, sp",
    "and sp, x0, #-16",
    "bl {begin}",
    "brk #1",
    begin = sym begin,
);

/// How the loader was started.
pub(crate) struct Invocation {
    /// The arguments, ending with a null pointer.
    pub(crate) arguments: *const *const u8,
    /// The environment, ending with a null pointer.
    pub(crate) environment: *const *const u8,
    directory: &'static [u8],
}

impl Invocation {
    /// Returns the directory that the loader was started from.
    pub(crate) fn directory(&self) -> &[u8] {
        self.directory
    }
}

unsafe extern "C" fn begin(stack: *const usize) -> ! {
    // SAFETY: `_start` passes the stack as the kernel left it, and nothing has changed it.
    let invocation = unsafe { read(stack) };
    let failed = run(&invocation);
    system::print_error(failed.line);
    system::exit(failed.code)
}

/// Reads how the loader was started.
///
/// # Safety
/// `stack` is what the kernel left.
unsafe fn read(stack: *const usize) -> Invocation {
    // SAFETY: the first word is the number of arguments; that many pointers and a null pointer
    // follow, and then the environment. An argument is a string that ends with 0.
    unsafe {
        let count = *stack;
        let arguments = stack.add(1).cast::<*const u8>();
        let first = if count == 0 { c"".as_ptr().cast::<u8>() } else { *arguments };
        let mut length = 0;
        while *first.add(length) != 0 {
            length += 1;
        }
        let name = slice::from_raw_parts(first, length);
        let slash = name.iter().rposition(|byte| *byte == b'/');
        let directory = slash.map_or(&b"."[..], |slash| &name[..slash]);
        Invocation { arguments, environment: arguments.add(count + 1), directory }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    system::print_error(b"loader: this is a defect of the loader\n");
    system::exit(120)
}

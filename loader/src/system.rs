//! The system calls of Linux, for both processors.

use core::arch::asm;

use crate::start::Invocation;

/// The numbers of the calls (Linux, `arch/x86/entry/syscalls/syscall_64.tbl`).
#[cfg(target_arch = "x86_64")]
mod number {
    pub(super) const READ: usize = 0;
    pub(super) const WRITE: usize = 1;
    pub(super) const CLOSE: usize = 3;
    pub(super) const MMAP: usize = 9;
    pub(super) const MUNMAP: usize = 11;
    pub(super) const EXECVE: usize = 59;
    pub(super) const EXIT_GROUP: usize = 231;
    pub(super) const OPENAT: usize = 257;
    pub(super) const MEMFD_CREATE: usize = 319;
    pub(super) const EXECVEAT: usize = 322;
}
/// The numbers of the calls (Linux, `include/uapi/asm-generic/unistd.h`).
#[cfg(target_arch = "aarch64")]
mod number {
    pub(super) const OPENAT: usize = 56;
    pub(super) const CLOSE: usize = 57;
    pub(super) const READ: usize = 63;
    pub(super) const WRITE: usize = 64;
    pub(super) const EXIT_GROUP: usize = 94;
    pub(super) const MUNMAP: usize = 215;
    pub(super) const EXECVE: usize = 221;
    pub(super) const MMAP: usize = 222;
    pub(super) const MEMFD_CREATE: usize = 279;
    pub(super) const EXECVEAT: usize = 281;
}

/// Relative to the working directory (Linux, `include/uapi/linux/fcntl.h`).
const AT_FDCWD: isize = -100;
/// The file is the descriptor itself.
const AT_EMPTY_PATH: usize = 0x1000;
/// Close at exec (the same on both processors).
const O_CLOEXEC: usize = 0o2_000_000;
/// Close at exec (Linux, `include/uapi/linux/memfd.h`).
const MFD_CLOEXEC: usize = 1;
/// The file may be executed: where `vm.memfd_noexec` is 1 that must be said, since Linux 6.3.
const MFD_EXEC: usize = 0x10;
/// A flag is not known.
const EINVAL: isize = -22;
/// The call was interrupted.
const EINTR: isize = -4;
const PROT_READ_WRITE: usize = 3;
const MAP_PRIVATE_ANONYMOUS: usize = 0x22;

/// Calls the kernel.
///
/// # Safety
/// The arguments are as the call wants them.
unsafe fn call(number: usize, arguments: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the registers are those of the kernel's calling convention (man 2 syscall), and what the
    // kernel overwrites is named.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number.cast_signed() => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "svc #0",
            inlateout("x0") arguments[0].cast_signed() => result,
            in("x1") arguments[1],
            in("x2") arguments[2],
            in("x3") arguments[3],
            in("x4") arguments[4],
            in("x5") arguments[5],
            in("x8") number,
            options(nostack)
        );
    }
    result
}

/// Calls the kernel again for as long as it is interrupted.
///
/// # Safety
/// As for [`call`].
unsafe fn call_until_done(number: usize, arguments: [usize; 6]) -> isize {
    loop {
        // SAFETY: the caller's.
        let result = unsafe { call(number, arguments) };
        if result != EINTR {
            return result;
        }
    }
}

/// An open file.
pub(crate) struct File(usize);

impl File {
    /// Opens a file to read it. The path ends with 0.
    pub(crate) fn open(path: &[u8]) -> Option<Self> {
        if path.last() != Some(&0) {
            return None;
        }
        let arguments = [AT_FDCWD.cast_unsigned(), path.as_ptr() as usize, O_CLOEXEC, 0, 0, 0];
        // SAFETY: the path is a string that ends with 0.
        let file = unsafe { call_until_done(number::OPENAT, arguments) };
        usize::try_from(file).ok().map(Self)
    }

    /// Reads into the buffer; returns how much.
    pub(crate) fn read(&self, into: &mut [u8]) -> Option<usize> {
        let arguments = [self.0, into.as_mut_ptr() as usize, into.len(), 0, 0, 0];
        // SAFETY: the buffer is ours, and this long.
        let read = unsafe { call_until_done(number::READ, arguments) };
        usize::try_from(read).ok()
    }

    /// Writes all of it; returns whether that worked.
    pub(crate) fn write_all(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let arguments = [self.0, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0];
            // SAFETY: the bytes are ours, and this many.
            let written = unsafe { call_until_done(number::WRITE, arguments) };
            match usize::try_from(written) {
                Ok(written @ 1..) => bytes = bytes.get(written..).unwrap_or_default(),
                _ => return false,
            }
        }
        true
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours, and is not used again.
        unsafe { call(number::CLOSE, [self.0, 0, 0, 0, 0, 0]) };
    }
}

/// Makes a file in memory that can be executed.
pub(crate) fn memory_file() -> Option<File> {
    let name = c"check-acr".as_ptr() as usize;
    let make = |flags| {
        // SAFETY: the name is a string that ends with 0.
        unsafe { call(number::MEMFD_CREATE, [name, flags, 0, 0, 0, 0]) }
    };
    let file = match make(MFD_CLOEXEC | MFD_EXEC) {
        EINVAL => make(MFD_CLOEXEC),
        file => file,
    };
    usize::try_from(file).ok().map(File)
}

/// Becomes the program in the file; returns only when that fails.
pub(crate) fn execute(program: &File, invocation: &Invocation) {
    let arguments = invocation.arguments as usize;
    let environment = invocation.environment as usize;
    let nothing = c"".as_ptr() as usize;
    // SAFETY: both lists are those that the kernel gave us.
    unsafe {
        call(number::EXECVEAT, [program.0, nothing, arguments, environment, AT_EMPTY_PATH, 0])
    };
    // A sandbox may know only the older call.
    let path = path_of(program.0);
    // SAFETY: the path ends with 0, and both lists are those that the kernel gave us.
    unsafe { call(number::EXECVE, [path.as_ptr() as usize, arguments, environment, 0, 0, 0]) };
}

/// Returns the path of an open file, which ends with 0.
fn path_of(descriptor: usize) -> [u8; 24] {
    const BEFORE: &[u8] = b"/proc/self/fd/";
    let mut path = [0; 24];
    path[..BEFORE.len()].copy_from_slice(BEFORE);
    // Only standard input, output and error can be open besides: it has at most three digits.
    let digits = [descriptor / 100 % 10, descriptor / 10 % 10, descriptor % 10];
    let first = digits.iter().position(|digit| *digit > 0).unwrap_or(2);
    for (place, digit) in path[BEFORE.len()..].iter_mut().zip(&digits[first..]) {
        *place = b"0123456789"[*digit];
    }
    path
}

/// Returns zeroed memory of its own pages, or a null pointer.
pub(crate) fn map(length: usize) -> *mut u8 {
    let arguments = [0, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, usize::MAX, 0];
    // SAFETY: new memory, at a place that the kernel chooses.
    let place = unsafe { call(number::MMAP, arguments) };
    usize::try_from(place).map_or(core::ptr::null_mut(), |place| place as *mut u8)
}

/// Gives memory back.
///
/// # Safety
/// [`map`] returned it for this length, and nothing uses it any more.
pub(crate) unsafe fn unmap(place: *mut u8, length: usize) {
    // SAFETY: the caller's.
    unsafe { call(number::MUNMAP, [place as usize, length, 0, 0, 0, 0]) };
}

/// Writes a line to standard error.
pub(crate) fn print_error(line: &[u8]) {
    let stderr = File(2);
    // There is nowhere else to say it.
    let _ = stderr.write_all(line);
    core::mem::forget(stderr);
}

/// Ends the process.
pub(crate) fn exit(code: i32) -> ! {
    loop {
        // SAFETY: it has no pointers.
        unsafe { call(number::EXIT_GROUP, [code.cast_unsigned() as usize, 0, 0, 0, 0, 0]) };
    }
}

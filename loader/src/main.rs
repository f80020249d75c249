//! The loader: unpacks a program in memory and becomes it.
//!
//! It is started as `DIRECTORY/loader ARGUMENTS…`, with the parts of a zstd-compressed program beside
//! it: `part-00`, `part-01`, and so on. It unpacks them into a memory file, so that it needs no disk
//! that can be written, and executes that with its own arguments and environment. It runs as any
//! user, without capabilities, under the default seccomp profiles of Docker and containerd.
//!
//! Where it fails it says why in a line and ends with a code of its own, from 120.
#![no_std]
#![no_main]

extern crate alloc;

mod memory;
mod parts;
mod start;
mod system;

use alloc::vec;

use parts::Parts;
use ruzstd::{decoding::StreamingDecoder, io::Read};
use start::Invocation;

/// How much of the program is unpacked at a time.
const STRIDE: usize = 256 * 1024;
/// The longest program that is unpacked.
const MAX_PROGRAM_BYTES: usize = 256 * 1024 * 1024;

/// Why the loader ends.
struct Failure {
    code: i32,
    line: &'static [u8],
}

const fn failure(code: i32, line: &'static [u8]) -> Failure {
    Failure { code, line }
}

/// Unpacks the program and becomes it; returns only when that fails.
fn run(invocation: &Invocation) -> Failure {
    match unpack(invocation) {
        Ok(program) => {
            system::execute(&program, invocation);
            failure(126, b"loader: the program in memory cannot be executed\n")
        }
        Err(failed) => failed,
    }
}

/// Returns the file in memory that holds the program.
fn unpack(invocation: &Invocation) -> Result<system::File, Failure> {
    let mut parts = Parts::new(invocation.directory());
    let program = system::memory_file().ok_or(failure(
        122,
        b"loader: no file in memory can be made (is vm.memfd_noexec 2 on this node?)\n",
    ))?;
    let broken = || failure(124, b"loader: the parts do not unpack\n");
    let Ok(mut decoder) = StreamingDecoder::new(&mut parts) else {
        return Err(parts.failure().unwrap_or_else(broken));
    };
    let mut stride = vec![0; STRIDE];
    let mut length = 0;
    loop {
        let Ok(read) = decoder.read(&mut stride) else { return Err(broken()) };
        if read == 0 {
            return Ok(program);
        }
        length += read;
        if length > MAX_PROGRAM_BYTES {
            return Err(failure(125, b"loader: the program is too long\n"));
        }
        if !program.write_all(&stride[..read]) {
            return Err(failure(123, b"loader: the memory does not suffice\n"));
        }
    }
}

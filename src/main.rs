//! The program. All code is in the library, so that tests can use it too.

// That of musl takes three times as long for thousands of nodes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    check_acr::main().into()
}

//! The program: everything is in the library, so that the tests can use it too.

fn main() -> std::process::ExitCode {
    check_acr::main().into()
}

//! The `runnel` program; everything it does is in the library.

fn main() -> std::process::ExitCode {
    runnel::cli::main()
}

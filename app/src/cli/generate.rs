//! Manual pages and completions, made from the command line's own definition.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{Cli, Failure};

/// Options of `runnel man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Folder to write the pages into; it is made if it is not there.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Options of `runnel completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Writes one page a command.
///
/// # Errors
/// When the folder cannot be written.
pub fn man(args: &ManArgs) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("the manual cannot be written to {}: {error}", args.folder.display()))
    };
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(failed)
}

/// Prints completions on standard output.
///
/// # Errors
/// When standard output is closed.
pub fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "runnel", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text).map_err(Failure::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        man(&ManArgs { folder: folder.path().join("man1") }).unwrap();
        for page in ["runnel.1", "runnel-demo.1", "runnel-watch.1", "runnel-publish.1", "runnel-doctor.1"] {
            assert!(folder.path().join("man1").join(page).exists(), "{page}");
        }
        assert!(!folder.path().join("man1/runnel-serve-embedded.1").exists(), "what is hidden has no page");
    }
}

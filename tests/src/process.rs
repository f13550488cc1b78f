//! Our own programs, run as a user would run them.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use wait_timeout::ChildExt;

/// The path of one of our binaries, built beside this test or program.
///
/// # Errors
/// When it was not built: `cargo test` alone builds no other package's binaries.
pub fn binary(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("a program has a path")?;
    let folder = this.parent().context("a program lies in a folder")?;
    // Tests lie in PROFILE/deps, programs in PROFILE itself.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() {
        bail!("{} is not there; build it first: cargo build --workspace --bins", path.display());
    }
    Ok(path)
}

/// Lets one test of a program at a time go on, until the value is dropped: several broadcasts at once would measure the
/// machine.
pub fn alone() -> MutexGuard<'static, ()> {
    static STAGE: Mutex<()> = Mutex::new(());
    STAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child process that is killed and reaped when the value is dropped.
pub struct Process {
    child: Child,
    /// Kept open: some programs end when their input does.
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a command with its standard output read line by line; at most 4,096 unread lines are kept.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        Self::read(child, stdout)
    }

    /// The same for a program that ends in good order when its standard input closes, as it does in [`Process::wait`].
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_until_input_closes(command: &mut Command) -> Result<Self> {
        let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        Self::read(child, stdout)
    }

    /// The same for a program whose words about itself go to standard error.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_reading_stderr(command: &mut Command) -> Result<Self> {
        let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()))?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        Self::read(child, stderr)
    }

    fn read(mut child: Child, from: impl Read + Send + 'static) -> Result<Self> {
        let (sender, lines) = sync_channel(4096);
        std::thread::Builder::new().name("child-lines".into()).spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                if sender.try_send(line).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { input: child.stdin.take(), child, lines })
    }

    /// The next line of standard output.
    ///
    /// # Errors
    /// When none comes within `limit` or the output has ended.
    pub fn line(&self, limit: Duration) -> Result<String> {
        match self.lines.recv_timeout(limit) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("no line of output within {limit:?}"),
            Err(RecvTimeoutError::Disconnected) => bail!("the output ended"),
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal by its name, such as `STOP`.
    ///
    /// # Errors
    /// When there is no such signal or no `kill` here.
    pub fn signal(&self, name: &str) -> Result<()> {
        let mut kill = Command::new("kill");
        let (status, _, said) = run(kill.arg(format!("-{name}")).arg(self.id().to_string()), Duration::from_secs(5))?;
        if status.success() { Ok(()) } else { bail!("kill -{name}: {said}") }
    }

    /// Closes its standard input and waits for the end of the process.
    ///
    /// # Errors
    /// When it has not ended within `limit`; it is killed then.
    pub fn wait(mut self, limit: Duration) -> Result<ExitStatus> {
        drop(self.input.take());
        wait_for_exit(&mut self.child, limit)
    }

    /// Kills the process at once, as a crash would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended is fine; there is nobody to tell otherwise.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("start {:?}", command.get_program()))
}

/// Runs a command to its end and gives its status, standard output and standard error.
///
/// # Errors
/// When it cannot start or does not end within `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String, String)> {
    let program = format!("{:?}", command.get_program());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let stderr = child.stderr.take().context("stderr is piped")?;
    let out = read_aside("child-stdout", stdout)?;
    let err = read_aside("child-stderr", stderr)?;
    let status = wait_for_exit(&mut child, limit).with_context(|| program)?;
    Ok((status, out.join().unwrap_or_default(), err.join().unwrap_or_default()))
}

fn read_aside(name: &str, mut from: impl Read + Send + 'static) -> Result<std::thread::JoinHandle<String>> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        // A broken pipe ends the text; what came is still worth showing.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })?;
    Ok(thread)
}

fn wait_for_exit(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    if let Some(status) = child.wait_timeout(limit)? {
        return Ok(status);
    }
    let _ = child.kill();
    let _ = child.wait();
    bail!("still running after {limit:?}");
}

/// The folder of the whole project.
pub fn project_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}

/// Every Rust file below a folder, with its text.
///
/// # Errors
/// When a file cannot be read.
pub fn sources(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                found.push((path, text));
            }
        }
    }
    found.sort();
    Ok(found)
}

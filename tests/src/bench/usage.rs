//! Processor time and memory, as Linux tells them.

use anyhow::{Context, Result};

/// Processor seconds of a piece of work in this process: all threads, user and system.
///
/// Wall time on a shared machine says more about the neighbours than about us.
pub(super) fn cpu_seconds(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let process = std::process::id();
    let before = cpu_seconds_of(process)?;
    work()?;
    Ok(cpu_seconds_of(process)? - before)
}

/// Ticks a second in /proc: the kernel's ABI fixes it at 100 on every architecture we measure on.
const TICKS: f64 = 100.0;

/// Processor seconds that a process has used so far.
pub(super) fn cpu_seconds_of(process: u32) -> Result<f64> {
    // Unlike the threads' own figures, these include threads that have ended, such as an encoder's pool.
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).context("this needs Linux")?;
    let after_name = stat.rsplit(')').next().context("the name is in brackets")?;
    let ticks = |field: usize| -> Result<f64> {
        Ok(after_name.split_whitespace().nth(field).context("the field is there")?.parse()?)
    };
    // Fields 14 and 15 of proc(5), counted from the one after the name.
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}

/// Resident memory of a process now, in MiB.
pub(super) fn resident_mib(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS is told")?;
    let kib: f64 = line.split_whitespace().nth(1).context("VmRSS has a figure")?.parse()?;
    Ok(kib / 1024.0)
}

//! What this process costs: CPU time and memory.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Measures the process it runs in.
pub struct Usage {
    /// The system and our number in it; nothing where the system does not tell.
    looks: Option<(System, Pid)>,
    cost: Cost,
}

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// User and system time so far, in seconds.
    pub cpu_seconds: f64,
    /// Largest resident set that was seen, in bytes.
    pub rss_bytes: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self { looks: System::new().ok().zip(sysinfo::get_current_pid().ok()), cost: Cost::default() }
    }
}

impl Usage {
    /// Looks once more; call it about once a second, so that a peak of memory is seen.
    pub fn sample(&mut self) -> Cost {
        if let Some((system, pid)) = &mut self.looks {
            let pid = *pid;
            let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, kind);
            if let Some(process) = system.process(pid) {
                self.cost.cpu_seconds = process.accumulated_cpu_time() as f64 / 1000.0;
                self.cost.rss_bytes = self.cost.rss_bytes.max(process.memory());
            }
        }
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_peaks_stay() {
        let mut usage = Usage::default();
        let first = usage.sample();
        assert!(first.rss_bytes > 0);
        assert!(usage.sample().rss_bytes >= first.rss_bytes);
    }
}

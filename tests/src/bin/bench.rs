//! `make bench`: measures us against bare references in the same run, and the demo against its bounds.
//!
//! Machines are noisy, so nothing here gates; each line says what was measured, the bound, and whether it was met.

use std::process::ExitCode;

use anyhow::Result;
use runnel_tests::bench::{self, Table};

fn main() -> Result<ExitCode> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut table = Table::default();
    let mut failed = false;
    for (name, measure) in bench::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|want| want == name) {
            continue;
        }
        eprintln!("bench: {name}");
        if let Err(error) = measure(&mut table) {
            eprintln!("bench: {name} could not be measured: {error:#}");
            failed = true;
        }
    }
    println!("{table}");
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

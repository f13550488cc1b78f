//! Plays a swarm in virtual time and reports how it went.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use runnel_p2p::sim::{self, Policy, Report, Scenario, plot};

/// Plays a swarm in virtual time and reports how it went.
#[derive(Debug, Parser)]
#[command(name = "swarm-sim", version)]
struct Arguments {
    /// A built-in scenario's name, or a TOML file.
    #[arg(long, default_value = "steady")]
    scenario: String,
    /// How many viewers; the scenario's number if left out.
    #[arg(long)]
    peers: Option<usize>,
    /// The seed of all chance: the same one gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many virtual seconds; the scenario's number if left out.
    #[arg(long)]
    seconds: Option<u64>,
    /// Who decides: our mesh, or a reference to measure it against.
    #[arg(long, default_value = "runnel", value_parser = policy)]
    policy: Policy,
    /// Where to write the report as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// A folder for drawings (SVG): how lag is spread, offload over time, depth of the trees.
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
    /// List the built-in scenarios and end.
    #[arg(long)]
    list: bool,
}

fn policy(name: &str) -> Result<Policy, String> {
    let known = || Policy::NAMES.map(|(name, _)| name).join(", ");
    let found = Policy::NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, policy)| *policy).ok_or_else(|| format!("expected one of {}", known()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match play(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("swarm-sim: {error}");
            let mut cause = error.source();
            while let Some(inner) = cause {
                eprintln!("  because {inner}");
                cause = inner.source();
            }
            ExitCode::from(2)
        }
    }
}

/// Plays the scenario; `false` where a check failed.
fn play(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    if arguments.list {
        for name in Scenario::names() {
            println!("{name:18} {}", Scenario::load(name)?.about);
        }
        return Ok(true);
    }
    let mut scenario = Scenario::load(&arguments.scenario)?;
    if let Some(peers) = arguments.peers {
        scenario.scale(peers);
    }
    scenario.seconds = arguments.seconds.unwrap_or(scenario.seconds);
    scenario.check()?;
    println!(
        "{}: {} ({} viewers, seed {}, {})",
        scenario.name,
        scenario.about,
        scenario.peers,
        arguments.seed,
        arguments.policy.name()
    );
    let bar = ProgressBar::new(scenario.seconds);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} virtual seconds, {eta} left") {
        bar.set_style(style);
    }
    let outcome = sim::run(&scenario, arguments.policy, arguments.seed, |second| bar.set_position(second));
    bar.finish_and_clear();
    print(&outcome.report);
    if let Some(folder) = &arguments.plot {
        fs::create_dir_all(folder)?;
        for (name, drawing) in plot::draw(&outcome) {
            fs::write(folder.join(name), drawing)?;
        }
        println!("drawings: {}", folder.display());
    }
    let report = outcome.report;
    if let Some(path) = &arguments.report {
        let mut json = serde_json::to_string_pretty(&report)?;
        json.push('\n');
        fs::write(path, json)?;
        println!("report: {}", path.display());
    }
    let failures = scenario.checks.failures(&report);
    for failure in &failures {
        println!("FAILED: {failure} (seed {})", report.seed);
    }
    Ok(failures.is_empty())
}

fn print(report: &Report) {
    let lag = report.lag_ms;
    let (latency, first) = (report.latency_ms, report.first_frame_ms);
    let share =
        |index: usize| 100.0 * report.bytes_from[index] as f64 / report.bytes_from.iter().sum::<u64>().max(1) as f64;
    println!("offload       {:8.2} % of the bytes from other viewers", 100.0 * report.offload);
    println!(
        "others        {:8.2} % broadcaster, {:.2} % server's node, {:.2} % origin by HTTP",
        share(1),
        share(2),
        share(3)
    );
    println!("lag           {:8.0} ms p50, {:.0} p95, {:.0} p99", lag.p50, lag.p95, lag.p99);
    println!("              {:8.0} ms p99 under the idealised schedule", report.ideal_lag_ms_p99);
    println!("latency       {:8.0} ms p50, {:.0} p95, {:.0} p99", latency.p50, latency.p95, latency.p99);
    println!("first frame   {:8.0} ms p50, {:.0} p95", first.p50, first.p95);
    println!(
        "stalled       {:8.3} % of the time, {} stalls; {:.2} % of the viewers never for longer than 0.5 s",
        100.0 * report.stall_ratio,
        report.stalls,
        100.0 * report.smooth_ratio
    );
    println!("late          {:8.3} % of the chunks", 100.0 * report.late_ratio);
    println!("duplicates    {:8.2} %", 100.0 * report.duplicate_ratio);
    println!("control       {:8.2} %", 100.0 * report.control_ratio);
    println!("origin's peak {:8.2} % of what all viewers need", 100.0 * report.origin_peak_ratio);
    println!("healed within {:8.0} ms p95", report.heal_ms_p95);
    println!("sigma         {:8.2}, mean depth {:.2}", report.sigma, report.depth_mean);
    println!("computed in   {:8.1} s, trace {}", report.wall_seconds, report.trace_hash);
}

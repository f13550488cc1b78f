//! What `make bench` measures, and how it says so.

mod codec;
mod demo;
mod memory;
mod preprocess;
mod quality;
mod tracker;
mod usage;

use std::fmt;

use anyhow::Result;

/// A measurement adds its lines to the table.
pub type Measure = fn(&mut Table) -> Result<()>;

/// Every measurement, by the name that chooses it on the command line.
pub const ALL: &[(&str, Measure)] = &[
    ("preprocess", preprocess::pictures),
    ("publish-path", codec::publish_path),
    ("watch-path", codec::watch_path),
    ("server-memory", memory::idle_server),
    ("viewer-memory", memory::viewer_at_720p),
    ("tracker", tracker::announces),
    ("demo-test", demo::test_picture),
    ("demo-rav1e", demo::rav1e),
    ("demo-file", demo::file),
    ("demo-screen", demo::screen),
    ("720p30", quality::probed_720p30),
    ("720p25-rav1e", quality::rav1e_720p25),
];

/// A bound on a figure.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// At least so much.
    Least(f64),
    /// At most so much.
    Most(f64),
    /// Only reported.
    None,
}

impl Bound {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::Least(least) => value >= least,
            Self::Most(most) => value <= most,
            Self::None => true,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Least(least) => write!(f, ">= {least}"),
            Self::Most(most) => write!(f, "<= {most}"),
            Self::None => write!(f, "-"),
        }
    }
}

struct Row {
    measurement: &'static str,
    figure: String,
    value: f64,
    bound: Bound,
}

/// The figures of one run.
#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// Adds a figure.
    pub fn add(&mut self, measurement: &'static str, figure: impl Into<String>, value: f64, bound: Bound) {
        self.0.push(Row { measurement, figure: figure.into(), value, bound });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14} {:<46} {:>10}  {:<9} met", "measurement", "figure", "value", "bound")?;
        for row in &self.0 {
            let met = match row.bound {
                Bound::None => "",
                bound if bound.is_met(row.value) => "yes",
                _ => "NO",
            };
            let bound = row.bound.to_string();
            writeln!(f, "{:<14} {:<46} {:>10.3}  {bound:<9} {met}", row.measurement, row.figure, row.value)?;
        }
        Ok(())
    }
}

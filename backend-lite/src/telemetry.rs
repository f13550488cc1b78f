//! What the server tells about itself: counters and logs. No viewer's name, no path and no whole address is in either.

mod address;
mod metrics;

pub(crate) use address::short;
pub(crate) use metrics::Metrics;

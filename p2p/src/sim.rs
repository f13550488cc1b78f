//! A virtual clock and network on which many [`Mesh`](crate::mesh::Mesh)es run, the very same code as in the app.
//!
//! A [`Scenario`] says who is there, how the network is and what must hold; [`run`] plays it. All chance comes from one seed
//! and no arithmetic depends on the machine, so the same seed gives the same trace, whose hash is in the [`Report`].

mod chance;
mod network;
mod peer;
mod people;
mod playout;
mod queue;
mod report;
mod scenario;
mod stream;
mod tally;
mod world;

pub use report::{Percentiles, Report};
pub use scenario::{Checks, Churn, Join, NetworkPlan, Scenario, ScenarioError, ServerPlan, StreamPlan, Uplink};
use world::World;

/// Plays a scenario; `progress` is told each virtual second that passed.
pub fn run(scenario: &Scenario, seed: u64, mut progress: impl FnMut(u64)) -> Report {
    let mut world = World::new(scenario, seed);
    let mut second = 0;
    while world.step() {
        while second < world.now() / 1_000_000 {
            second += 1;
            progress(second);
        }
    }
    world.report(seed)
}

//! A virtual clock and network on which many [`Mesh`](crate::mesh::Mesh)es run, the very same code as in the app.
//!
//! A [`Scenario`] says who is there, how the network is, what goes wrong and what must hold; [`run`] plays it, under our mesh
//! or a reference [`Policy`]. All chance comes from one seed and no arithmetic depends on the machine, so the same seed gives
//! the same trace, whose hash is in the [`Report`].

mod chance;
mod checks;
mod deliver;
mod events;
mod ideal;
mod meter;
mod network;
mod peer;
mod people;
mod plan;
mod playout;
pub mod plot;
mod policy;
mod puller;
mod queue;
mod report;
mod scenario;
mod stream;
mod tally;
mod tracker;
mod world;

pub use checks::Checks;
pub use meter::Second;
pub use plan::{
    Adversaries, Churn, ClockPlan, Join, NatPlan, NetworkPlan, Outage, ServerPlan, Slowdown, StreamPlan, Uplink,
};
pub use policy::Policy;
pub use report::{Outcome, Percentiles, Report};
pub use scenario::{Scenario, ScenarioError};
use world::World;

/// Plays a scenario under a policy; `progress` is told each virtual second that passed.
pub fn run(scenario: &Scenario, policy: Policy, seed: u64, mut progress: impl FnMut(u64)) -> Outcome {
    let mut world = World::new(scenario, policy, seed);
    let mut second = 0;
    while world.step() {
        while second < world.now() / 1_000_000 {
            second += 1;
            progress(second);
        }
    }
    world.outcome()
}

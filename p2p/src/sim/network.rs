//! How long a message takes from one peer to another.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::chance::{bell, exponential, lognormal};
use super::plan::NetworkPlan;

/// Bytes of a packet, for counting losses.
const PACKET: u64 = 1200;
/// What even a peer that shares nothing can send of control messages.
const LEAST_KBPS: u64 = 1000;

/// One peer's connection to the network.
#[derive(Debug)]
pub(super) struct Access {
    up_kbps: u64,
    down_kbps: u64,
    /// When what is being sent is out.
    up_free: u64,
    down_free: u64,
    /// How much longer everything takes to leave.
    queue: u64,
}

impl Access {
    pub(super) fn new(up_kbps: u64, down_kbps: u64) -> Self {
        Self { up_kbps: up_kbps.max(LEAST_KBPS), down_kbps, up_free: 0, down_free: 0, queue: 0 }
    }

    /// Puts a message on the line; tells when it is out. Control messages do not queue behind media.
    pub(super) fn upload(&mut self, now: u64, bytes: u64, first: bool) -> u64 {
        let time = bytes * 8 * 1000 / self.up_kbps;
        let busy = self.up_free.max(now);
        self.up_free = busy + time;
        self.queue + if first { now + time } else { self.up_free }
    }

    /// From now on only part of the rate is there, and a queue of others' traffic.
    pub(super) fn slow_down(&mut self, factor: f64, queue: u64) {
        self.up_kbps = ((self.up_kbps as f64 * factor) as u64).max(1);
        self.queue = queue;
    }

    /// Takes a message off the line that has begun to arrive; tells when it is in. Only for now, never ahead of time: what
    /// comes from a slow sender much later must not hold up what others send until then.
    pub(super) fn download(&mut self, now: u64, bytes: u64) -> u64 {
        self.down_free = self.down_free.max(now) + bytes * 8 * 1000 / self.down_kbps;
        self.down_free
    }
}

/// The way from one peer to another, for control and media apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// How long it takes, which never changes.
    pub(super) one_way: u64,
    last: [u64; 2],
}

impl Way {
    pub(super) fn new(one_way: u64) -> Self {
        Self { one_way, last: [0; 2] }
    }
}

#[derive(Debug)]
pub(super) struct Network {
    plan: NetworkPlan,
    seed: u64,
    rng: ChaCha8Rng,
    /// How many packets get through before the next one is lost, whosever they are.
    until_loss: u64,
}

impl Network {
    pub(super) fn new(plan: &NetworkPlan, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0e71_0c4b);
        let mut network = Self { plan: plan.clone(), seed, rng, until_loss: 0 };
        network.until_loss = network.next_loss();
        network
    }

    /// How many packets get through between two losses.
    fn next_loss(&mut self) -> u64 {
        match self.plan.loss {
            loss if loss > 0.0 => exponential(&mut self.rng, 1.0 / loss) as u64,
            _ => u64::MAX,
        }
    }

    /// How many of these packets are lost.
    fn lost(&mut self, packets: u64) -> u64 {
        let (mut left, mut lost) = (packets, 0);
        while self.until_loss < left {
            left -= self.until_loss + 1;
            lost += 1;
            self.until_loss = self.next_loss();
        }
        self.until_loss -= left;
        lost
    }

    /// Time from one to the other, which never changes: a function of the pair.
    pub(super) fn one_way(&self, a: usize, b: usize) -> u64 {
        let (low, high) = (a.min(b) as u64, a.max(b) as u64);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ (low << 32 | high).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (lognormal(&mut rng, self.plan.one_way_ms, self.plan.one_way_sigma) * 1e3).clamp(500.0, 400_000.0) as u64
    }

    /// When a message that left at `out` arrives: later where a packet of it was lost, never before the one ahead of it.
    pub(super) fn carry(&mut self, way: &mut Way, lane: usize, out: u64, bytes: u64) -> u64 {
        let one_way = way.one_way;
        let jitter = (bell(self.rng.random()).abs() * self.plan.jitter_ms * 1e3) as u64;
        let mut arrives = out + one_way + jitter;
        let mut packets = bytes.div_ceil(PACKET).max(1);
        // Lost packets are noticed and sent again a round trip later, and may be lost again.
        for _ in 0..4 {
            let lost = self.lost(packets);
            if lost == 0 {
                break;
            }
            arrives += 2 * one_way + 10_000;
            packets = lost;
        }
        arrives = arrives.max(way.last[lane] + 1);
        way.last[lane] = arrives;
        arrives
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_what_it_can() {
        let mut access = Access::new(8000, 8000);
        assert_eq!(access.upload(0, 1000, false), 1000);
        assert_eq!(access.upload(0, 1000, false), 2000);
        assert_eq!(access.upload(0, 10, true), 10);
        assert_eq!(access.download(5000, 1000), 6000);
        assert_eq!(access.download(5500, 1000), 7000);
    }

    #[test]
    fn messages_of_one_lane_stay_in_order() {
        let plan = NetworkPlan { loss: 0.2, ..NetworkPlan::default() };
        let mut network = Network::new(&plan, 1);
        assert_eq!(network.one_way(3, 9), network.one_way(9, 3));
        let mut way = Way::new(30_000);
        let arrivals: Vec<u64> = (0..200).map(|out| network.carry(&mut way, 1, out * 100, 8192)).collect();
        assert!(arrivals.is_sorted());
    }

    #[test]
    fn the_planned_share_is_lost() {
        let lost = |loss| {
            let mut network = Network::new(&NetworkPlan { loss, ..NetworkPlan::default() }, 1);
            (0..10_000).map(|_| network.lost(7)).sum::<u64>() as f64 / 70_000.0
        };
        assert_eq!(lost(0.0), 0.0);
        assert!((lost(0.01) - 0.01).abs() < 0.002, "{}", lost(0.01));
    }
}

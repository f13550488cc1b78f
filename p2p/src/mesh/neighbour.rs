//! What a mesh knows of one neighbour, in both directions.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::estimate::Estimate;
use super::event::NeighbourInfo;
use super::have::HaveMap;
use crate::wire::control::{LAG_UNIT_MILLIS, NO_PATH};
use crate::wire::{PIECE, Role, Sequence, Status};

/// A piece that is not confirmed for so much longer than two round trips waits in a line.
const STUCK: Duration = Duration::from_millis(100);
/// Most pieces asked for or queued for one neighbour.
pub(super) const MAX_QUEUE: usize = 256;

#[derive(Debug)]
pub(super) struct Neighbour {
    pub(super) info: NeighbourInfo,
    pub(super) joined: Instant,
    pub(super) rtt: Duration,
    /// When it last sent anything.
    pub(super) spoke: Instant,
    pub(super) have: HaveMap,
    pub(super) newest: Option<Sequence>,
    pub(super) keyframe: Option<Sequence>,
    pub(super) status: Option<Status>,
    /// It knows from which of our chunks it can start.
    pub(super) told_start: bool,

    /// Bytes of pieces it sent us.
    pub(super) received: u64,
    /// Pieces we asked it for.
    pub(super) asked: usize,
    /// How long it takes for a piece that we ask for.
    pub(super) service: Estimate,
    /// When it last answered a request.
    pub(super) answered: Option<Instant>,
    /// Requests it let pass, fading with each one it served.
    pub(super) failures: f32,
    /// How often it promised to push and did not, and until when nothing is asked of it for that.
    pub(super) broken: u8,
    pub(super) shunned: Option<Instant>,
    /// When it last broke its word.
    pub(super) doubted: Option<Instant>,
    /// It pushed reliably for a good while.
    pub(super) proven: bool,
    /// It was asked to send headers along with its pieces.
    pub(super) sends_headers: bool,
    /// Stripes it refused to push, until when.
    pub(super) refuses: BTreeMap<u8, Instant>,

    /// What it subscribed to.
    pub(super) wants: Wants,
    /// Since when it subscribes.
    pub(super) child_since: Option<Instant>,
    pub(super) sent: u64,
    /// When a piece was last pushed to it, or it was told that there is none.
    pub(super) served: Instant,
    pub(super) in_flight: VecDeque<InFlight>,
    /// Bytes in flight.
    pub(super) flying: u64,
    /// When it last confirmed something as soon as it could.
    pub(super) prompt: Instant,
    /// When it last confirmed anything, or had nothing to confirm.
    pub(super) progress: Instant,
    pub(super) pushes: VecDeque<Queued>,
    pub(super) urgent: VecDeque<Queued>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    pub(super) sequence: Sequence,
    pub(super) piece: u16,
    pub(super) bytes: u32,
    /// When it left.
    pub(super) at: Instant,
}

/// A piece that waits to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    /// Rises with each piece queued for anyone.
    pub(super) order: u64,
    pub(super) sequence: Sequence,
    pub(super) piece: u16,
    pub(super) bytes: u32,
    pub(super) since: Instant,
    /// When it is no longer worth sending.
    pub(super) until: Instant,
}

/// Which stripes a child wants pushed.
#[derive(Debug, Clone, Default)]
pub(super) struct Wants {
    /// For each stripe from which chunk on, and before which one.
    stripes: Vec<Option<(Sequence, Sequence)>>,
    pub(super) headers: bool,
}

/// No end.
const OPEN_END: Sequence = Sequence(u64::MAX);

impl Wants {
    pub(super) fn modulus(&self) -> u8 {
        self.stripes.len() as u8
    }

    pub(super) fn covers(&self, sequence: Sequence, piece: u16) -> bool {
        if self.stripes.is_empty() {
            return false;
        }
        let stripe = stripe_of(sequence, piece, self.modulus());
        self.stripes[usize::from(stripe)].is_some_and(|(from, until)| from <= sequence && sequence < until)
    }

    /// How many stripes it gets, apart from those that are about to end.
    pub(super) fn count(&self) -> usize {
        self.stripes.iter().flatten().filter(|(_, until)| *until == OPEN_END).count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stripes.iter().all(Option::is_none)
    }

    /// The stripes it gets, apart from those that are about to end.
    pub(super) fn mask(&self) -> u32 {
        let open = |(stripe, range): (usize, &Option<(Sequence, Sequence)>)| {
            u32::from(range.is_some_and(|(_, until)| until == OPEN_END)) << stripe
        };
        self.stripes.iter().enumerate().map(open).fold(0, |mask, bit| mask | bit)
    }

    pub(super) fn start(&mut self, modulus: u8, stripe: u8, from: Sequence) {
        if self.modulus() != modulus {
            self.stripes = vec![None; modulus.into()];
        }
        if let Some(range) = self.stripes.get_mut(usize::from(stripe)) {
            let from = match *range {
                // An end that was never reached is taken back.
                Some((start, until)) if until >= from => start.min(from),
                _ => from,
            };
            *range = Some((from, OPEN_END));
        }
    }

    pub(super) fn stop(&mut self, modulus: u8, stripe: u8, from: Sequence) {
        if self.modulus() != modulus {
            return;
        }
        if let Some(range) = self.stripes.get_mut(usize::from(stripe))
            && let Some((start, until)) = *range
        {
            *range = (start < from).then(|| (start, until.min(from)));
        }
    }

    /// Forgets stripes that ended before this chunk.
    pub(super) fn tidy(&mut self, oldest: Sequence) {
        for range in &mut self.stripes {
            if range.is_some_and(|(_, until)| until <= oldest) {
                *range = None;
            }
        }
    }
}

/// The stripe a piece is in.
pub(super) fn stripe_of(sequence: Sequence, piece: u16, modulus: u8) -> u8 {
    ((sequence.0 + u64::from(piece)) % u64::from(modulus.max(1))) as u8
}

impl Neighbour {
    pub(super) fn new(info: NeighbourInfo, now: Instant) -> Self {
        Self {
            info,
            joined: now,
            rtt: info.rtt.min(SLOWEST),
            spoke: now,
            have: HaveMap::default(),
            newest: None,
            keyframe: None,
            status: None,
            told_start: false,
            received: 0,
            asked: 0,
            service: Estimate::new(Duration::from_millis(15)),
            answered: None,
            failures: 0.0,
            broken: 0,
            shunned: None,
            doubted: None,
            proven: false,
            sends_headers: false,
            refuses: BTreeMap::new(),
            wants: Wants::default(),
            child_since: None,
            sent: 0,
            served: now,
            in_flight: VecDeque::new(),
            flying: 0,
            prompt: now,
            progress: now,
            pushes: VecDeque::new(),
            urgent: VecDeque::new(),
        }
    }

    /// Tells whether pieces are queued for it.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pushes.is_empty() || !self.urgent.is_empty()
    }

    pub(super) fn is_source(&self) -> bool {
        self.info.role.is_source()
    }

    /// Tells whether it can be asked for a piece: a source has all that there is.
    pub(super) fn offers(&self, sequence: Sequence, piece: u16) -> bool {
        self.is_source() || self.have.has(sequence, piece)
    }

    /// Hops from the source in one of `modulus` stripes.
    pub(super) fn depth(&self, stripe: u8, modulus: u8) -> u8 {
        match (&self.status, self.info.role) {
            (_, Role::Publisher) => 0,
            (_, Role::Server) => 1,
            (Some(status), _) if status.depth.len() == usize::from(modulus) => {
                status.depth.get(usize::from(stripe)).copied().unwrap_or(NO_PATH)
            }
            // It deals the chunks otherwise: its worst stripe counts.
            (Some(status), _) => status.depth.iter().copied().max().unwrap_or(NO_PATH),
            // It speaks a version without status: a last resort.
            (None, _) => UNKNOWN_DEPTH,
        }
    }

    /// How many stripes it can push, as far as it says.
    pub(super) fn places(&self) -> u16 {
        self.status.as_ref().map_or(1, |status| status.places)
    }

    /// How many stripes it can push where it is interior in this one; 0 where it is a leaf.
    pub(super) fn strength(&self, stripe: u8, modulus: u8) -> u16 {
        let status = self.status.as_ref().filter(|status| status.depth.len() == usize::from(modulus));
        match status.map_or(0, |status| status.interior) {
            0 => self.places(),
            interior => {
                if interior >> stripe & 1 == 1 {
                    self.places()
                } else {
                    0
                }
            }
        }
    }

    /// Tells whether it pushes this stripe to others, as far as it says.
    pub(super) fn takes_children(&self, stripe: u8, modulus: u8) -> bool {
        let status = self.status.as_ref().filter(|status| status.depth.len() == usize::from(modulus));
        status.is_none_or(|status| status.interior == 0 || status.interior >> stripe & 1 == 1)
    }

    /// Tells whether it hands on a piece that is pushed to it.
    pub(super) fn hands_on(&self, sequence: Sequence, piece: u16) -> bool {
        let modulus = self.wants.modulus();
        self.strength(stripe_of(sequence, piece, modulus), modulus) > 0
    }

    /// How far behind the source it is in a stripe, in milliseconds.
    pub(super) fn lag_in(&self, stripe: u8, modulus: u8) -> u16 {
        let Some(status) = &self.status else { return 0 };
        match status.lags.get(usize::from(stripe)) {
            Some(lag) if status.lags.len() == usize::from(modulus) => u16::from(*lag) * LAG_UNIT_MILLIS,
            _ => status.lag_millis,
        }
    }

    /// How long a piece waits there before it is pushed.
    pub(super) fn queue_millis(&self) -> u16 {
        self.status.as_ref().map_or(0, |status| status.queue_millis.min(1000))
    }

    /// How much later than others it is served: who hands pieces on goes before who only watches.
    pub(super) fn handicap(&self, sequence: Sequence, piece: u16) -> Duration {
        let modulus = self.wants.modulus();
        let places = self.strength(stripe_of(sequence, piece, modulus), modulus);
        let copies = f32::from(places) / f32::from(modulus.max(1));
        Duration::from_millis(match copies {
            0.0..0.1 => 100,
            0.1..1.2 => 50,
            1.2..3.5 => 15,
            _ => 0,
        })
    }

    /// Most bytes in flight to it when it gets this many bytes a second, a whole chunk's worth at once.
    pub(super) fn room(&self, bytes_per_second: f64, chunk: Duration) -> u64 {
        let time = (self.rtt + chunk.max(Duration::from_millis(50))).as_secs_f64();
        ((1.5 * bytes_per_second * time) as u64).max(2 * PIECE as u64)
    }

    /// Tells whether something that left at this time is confirmed later than a lost packet explains.
    pub(super) fn is_held_up(&self, now: Instant, left: Instant) -> bool {
        now.saturating_duration_since(left) > 2 * self.rtt + STUCK
    }

    /// Time within which an answer to a request must come.
    pub(super) fn patience(&self) -> Duration {
        let queue = self.service.mean() * self.asked.min(64) as u32;
        (2 * self.rtt).max(Duration::from_millis(80)) + queue + 2 * self.service.deviation()
    }
}

/// No round trip counts for more.
pub(super) const SLOWEST: Duration = Duration::from_secs(10);
/// The depth assumed of a neighbour that does not tell.
const UNKNOWN_DEPTH: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_covers_its_stripe_from_one_chunk_to_another() {
        let mut wants = Wants::default();
        assert!(!wants.covers(Sequence(0), 0));
        wants.start(4, 1, Sequence(10));
        assert!(wants.covers(Sequence(13), 0) && wants.covers(Sequence(10), 3));
        assert!(!wants.covers(Sequence(9), 0), "before its start");
        assert!(!wants.covers(Sequence(12), 0), "another stripe");
        assert_eq!((wants.count(), wants.mask()), (1, 0b10));
        wants.stop(4, 1, Sequence(17));
        assert!(wants.covers(Sequence(13), 0) && !wants.covers(Sequence(17), 0));
        assert_eq!(wants.count(), 0);
        wants.tidy(Sequence(17));
        assert!(wants.is_empty());
    }

    #[test]
    fn another_modulus_starts_over() {
        let mut wants = Wants::default();
        wants.start(4, 1, Sequence(0));
        wants.start(2, 0, Sequence(0));
        assert_eq!((wants.modulus(), wants.mask()), (2, 1));
        wants.stop(4, 0, Sequence(0));
        assert_eq!(wants.mask(), 1, "an end for another modulus is old news");
    }
}

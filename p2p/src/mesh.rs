//! Who sends which piece to whom: a state machine without sockets, clocks or bytes.
//!
//! # How to drive it
//! Every change in the world is an [`Input`]; hand it to [`Mesh::handle`] with the time, then drain [`Mesh::poll_output`]
//! to `None` and do what the [`Output`]s say. When the time of [`Mesh::poll_timeout`] comes, hand it [`Input::Timeout`].
//! The same seed and the same inputs give the same outputs. The driver (`node`, or the simulator) holds sockets, store
//! and verifier, and tells the mesh which pieces are there; the mesh never sees one.
//!
//! For each piece that a neighbour sends: [`Input::PieceArrived`] at once, then, when its header is there and its hash was
//! checked, [`Input::PieceVerified`] or [`Input::PieceRejected`]. For each header that passed: [`Input::HeaderVerified`].
//! Headers and pieces to a neighbour must arrive in the order in which the mesh sends them; control messages may overtake.
//! A new epoch is a new mesh: make one and tell it [`Input::Joined`] for every neighbour.
//!
//! # What it does
//! *Stripes.* Chunks are cut into pieces, dealt into K stripes. For each stripe a viewer has one parent that pushes it, and
//! any other neighbour as a backup. The broadcaster and the server are the roots: they choose by themselves whom they push to
//! (`seeding`), together one copy below 20 viewers, so that each piece leaves them once and viewers hand it on.
//! Viewers choose their parents among viewers (`parents`), by depth, round trip and queue, and take in children as their
//! upload allows (`children`).
//!
//! *Push.* A verified piece goes to all children of its stripe at once, strongest child first, never with more in flight than
//! the round trip needs; what waits too long is skipped, and the child is told (`push`).
//!
//! *Repair.* What was not pushed in time is asked of neighbours that have it, the earliest deadline first, and of the origin
//! just before it is due (`repair`). What the neighbours have is known from have-maps and deltas (`gossip`).
//!
//! *Start.* A viewer starts at the newest keyframe that a neighbour holds, or that the origin names (`start`).
//!
//! # Rules that hold at any time
//! - A source's pieces are asked for only when no viewer has them or time is short.
//! - Nobody pushes a piece to a neighbour that is known to have it.
//! - A parent is never a descendant: depths are compared before one is chosen, and a stripe in which nothing moves is left.
//! - Everything a neighbour can make the mesh remember has a bound.

mod acquaint;
mod children;
mod choice;
mod config;
mod estimate;
mod event;
mod follow;
mod gossip;
mod have;
mod intake;
mod neighbour;
mod origin;
mod parents;
mod push;
mod repair;
mod seeding;
mod silence;
mod start;
mod stats;
mod table;
mod upload;
mod window;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::wire::{Control, MAX_STRIPES};
pub use config::{Config, copies_for, stripes_for};
use estimate::Estimate;
pub use event::{ChunkMeta, DropReason, Input, NeighbourId, NeighbourInfo, Output, Source};
use gossip::Gossip;
use neighbour::Neighbour;
use origin::Origin;
use parents::Stripe;
use seeding::Seeding;
use start::Start;
pub use stats::Stats;
pub(crate) use table::Table;
use upload::Upload;
use window::Window;

/// How often the mesh looks after parents, seeds and neighbours.
const HOUSEKEEPING: Duration = upload::LOOK;

/// The machine that decides who sends which piece to whom; its module's page tells how to drive it.
#[derive(Debug)]
pub struct Mesh {
    config: Config,
    rng: ChaCha8Rng,
    outputs: VecDeque<Output>,
    window: Window,
    neighbours: Table<NeighbourId, Neighbour>,
    /// Children, the one to serve first in front.
    children: Vec<NeighbourId>,
    /// All neighbours for which pieces are queued, and perhaps some others.
    waiting: Vec<NeighbourId>,
    stripes: Vec<Stripe>,
    upload: Upload,
    /// How long a piece waits here before it is pushed on.
    wait: Estimate,
    gossip: Gossip,
    origin: Origin,
    seeding: Seeding,
    start: Start,
    /// Mean bytes a second and pieces a chunk.
    pace: (f64, f64),
    /// Numbers queued pieces.
    order: u64,
    /// Networks of which several broke their promises, and until when nobody of them is let in.
    notorious: VecDeque<(u64, Instant)>,
    /// Parents were asked for overdue pieces and have not answered.
    probing: bool,
    /// How many viewers the tracker counts.
    viewers_told: usize,
    house_at: Instant,
    pump_at: Option<Instant>,
    repair_at: Option<Instant>,
    improve_at: Instant,
    candidates_at: Instant,
    /// When a viewer that finds no parent may ask for more acquaintances.
    forsaken_at: Instant,
    /// When a strong viewer looks for more acquaintances.
    acquaint_at: Instant,
    stats: Stats,
}

impl Mesh {
    /// A mesh without neighbours. All its chance comes from the seed.
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let assumed = config.target_delay.mul_f64(0.55);
        let phase = |rng: &mut ChaCha8Rng, span: Duration| now + span.mul_f64(rng.random::<f64>());
        let house_at = phase(&mut rng, HOUSEKEEPING);
        let improve_at = phase(&mut rng, parents::IMPROVE) + parents::IMPROVE;
        let candidates_at = now + Duration::from_secs(1);
        let bytes_per_second = 125_000.0;
        let pieces = bytes_per_second * config.chunk.as_secs_f64() / crate::wire::PIECE as f64;
        let stripes = stripes_for(0, f64::from(config.stripes), config.stripes);
        let origin = Origin::new(rng.random());
        Self {
            rng,
            outputs: VecDeque::new(),
            window: Window::new(config.window_chunks(), config.chunk, assumed),
            neighbours: Table::new(),
            children: Vec::new(),
            waiting: Vec::new(),
            stripes: (0..stripes).map(|_| Stripe::default()).collect(),
            upload: Upload::new(config.upload, now),
            wait: Estimate::new(Duration::from_millis(5)),
            gossip: Gossip::new(now),
            origin,
            seeding: Seeding::new(now),
            start: Start::default(),
            pace: (bytes_per_second, pieces),
            order: 0,
            notorious: VecDeque::new(),
            probing: false,
            viewers_told: 0,
            house_at,
            pump_at: None,
            repair_at: None,
            improve_at,
            candidates_at,
            forsaken_at: now,
            acquaint_at: candidates_at,
            stats: Stats::default(),
            config,
        }
    }

    /// Takes in what happened; drain [`Mesh::poll_output`] afterwards.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Joined { neighbour, info } => self.on_joined(now, neighbour, info),
            Input::Left { neighbour } => self.on_left(now, neighbour),
            Input::Rtt { neighbour, rtt } => {
                if let Some(neighbour) = self.neighbours.get_mut(&neighbour) {
                    neighbour.rtt = rtt.min(neighbour::SLOWEST);
                }
            }
            Input::Control { neighbour, control } => self.on_control(now, neighbour, control),
            Input::HeaderVerified { from, meta } => self.on_header(now, from, meta),
            Input::HeaderRejected { from } => self.drop_neighbour(now, from, DropReason::BadHeader),
            Input::PieceArrived { from, sequence, piece, bytes } => {
                self.on_piece_arrived(now, from, sequence, piece, bytes);
            }
            Input::PieceVerified { from, sequence, piece } => self.on_piece(now, from, sequence, piece),
            Input::PieceRejected { from, sequence, piece } => {
                self.stats.pieces_rejected += 1;
                if let Some(chunk) = self.window.get_mut(sequence) {
                    chunk.unpushed.insert(piece);
                }
                self.drop_neighbour(now, from, DropReason::BadPiece);
            }
            Input::NotSent { to, sequence, piece } => self.on_not_sent(to, sequence, piece),
            Input::OriginDone { sequence, ok } => self.on_origin_done(now, sequence, ok),
            Input::Published { meta } => self.on_published(now, meta),
            Input::LiveEdge { keyframe, newest } => {
                self.start.edge = Some((keyframe, newest));
                if self.start.is_running() {
                    self.catch_up(now, keyframe, newest);
                } else {
                    self.try_start(now);
                }
            }
            Input::Playhead { sequence, at } => {
                self.window.set_playhead(sequence, at);
                self.repair_soon(now);
            }
            Input::UploadBudget { bits_per_second } => {
                self.upload.set(bits_per_second, now);
                self.gossip.tell_status(now);
                self.pump(now);
            }
            Input::SwarmSize { viewers } => self.viewers_told = viewers,
            Input::Timeout => self.on_timeout(now),
        }
    }

    /// What the driver should do next; `None` when all is said.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the mesh wants [`Input::Timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        [Some(self.house_at), self.pump_at, self.repair_at, self.gossip.due()].into_iter().flatten().min()
    }

    /// What was counted so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The parent of each stripe.
    pub fn parents(&self) -> impl Iterator<Item = Option<NeighbourId>> + '_ {
        self.stripes.iter().map(Stripe::parent)
    }

    /// Hops from the source in each stripe, 255 where there is no way.
    pub fn depths(&self) -> impl Iterator<Item = u8> + '_ {
        (0..self.stripes.len()).map(|stripe| self.depth(stripe as u8))
    }

    /// The neighbours that are pushed something, the one served first in front.
    pub fn children(&self) -> &[NeighbourId] {
        &self.children
    }

    /// All neighbours.
    pub fn neighbours(&self) -> impl Iterator<Item = NeighbourId> + '_ {
        self.neighbours.keys().copied()
    }

    fn modulus(&self) -> u8 {
        self.stripes.len() as u8
    }

    fn is_source(&self) -> bool {
        self.config.role.is_source()
    }

    fn send(&mut self, to: NeighbourId, control: Control) {
        self.outputs.push_back(Output::Send { to, control });
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.house_at <= now {
            self.house_at = now + HOUSEKEEPING;
            self.keep_house(now);
        }
        if self.repair_at.is_some_and(|at| at <= now) {
            self.repair(now);
        }
        if self.gossip.due().is_some_and(|at| at <= now) {
            self.flush_gossip(now);
        }
        if self.pump_at.is_some_and(|at| at <= now) {
            self.pump(now);
        }
    }

    fn keep_house(&mut self, now: Instant) {
        if let Some(pace) = self.window.pace() {
            self.pace = pace;
        }
        let base = self.window.base();
        for neighbour in self.neighbours.values_mut() {
            neighbour.have.forget_before(base);
            neighbour.wants.tidy(base);
            neighbour.refuses.retain(|_, until| *until > now);
            neighbour.failures *= 0.98;
            if neighbour.shunned.is_some_and(|until| now.saturating_duration_since(until) > silence::FORGOTTEN) {
                neighbour.shunned = Some(now);
                neighbour.broken = neighbour.broken.saturating_sub(1);
            }
        }
        self.rank_children();
        if !self.children.is_empty() {
            self.look_after_line(now);
        }
        if self.is_source() {
            self.assign_seeds(now);
        } else {
            self.try_start(now);
            self.look_after_parents(now);
            self.expect_next_chunk(now);
            self.want_candidates(now);
        }
    }

    fn on_control(&mut self, now: Instant, from: NeighbourId, control: Control) {
        let deals = match &control {
            Control::Subscribe { modulus, .. }
            | Control::Unsubscribe { modulus, .. }
            | Control::Seed { modulus, .. }
            | Control::Reject { modulus, .. } => (1..=MAX_STRIPES).contains(modulus),
            Control::Status(status) => (1..=MAX_STRIPES.into()).contains(&status.depth.len()),
            _ => true,
        };
        let Some(neighbour) = self.neighbours.get_mut(&from).filter(|_| deals) else { return };
        neighbour.spoke = now;
        match control {
            Control::Have { entries, keyframe, newest } => self.on_have(now, from, &entries, keyframe, newest),
            Control::HaveDelta { entries } => self.on_have_delta(now, from, &entries),
            Control::NeedHeader { sequence } => self.on_need_header(from, sequence),
            Control::Request { sequence, pieces, within_millis } => {
                self.on_request(now, from, sequence, &pieces, Duration::from_millis(within_millis.into()));
            }
            Control::Cancel { sequence, pieces } => self.on_cancel(from, sequence, &pieces),
            Control::Subscribe { modulus, stripes, from: first, headers } => {
                self.on_subscribe(now, from, modulus, stripes, first, headers);
            }
            Control::Unsubscribe { modulus, stripes, from: first } => {
                self.on_unsubscribe(now, from, modulus, stripes, first);
            }
            Control::Seed { modulus, stripes, from: first } => self.on_seed(now, from, modulus, stripes, first),
            Control::Reject { modulus, stripes, from: first } => self.on_reject(now, from, modulus, stripes, first),
            Control::Skipped { sequence, pieces } => self.on_skipped(now, from, sequence, &pieces),
            Control::Ack { bytes } => self.on_ack(now, from, bytes),
            Control::Status(status) => self.on_status(now, from, status),
        }
    }

    /// How many viewers there are, as far as known here.
    fn viewers(&self) -> usize {
        let here = self.neighbours.values().filter(|neighbour| !neighbour.is_source()).count();
        let me = usize::from(!self.is_source());
        self.viewers_told.max(here + me)
    }
}

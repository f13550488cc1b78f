//! Carrying messages between peers, and what they do with them: the simulator's counterpart of the node.

use super::chance::lognormal;
use super::peer::{Character, number};
use super::world::{Event, PUBLISHER, Packet, SERVER, World};
use crate::mesh::{Input, NeighbourId, Output, Source};
use crate::wire::{Control, PieceSet, Role, Sequence};

impl World {
    pub(super) fn publish(&mut self, peer: usize, index: usize) {
        if !self.peers[peer].is_here() || self.published[index].epoch != self.epoch {
            return;
        }
        let meta = self.published[index].meta;
        self.peers[peer].store.put_all(meta.sequence, meta.pieces());
        self.input(peer, Input::Published { meta });
    }

    pub(super) fn ingest(&mut self, index: usize) {
        if !self.server_up {
            return;
        }
        self.published[index].at_server = true;
        self.ingested = self.ingested.max(index + 1);
        self.publish(SERVER, index);
    }

    pub(super) fn arrive(&mut self, to: usize, from: usize, epoch: u32, packet: Packet) {
        if !self.peers[to].is_here() || !self.peers[to].ways.contains_key(&from) {
            return;
        }
        if let Packet::Epoch(epoch) = packet {
            self.enter_epoch(to, epoch);
            return;
        }
        if epoch != self.peers[to].epoch {
            self.old_epoch_refused += u64::from(epoch < self.peers[to].epoch);
            return;
        }
        match packet {
            Packet::Control(control) => {
                self.peers[to].control += control.frame_len() as u64;
                self.input(to, Input::Control { neighbour: number(from), control: *control });
            }
            Packet::Header(sequence) => {
                self.peers[to].control += self.header_bytes(sequence);
                self.take_header(to, Source::Neighbour(number(from)), sequence);
            }
            Packet::Piece(sequence, piece, good) => {
                let bytes = self.published[sequence.0 as usize].meta.piece_size(piece);
                self.input(to, Input::PieceArrived { from: number(from), sequence, piece, bytes });
                if self.peers[to].store.has_header(sequence) {
                    self.take_piece(to, Source::Neighbour(number(from)), sequence, piece, good);
                } else {
                    self.peers[to].held.push((from, sequence, piece, good));
                }
            }
            Packet::Epoch(_) => {}
        }
    }

    pub(super) fn take_header(&mut self, peer: usize, from: Source, sequence: Sequence) {
        let meta = self.published[sequence.0 as usize].meta;
        self.peers[peer].store.put_header(sequence);
        self.input(peer, Input::HeaderVerified { from, meta });
        if self.peers[peer].held.is_empty() {
            return;
        }
        let held = std::mem::take(&mut self.peers[peer].held);
        let (ready, rest): (Vec<_>, Vec<_>) = held.into_iter().partition(|held| held.1 == sequence);
        self.peers[peer].held = rest;
        for (from, sequence, piece, good) in ready {
            // What a banned neighbour sent before is thrown away with it.
            if self.peers[peer].banned.contains(&from) {
                continue;
            }
            self.take_piece(peer, Source::Neighbour(number(from)), sequence, piece, good);
        }
    }

    /// Checks a piece against its header, as every node does.
    fn take_piece(&mut self, peer: usize, from: Source, sequence: Sequence, piece: u16, good: bool) {
        if let (false, Source::Neighbour(sender)) = (good, from) {
            *self.bad_pieces.entry((peer, sender.0 as usize)).or_default() += 1;
            // Who pollutes does not check.
            if self.peers[peer].character != Character::Polluter {
                self.input(peer, Input::PieceRejected { from: sender, sequence, piece });
                return;
            }
        }
        self.peers[peer].store.put(sequence, piece);
        self.input(peer, Input::PieceVerified { from, sequence, piece });
        if let Source::Neighbour(sender) = from
            && self.peers[peer].wounded
        {
            self.see_heal(peer, sender, sequence, piece);
        }
    }

    pub(super) fn fetched(&mut self, peer: usize, sequence: Sequence, pieces: &PieceSet, ok: bool) {
        if !self.peers[peer].is_here() {
            return;
        }
        let ok = ok && self.published[sequence.0 as usize].epoch == self.peers[peer].epoch;
        if ok {
            let meta = self.published[sequence.0 as usize].meta;
            if !self.peers[peer].store.has_header(sequence) {
                self.take_header(peer, Source::Origin, sequence);
            }
            let all = PieceSet::first(meta.pieces());
            for piece in if pieces.is_empty() { &all } else { pieces }.iter() {
                self.take_piece(peer, Source::Origin, sequence, piece, true);
            }
        }
        self.input(peer, Input::OriginDone { sequence, ok });
    }

    pub(super) fn header_bytes(&self, sequence: Sequence) -> u64 {
        160 + 32 * u64::from(self.published[sequence.0 as usize].meta.pieces())
    }

    /// Tells a peer's policy something and does what it says.
    pub(super) fn input(&mut self, peer: usize, input: Input) {
        if !self.peers[peer].is_here() {
            return;
        }
        let now = self.instant(peer, self.now);
        self.peers[peer].brain.handle(now, input);
        while let Some(output) = self.peers[peer].brain.poll_output() {
            self.note(peer, &output);
            self.output(peer, output);
        }
        self.wake(peer);
    }

    pub(super) fn wake(&mut self, peer: usize) {
        let Some(at) = self.peers[peer].brain.poll_timeout() else { return };
        let at = self.micros(peer, at).max(self.now);
        let earlier = self.peers[peer].timer.is_none_or(|timer| at < timer);
        if earlier {
            self.peers[peer].timer = Some(at);
            self.queue.plan(at, Event::Timer(peer));
        }
    }

    fn output(&mut self, peer: usize, output: Output) {
        match output {
            Output::Send { to, control } => {
                let bytes = control.frame_len() as u64;
                let control = Box::new(self.peers[peer].character.says(control));
                self.transmit(peer, to, Packet::Control(control), bytes);
            }
            Output::SendHeader { to, sequence } => {
                let bytes = self.header_bytes(sequence);
                self.transmit(peer, to, Packet::Header(sequence), bytes);
            }
            Output::SendPiece { to, sequence, piece } => self.send_piece(peer, to, sequence, piece),
            Output::FetchOrigin { sequence, pieces, .. } => self.fetch(peer, sequence, pieces),
            Output::Drop { neighbour, reason } => {
                if reason.is_ban() {
                    self.peers[peer].banned.insert(neighbour.0 as usize);
                }
                self.disconnect(peer, neighbour.0 as usize);
            }
            Output::ChunkComplete { sequence } => self.completed(peer, sequence),
            Output::ChunkMissed { sequence } => {
                self.late += u64::from(self.is_warm());
                self.peers[peer].playout.missed(sequence.0);
                self.play(peer);
            }
            Output::WantCandidates { .. } => {
                let one_way = self.network.one_way(peer, SERVER);
                self.queue.plan(self.now + 2 * one_way, Event::Candidates(peer));
            }
        }
    }

    fn send_piece(&mut self, peer: usize, to: NeighbourId, sequence: Sequence, piece: u16) {
        let size = self.published[sequence.0 as usize].meta.piece_size(piece);
        let character = self.peers[peer].character;
        let good = character != Character::Polluter;
        // What was not checked must never leave an honest node.
        if good && !self.peers[peer].store.has(sequence, piece) {
            self.bad_bytes_forwarded += u64::from(size);
        }
        if character.claims_delivery() {
            // Its own mesh must not find out that it serves nobody.
            self.input(peer, Input::Control { neighbour: to, control: Control::Ack { bytes: u64::MAX } });
        }
        if character.keeps_all() {
            return;
        }
        let bytes = crate::wire::message::piece_frame_len(size as usize) as u64;
        self.transmit(peer, to, Packet::Piece(sequence, piece, good), bytes);
    }

    pub(super) fn transmit(&mut self, from: usize, to: NeighbourId, packet: Packet, bytes: u64) {
        let to = to.0 as usize;
        let control = matches!(packet, Packet::Control(_) | Packet::Epoch(_));
        let sender = &mut self.peers[from];
        let out = sender.access.upload(self.now, bytes, control) + sender.character.delays(&packet);
        let Some(way) = sender.ways.get_mut(&to) else { return };
        let arrives = self.network.carry(way, usize::from(!control), out, bytes);
        let epoch = sender.epoch;
        let event = match control {
            true => Event::Arrive { to, from, epoch, packet },
            false => Event::Reach { to, from, epoch, packet, bytes: bytes as u32 },
        };
        self.queue.plan(arrives, event);
    }

    fn fetch(&mut self, peer: usize, sequence: Sequence, pieces: PieceSet) {
        let took = lognormal(&mut self.rng, self.scenario.server.fetch_ms * 1e3, 0.3) as u64;
        let chunk = usize::try_from(sequence.0).ok().and_then(|index| self.published.get(index));
        let known = chunk.filter(|chunk| self.server_up && chunk.epoch == self.peers[peer].epoch);
        let there = known.and_then(|chunk| match chunk.at_server {
            true => Some(self.now),
            // The server lets the request wait for a chunk that comes within ten seconds.
            false => Some(chunk.signed + self.scenario.server.ingest_ms * 1000)
                .filter(|there| *there > self.now && *there < self.now + 10_000_000),
        });
        let (Some(chunk), Some(there)) = (known, there) else {
            self.queue.plan(self.now + took, Event::Fetched { peer, sequence, pieces, ok: false });
            return;
        };
        let bytes: u64 = match pieces.is_empty() {
            true => chunk.meta.size.into(),
            false => pieces.iter().map(|piece| u64::from(chunk.meta.piece_size(piece))).sum(),
        };
        // A fetch has its line for itself but for what is on it now.
        let at = self.peers[peer].access.download(self.now, bytes).max(there) + took;
        self.queue.plan(at, Event::Fetched { peer, sequence, pieces, ok: true });
    }

    fn completed(&mut self, peer: usize, sequence: Sequence) {
        let chunk = self.published[sequence.0 as usize];
        if !self.peers[peer].store.has_all(sequence, chunk.meta.pieces()) && self.peers[peer].is_honest() {
            self.bad_bytes_played += u64::from(chunk.meta.size);
        }
        if self.is_warm() && chunk.signed > self.peers[peer].joined && self.peers[peer].is_honest() {
            self.lags.add(self.now - chunk.signed);
        }
        let target = self.target();
        self.peers[peer].playout.completed(self.now, &chunk, target);
        self.play(peer);
    }

    pub(super) fn play(&mut self, peer: usize) {
        if self.peers[peer].role != Role::Viewer || !self.peers[peer].is_here() {
            return;
        }
        // A viewer plays by its own idea of the broadcaster's clock.
        let target = self.target().saturating_add_signed(self.peers[peer].clock.error(self.now));
        let before = self.peers[peer].playout.playhead();
        let warm = self.is_warm() && self.peers[peer].is_honest();
        let latencies = &mut self.latencies;
        let again = self.peers[peer].playout.play(self.now, &self.published, target, |latency| {
            if warm {
                latencies.add(latency);
            }
        });
        if let Some(at) = again
            && self.peers[peer].play_at.is_none_or(|planned| at < planned)
        {
            self.peers[peer].play_at = Some(at);
            self.queue.plan(at, Event::Play(peer));
        }
        let after = self.peers[peer].playout.playhead();
        if let Some((sequence, due)) = after.filter(|_| after != before) {
            let at = self.instant(peer, due);
            self.input(peer, Input::Playhead { sequence: Sequence(sequence), at });
        }
    }

    /// A viewer hears of a newer epoch: a new mesh for it, and all who have come so far are its neighbours.
    pub(super) fn enter_epoch(&mut self, peer: usize, epoch: u32) {
        if self.peers[peer].epoch >= epoch || !self.peers[peer].is_here() {
            return;
        }
        let now = self.instant(peer, self.now);
        let (role, up_kbps, character) = (self.peers[peer].role, self.peers[peer].up_kbps, self.peers[peer].character);
        let brain = self.brain(role, up_kbps, character, peer, now);
        self.peers[peer].replace_brain(brain, epoch);
        let neighbours: Vec<usize> = self.peers[peer].ways.keys().copied().collect();
        for other in neighbours {
            self.transmit(peer, number(other), Packet::Epoch(epoch), 100);
            if self.peers[other].epoch == epoch {
                self.greet(peer, other);
            }
        }
        if role == Role::Viewer {
            self.queue.plan(self.now + 2 * self.network.one_way(peer, SERVER), Event::Edge(peer));
        }
        self.wake(peer);
        debug_assert!(peer != PUBLISHER || self.epoch == epoch);
    }
}

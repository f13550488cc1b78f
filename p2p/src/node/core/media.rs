//! Frames in, and what the mesh wants in consequence: every header and piece is verified before it is stored, passed on
//! or told to the mesh.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use libp2p::swarm::ConnectionId;

use super::{Core, Output};
use crate::{
    behaviour::lane::Lane,
    mesh::{self, ChunkMeta, NeighbourId, Source},
    node::{NodeEvent, NodeProblem},
    store::Inserted,
    wire::{
        Bye, ChunkHeader, Control, Message, Piece, Refuse, RefuseReason, Role, Sequence, SignedChunk, SignedHeader,
        Version,
    },
};

/// How many delivered chunks are remembered.
const DELIVERED: usize = 1024;

impl Core {
    pub(super) fn frame(&mut self, now: Instant, connection: ConnectionId, lane: Lane, frame: Bytes) {
        let Some(neighbour) = self.neighbours.get_mut(&connection) else { return };
        let length = frame.len();
        if !neighbour.messages.take(now, 1.0) {
            return self.cut(now, connection, true, "it says more messages than any stream needs");
        }
        let message = match Message::decode(frame, neighbour.version.unwrap_or(Version::V1)) {
            Ok(message) => message,
            Err(e) => return self.cut(now, connection, true, &e.to_string()),
        };
        if !matches!(message, Message::Piece(_)) {
            self.counted.control_bytes_in += length as u64;
            if !neighbour.control_bytes.take(now, length as f64) {
                return self.cut(now, connection, true, "its control messages are more than any stream needs");
            }
        }
        let (epoch, member) = (neighbour.epochs[lane.index()], neighbour.member);
        let current = epoch == Some(self.verifier.manifest().epoch);
        match (message, lane) {
            (Message::Hello(hello), Lane::Control) => self.greeted(now, connection, hello),
            (Message::Epoch(epoch), Lane::Media(_)) => neighbour.epochs[lane.index()] = Some(epoch),
            (Message::Refuse(refuse), Lane::Control) => self.refused(now, connection, &refuse),
            (Message::Bye(_), Lane::Control) => self.close(now, connection),
            (Message::Revocation(revocation), Lane::Control) => {
                if self.takes_news(now, connection) {
                    self.revocation(now, revocation, Some(connection));
                }
            }
            (message, lane) if epoch.is_none() => {
                let reason = format!("it named no epoch on lane {lane:?} before {}", kind(&message));
                self.cut(now, connection, true, &reason);
            }
            (Message::Manifest(manifest), Lane::Control) => {
                if self.takes_news(now, connection) {
                    self.manifest(now, connection, manifest);
                }
            }
            (Message::Control(control), Lane::Control) => {
                if let Some(neighbour) = member.filter(|_| current) {
                    self.mesh.handle(now, mesh::Input::Control { neighbour, control });
                }
            }
            (Message::Header(header), Lane::Media(_)) => {
                if let Some(member) = member.filter(|_| current) {
                    self.header(now, connection, member, header);
                }
            }
            (Message::Piece(piece), Lane::Media(_)) => {
                if let Some(member) = member.filter(|_| current) {
                    self.piece(now, connection, member, piece);
                }
            }
            (message, lane) => {
                self.cut(now, connection, true, &format!("{} has no place on lane {lane:?}", kind(&message)));
            }
        }
    }

    fn takes_news(&mut self, now: Instant, connection: ConnectionId) -> bool {
        let takes = self.neighbours.get_mut(&connection).is_some_and(|n| n.news.take(now, 1.0));
        if !takes {
            self.cut(now, connection, true, "it sends more manifests and revocations than there are");
        }
        takes
    }

    fn refused(&mut self, now: Instant, connection: ConnectionId, refuse: &Refuse) {
        if let Some(neighbour) = self.neighbours.get(&connection) {
            let reason = format!("{} ({})", refuse.reason, printable(&refuse.text));
            self.problem(NodeProblem::Refused { peer: neighbour.peer, reason });
        }
        self.close(now, connection);
    }

    fn header(&mut self, now: Instant, connection: ConnectionId, from: NeighbourId, signed: SignedHeader) {
        if !self.neighbours.get_mut(&connection).is_some_and(|n| n.headers.take(now, 1.0)) {
            return self.cut(now, connection, true, "it sends more headers than there are chunks");
        }
        match self.verifier.check_header(&signed) {
            Ok(header) => self.open(now, Source::Neighbour(from), header, signed),
            Err(e) if e.is_hostile() => {
                tracing::debug!(%from, error = %e, "header rejected");
                self.counted.chunks_rejected += 1;
                self.mesh.handle(now, mesh::Input::HeaderRejected { from });
            }
            Err(e) => tracing::trace!(%from, error = %e, "header left out"),
        }
    }

    /// Makes room for a chunk and looks at the pieces that waited for its header.
    fn open(&mut self, now: Instant, from: Source, header: Arc<ChunkHeader>, signed: SignedHeader) {
        let meta = ChunkMeta::from(&*header);
        let waited = self.store.open(now, header.clone(), signed);
        self.mesh.handle(now, mesh::Input::HeaderVerified { from, meta });
        for held in waited {
            self.check(now, NeighbourId(held.from), &header, held.index, held.data);
        }
    }

    fn piece(&mut self, now: Instant, connection: ConnectionId, from: NeighbourId, piece: Piece) {
        let Piece { sequence, index, data } = piece;
        if let Some(neighbour) = self.neighbours.get_mut(&connection) {
            neighbour.bytes_in += data.len() as u64;
        }
        let bytes = data.len() as u32;
        self.mesh.handle(now, mesh::Input::PieceArrived { from, sequence, piece: index, bytes });
        match self.store.header(sequence).map(|(header, _)| header.clone()) {
            Some(header) => self.check(now, from, &header, index, data),
            None => {
                if !self.store.hold(now, from.0, sequence, index, data) {
                    self.counted.waiting_dropped += 1;
                }
            }
        }
    }

    /// Verifies a piece and keeps it.
    fn check(&mut self, now: Instant, from: NeighbourId, header: &ChunkHeader, index: u16, data: Bytes) {
        let sequence = header.sequence;
        let bytes = data.len() as u64;
        let known = self.store.piece(sequence, index).is_some();
        if !known && let Err(e) = self.verifier.check_piece(header, index, &data) {
            tracing::debug!(%from, error = %e, "piece rejected");
            self.counted.chunks_rejected += 1;
            self.mesh.handle(now, mesh::Input::PieceRejected { from, sequence, piece: index });
            return;
        }
        match if known { Inserted::Duplicate } else { self.store.insert(sequence, index, data) } {
            Inserted::New | Inserted::Complete => {
                let role = self.members.get(&from).and_then(|c| self.neighbours.get(c)).map(|n| n.role);
                *match role.unwrap_or(Role::Viewer) {
                    Role::Viewer => &mut self.counted.bytes_from_peers,
                    Role::Publisher => &mut self.counted.bytes_from_publisher,
                    Role::Server => &mut self.counted.bytes_from_server,
                } += bytes;
            }
            Inserted::Duplicate => {
                self.counted.duplicates += 1;
                self.counted.bytes_duplicate += bytes;
            }
            // The chunk fell out of the store in the meantime.
            Inserted::NoPlace => return,
        }
        self.mesh.handle(now, mesh::Input::PieceVerified { from: Source::Neighbour(from), sequence, piece: index });
    }

    /// The owner made a chunk, or got it from the publisher.
    pub(super) fn publish(&mut self, now: Instant, chunk: &SignedChunk) {
        if self.over {
            return;
        }
        match self.verifier.check_chunk(chunk) {
            Ok(header) => {
                let meta = ChunkMeta::from(&*header);
                self.store.insert_chunk(now, header, chunk);
                self.counted.bytes_published += u64::from(meta.size);
                self.mesh.handle(now, mesh::Input::Published { meta });
            }
            Err(e) => self.not_accepted("the chunk", e.to_string()),
        }
    }

    /// The owner fetched a chunk over HTTP.
    pub(super) fn take_origin(&mut self, now: Instant, chunk: &SignedChunk) {
        if self.over {
            return;
        }
        let sequence = chunk.header.sequence;
        let header = match self.verifier.check_chunk(chunk) {
            Ok(header) => header,
            Err(e) => {
                self.not_accepted("the origin's chunk", e.to_string());
                self.mesh.handle(now, mesh::Input::OriginDone { sequence, ok: false });
                return;
            }
        };
        let sequence = header.sequence;
        self.open(now, Source::Origin, header.clone(), chunk.signed.clone());
        for piece in self.store.insert_chunk(now, header.clone(), chunk).iter() {
            self.counted.bytes_from_origin += header.piece_size(piece).unwrap_or(0) as u64;
            self.mesh.handle(now, mesh::Input::PieceVerified { from: Source::Origin, sequence, piece });
        }
        self.mesh.handle(now, mesh::Input::OriginDone { sequence, ok: true });
    }

    fn not_accepted(&mut self, what: &'static str, reason: String) {
        self.counted.chunks_rejected += 1;
        self.problem(NodeProblem::NotAccepted { what, reason });
    }

    /// Does what the mesh wants.
    pub(super) fn drain_mesh(&mut self, now: Instant) {
        while let Some(output) = self.mesh.poll_output() {
            match output {
                // Each says how many bytes came in all, so the last one is enough.
                mesh::Output::Send { to, control: Control::Ack { bytes } } => {
                    self.acks.insert(to, bytes);
                }
                mesh::Output::Send { to, control } => {
                    self.send_member(to, Lane::Control, &Message::Control(control));
                }
                mesh::Output::SendHeader { to, sequence } => {
                    if let Some((_, signed)) = self.store.header(sequence) {
                        let message = Message::Header(signed.clone());
                        self.send_member(to, lane_of(sequence), &message);
                    }
                }
                mesh::Output::SendPiece { to, sequence, piece } => self.send_piece(now, to, sequence, piece),
                mesh::Output::FetchOrigin { sequence, deadline, .. } => {
                    self.event(NodeEvent::OriginWanted { sequence, deadline });
                }
                mesh::Output::Drop { neighbour, reason } => self.drop_member(now, neighbour, reason),
                mesh::Output::ChunkComplete { sequence } => self.deliver(sequence),
                mesh::Output::ChunkMissed { sequence } => {
                    self.counted.chunks_missed += 1;
                    self.event(NodeEvent::Missed(sequence));
                }
                mesh::Output::WantCandidates { count } => self.outputs.push_back(Output::Want { count }),
            }
        }
    }

    /// Gives the owner a chunk, once: a mesh that starts over at a keyframe may complete one again.
    fn deliver(&mut self, sequence: Sequence) {
        let Some(chunk) = self.store.chunk(sequence) else { return };
        if !self.delivered.insert(sequence) {
            return;
        }
        if self.delivered.len() > DELIVERED {
            self.delivered.pop_first();
        }
        self.counted.chunks_complete += 1;
        self.event(NodeEvent::Chunk(chunk));
    }

    pub(super) fn send_member(&mut self, to: NeighbourId, lane: Lane, message: &Message) {
        if let Some(&connection) = self.members.get(&to) {
            self.send(connection, lane, message);
        }
    }

    fn send_piece(&mut self, now: Instant, to: NeighbourId, sequence: Sequence, index: u16) {
        let Some(data) = self.store.piece(sequence, index) else {
            return self.mesh.handle(now, mesh::Input::NotSent { to, sequence, piece: index });
        };
        let Some(&connection) = self.members.get(&to) else { return };
        let Some(neighbour) = self.neighbours.get_mut(&connection) else { return };
        let bytes = data.len() as u64;
        let which = (self.verifier.manifest().epoch, sequence, index);
        let framed = match self.framed.take() {
            Some((last, framed)) if last == which => framed,
            _ => Piece { sequence, index, data }.to_frame(),
        };
        self.framed = Some((which, framed.clone()));
        neighbour.bytes_out += bytes;
        self.counted.bytes_to_peers += bytes;
        self.outputs.push_back(Output::Send { connection, lane: lane_of(sequence), framed });
    }

    fn drop_member(&mut self, now: Instant, member: NeighbourId, reason: mesh::DropReason) {
        let Some(&connection) = self.members.get(&member) else { return };
        // The mesh has forgotten it already.
        if let Some(neighbour) = self.neighbours.get_mut(&connection) {
            neighbour.member = None;
        }
        self.unjoin(now, member, false);
        if reason.is_ban() {
            self.cut(now, connection, true, &reason.to_string());
        } else {
            self.send(connection, Lane::Control, &Message::Refuse(Refuse::new(RefuseReason::Full)));
            self.send(connection, Lane::Control, &Message::Bye(Bye::Crowded));
            self.close(now, connection);
        }
    }
}

/// A chunk travels on one lane, its header before its pieces; the next chunk takes the next lane, so that a lost packet
/// holds up one chunk and not those behind it.
fn lane_of(sequence: Sequence) -> Lane {
    Lane::of_number(sequence.0)
}

fn kind(message: &Message) -> &'static str {
    match message {
        Message::Hello(_) => "a greeting",
        Message::Refuse(_) => "a refusal",
        Message::Bye(_) => "a farewell",
        Message::Epoch(_) => "an epoch",
        Message::Manifest(_) => "a manifest",
        Message::Revocation(_) => "a revocation",
        Message::Header(_) => "a header",
        Message::Piece(_) => "a piece",
        Message::Control(_) => "a control message",
    }
}

/// A stranger's words without what could confuse a terminal or a log.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

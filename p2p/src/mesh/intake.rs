//! Taking in headers and pieces that passed their checks.

use std::time::Instant;

use super::event::{ChunkMeta, Source};
use super::window::ChunkState;
use super::{Mesh, Output};
use crate::wire::{Control, PieceSet, Role, Sequence};

impl Mesh {
    pub(super) fn on_header(&mut self, now: Instant, from: Source, meta: ChunkMeta) {
        let sequence = meta.sequence;
        if let Source::Neighbour(id) = from
            && let Some(neighbour) = self.neighbours.get_mut(&id)
        {
            neighbour.have.insert_header(sequence);
            neighbour.newest = neighbour.newest.max(Some(sequence));
        }
        if !self.is_source() {
            self.start_at_header(now, &meta);
        }
        if self.window.open(now, meta).is_none() {
            self.stats.headers_duplicate += 1;
            return;
        }
        if let Source::Neighbour(id) = from {
            self.expect_backlog(now, id, sequence);
        }
        self.forward_header(sequence);
        self.repair_soon(now);
    }

    pub(super) fn on_piece(&mut self, now: Instant, from: Source, sequence: Sequence, piece: u16) {
        let Some(chunk) = self.window.get_mut(sequence) else { return };
        let Some(meta) = chunk.meta else { return };
        if piece >= meta.pieces() {
            return;
        }
        let bytes = meta.piece_size(piece);
        if !chunk.have.insert(piece) {
            self.stats.bytes_duplicate += u64::from(bytes);
            return;
        }
        let heard = chunk.heard;
        let is_whole = chunk.have.is_complete(meta.pieces());
        // Whoever else was asked for it need not send it any more.
        let mut cancelled = Vec::new();
        chunk.requests.retain(|request| {
            let other = request.piece == piece;
            if other && from != Source::Neighbour(request.to) {
                cancelled.push(request.to);
            }
            !other
        });
        let newly_whole = is_whole && chunk.state != ChunkState::Complete;
        if newly_whole {
            chunk.state = ChunkState::Complete;
        }
        for to in cancelled {
            if let Some(neighbour) = self.neighbours.get_mut(&to) {
                neighbour.asked = neighbour.asked.saturating_sub(1);
                self.send(to, Control::Cancel { sequence, pieces: PieceSet::single(piece) });
            }
        }
        self.count_piece(from, bytes);
        if let Source::Neighbour(id) = from
            && let Some(neighbour) = self.neighbours.get_mut(&id)
        {
            neighbour.have.insert(sequence, piece);
        }
        self.announce(now, sequence, piece);
        self.push_piece(now, sequence, piece, bytes);
        if newly_whole {
            self.reassure(now, heard, u32::MAX);
            self.stats.chunks_complete += 1;
            self.outputs.push_back(Output::ChunkComplete { sequence });
        }
        self.pump(now);
    }

    pub(super) fn on_published(&mut self, now: Instant, meta: ChunkMeta) {
        let sequence = meta.sequence;
        let Some(chunk) = self.window.open(now, meta) else { return };
        chunk.have = PieceSet::first(meta.pieces());
        chunk.state = ChunkState::Complete;
        self.forward_header(sequence);
        for piece in 0..meta.pieces() {
            self.announce(now, sequence, piece);
            self.push_piece(now, sequence, piece, meta.piece_size(piece));
        }
        self.pump(now);
    }

    fn count_piece(&mut self, from: Source, bytes: u32) {
        let role = match from {
            Source::Origin => None,
            Source::Neighbour(id) => {
                Some(self.neighbours.get(&id).map_or(Role::Viewer, |neighbour| neighbour.info.role))
            }
        };
        let counter = match role {
            None => &mut self.stats.bytes_from_origin,
            Some(Role::Viewer) => &mut self.stats.bytes_from_viewers,
            Some(Role::Publisher) => &mut self.stats.bytes_from_publisher,
            Some(Role::Server) => &mut self.stats.bytes_from_server,
        };
        *counter += u64::from(bytes);
    }
}

//! Giving the same chunks out as LL-HLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runnel_p2p::wire::{BroadcastId, decode_chunk};

use super::run::Run;
use super::segment::TARGET_MICROS;
use super::track::Snapshot;
use super::{Origin, OriginError, disk, playlist};

/// A blocked reload is answered after three target durations at the latest.
const RELOAD: Duration = Duration::from_micros(3 * TARGET_MICROS);

/// What a player asks for in a reload: `_HLS_msn` and `_HLS_part`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reload {
    /// The segment.
    pub msn: Option<u64>,
    /// The part of it.
    pub part: Option<u64>,
}

/// A file below an epoch and rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HlsFile {
    /// `media.m3u8`.
    Playlist,
    /// `init-{id}.mp4`.
    Init(u32),
    /// `{msn}.m4s`.
    Segment(u64),
    /// `{msn}.{part}.m4s`.
    Part(u64, u64),
}

impl HlsFile {
    /// Reads a file name; numbers are written in one way only, so that no file has two addresses.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
            let canonical = text == "0" || !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
            canonical.then(|| text.parse().ok()).flatten()
        }
        if name == "media.m3u8" {
            return Some(Self::Playlist);
        }
        if let Some(id) = name.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4")) {
            return number(id).map(Self::Init);
        }
        let stem = name.strip_suffix(".m4s")?;
        match stem.split_once('.') {
            Some((msn, part)) => Some(Self::Part(number(msn)?, number(part)?)),
            None => number(stem).map(Self::Segment),
        }
    }
}

/// A playlist, and whether its address names this one version for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Playlist {
    /// The text.
    pub text: Bytes,
    /// The address named this version, so caches may keep it a while.
    pub pinned: bool,
}

/// A body made of several pieces of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    /// The pieces in order.
    pub pieces: Vec<Bytes>,
}

impl Origin {
    /// The multivariant playlist of a broadcast; waits for the first part.
    pub(crate) async fn multivariant(&self, broadcast: BroadcastId) -> Result<Bytes, OriginError> {
        let run = self.run(broadcast)?;
        let mut changes = run.changes();
        let wait = async {
            loop {
                changes.mark_unchanged();
                let text = run.with(|state| {
                    state.check_readable()?;
                    if !state.tracks.values().any(|track| track.playlist().borrow().has_media()) {
                        state.check_open()?;
                        return Ok(None);
                    }
                    let variants: Vec<_> = state.tracks.values().map(super::track::Track::variant).collect();
                    Ok::<_, OriginError>(
                        state.newest().map(|(manifest, _)| playlist::multivariant(manifest, &variants)),
                    )
                })?;
                match text {
                    Some(text) => return Ok(Bytes::from(text)),
                    None => changes.changed().await.map_err(|_| OriginError::Ended)?,
                }
            }
        };
        self.hold(wait).await
    }

    /// The media playlist of a rendition, held until it has what the reload asks for.
    pub(crate) async fn media_playlist(
        &self,
        epoch: u64,
        rendition: u8,
        reload: Reload,
    ) -> Result<Playlist, OriginError> {
        let run = self.run_of_epoch(epoch)?;
        if reload.part.is_some() && reload.msn.is_none() {
            return Err(OriginError::BadReload("_HLS_part needs _HLS_msn"));
        }
        let mut playlist = self.playlist_of(&run, rendition)?;
        // Before the first part there is nothing a player could use.
        self.until(&mut playlist, super::HOLD, |snapshot| snapshot.has_media() || snapshot.ended).await?;
        let Some(msn) = reload.msn else {
            // Players without parts (ffmpeg, mpv, VLC) give up on a playlist that has no whole segment yet.
            match self.until(&mut playlist, super::HOLD, |snapshot| snapshot.has_segment() || snapshot.ended).await {
                Ok(()) | Err(OriginError::NotYet) => {}
                Err(error) => return Err(error),
            }
            let snapshot = Arc::clone(&playlist.borrow());
            return self.readable(&run, Playlist { text: snapshot.text.clone(), pinned: false });
        };
        if playlist.borrow().is_beyond(msn) {
            return Err(OriginError::BadReload("_HLS_msn is more than two segments ahead"));
        }
        let answered = self.until(&mut playlist, RELOAD, |snapshot| snapshot.answers(msn, reload.part)).await;
        let snapshot = Arc::clone(&playlist.borrow());
        match answered {
            Ok(()) => self.readable(&run, Playlist { text: snapshot.text.clone(), pinned: true }),
            // The publisher is away. A player that still has something to play is better off with the old version.
            Err(OriginError::NotYet) => self.readable(&run, Playlist { text: snapshot.text.clone(), pinned: false }),
            Err(error) => Err(error),
        }
    }

    /// An init segment.
    pub(crate) fn init(&self, epoch: u64, rendition: u8, id: u32) -> Result<Bytes, OriginError> {
        self.run_of_epoch(epoch)?.with(|state| {
            state.check_readable()?;
            let missing = || OriginError::Missing { what: format!("init segment {id} of rendition {rendition}") };
            state.inits.get(&(rendition, id)).cloned().ok_or_else(missing)
        })
    }

    /// A whole segment, from memory or disk.
    pub(crate) async fn segment(&self, epoch: u64, rendition: u8, msn: u64) -> Result<Media, OriginError> {
        let run = self.run_of_epoch(epoch)?;
        let missing = || OriginError::Missing { what: format!("segment {msn} of rendition {rendition}") };
        let (held, file) = run.with(|state| {
            state.check_readable()?;
            let track = state.tracks.get(&rendition).ok_or(OriginError::UnknownRendition { rendition })?;
            let segment = track.segments.segment(msn);
            let range = segment.and_then(|segment| Some((segment.first()?, segment.last()?)));
            let held = range.and_then(|(first, last)| track.window().range(first, last));
            let growing = track.segments.edge().0 <= msn;
            Ok::<_, OriginError>((held, if growing { None } else { track.file_of_segment(msn) }))
        })?;
        if let Some(held) = held {
            return Ok(Media { pieces: held.iter().map(|held| held.chunk.payload.clone()).collect() });
        }
        let file = file.ok_or_else(missing)?;
        let root = self.disk.root().to_owned();
        let read = tokio::task::spawn_blocking(move || disk::read(&root, &file)).await;
        let Ok(Ok((chunks, _))) = read else { return Err(missing()) };
        let pieces = chunks.into_iter().filter_map(|bytes| Some(decode_chunk(bytes).ok()?.payload)).collect();
        self.readable(&run, Media { pieces })
    }

    /// A part; the one that a preload hint names is held until it is there.
    pub(crate) async fn part(&self, epoch: u64, rendition: u8, msn: u64, part: u64) -> Result<Media, OriginError> {
        let run = self.run_of_epoch(epoch)?;
        let missing = || OriginError::Missing { what: format!("part {msn}.{part} of rendition {rendition}") };
        let mut playlist = self.playlist_of(&run, rendition)?;
        let index = usize::try_from(part).map_err(|_| missing())?;
        let find = || {
            run.with(|state| {
                state.check_readable()?;
                let track = state.tracks.get(&rendition).ok_or(OriginError::UnknownRendition { rendition })?;
                let part = track.segments.part(msn, index);
                let held = part.and_then(|part| track.window().range(part.first, part.last));
                let expected = [track.segments.hint(), track.segments.edge()].contains(&(msn, index));
                Ok::<_, OriginError>((held, expected && !track.segments.is_ended()))
            })
        };
        let (mut held, expected) = find()?;
        if held.is_none() && expected {
            let came = self.until(&mut playlist, RELOAD, |snapshot| snapshot.answers(msn, Some(part))).await;
            if let Err(OriginError::Closing) = came {
                return Err(OriginError::Closing);
            }
            held = find()?.0;
        }
        let held = held.ok_or_else(missing)?;
        Ok(Media { pieces: held.iter().map(|held| held.chunk.payload.clone()).collect() })
    }

    fn playlist_of(
        &self,
        run: &Run,
        rendition: u8,
    ) -> Result<tokio::sync::watch::Receiver<Arc<Snapshot>>, OriginError> {
        run.with(|state| {
            state.check_readable()?;
            let track = state.tracks.get(&rendition).ok_or(OriginError::UnknownRendition { rendition })?;
            Ok(track.playlist())
        })
    }

    async fn until(
        &self,
        playlist: &mut tokio::sync::watch::Receiver<Arc<Snapshot>>,
        most: Duration,
        enough: impl FnMut(&Arc<Snapshot>) -> bool,
    ) -> Result<(), OriginError> {
        let wait = async { playlist.wait_for(enough).await.map(drop).map_err(|_| OriginError::Ended) };
        self.hold(async { tokio::time::timeout(most, wait).await.unwrap_or(Err(OriginError::NotYet)) }).await
    }

    /// What was read before a wait may have been taken down since.
    fn readable<T>(&self, run: &Run, value: T) -> Result<T, OriginError> {
        run.with(|state| state.check_readable()).map(|()| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_have_one_form() {
        assert_eq!(HlsFile::parse("media.m3u8"), Some(HlsFile::Playlist));
        assert_eq!(HlsFile::parse("init-3.mp4"), Some(HlsFile::Init(3)));
        assert_eq!(HlsFile::parse("12.m4s"), Some(HlsFile::Segment(12)));
        assert_eq!(HlsFile::parse("12.0.m4s"), Some(HlsFile::Part(12, 0)));
        for bad in
            ["", "x.m4s", "01.m4s", "1.01.m4s", "+1.m4s", "1.2.3.m4s", "init-.mp4", "..", "99999999999999999999.m4s"]
        {
            assert_eq!(HlsFile::parse(bad), None, "{bad}");
        }
    }
}

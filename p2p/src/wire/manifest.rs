//! What a broadcast consists of, signed by a channel key.

use bytes::Bytes;
use prost::Message;

use super::id::{BroadcastId, ChannelId, Epoch, PublicKey, RenditionId};
use super::key::{ChannelKey, Context};
use super::proto::{self, MalformedError, narrow};
use super::{MAX_INIT, MAX_INITS, MAX_MANIFEST, MAX_RENDITIONS, MAX_STRIPES, MAX_TEXT, MAX_TRACKS, signed};

const WHAT: &str = "a manifest";

/// A broadcast's description: epoch, the epoch's key, renditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Rises with each change within an epoch, from 1.
    pub version: u32,
    /// Whose broadcast it is.
    pub channel: ChannelId,
    /// Which broadcast it is.
    pub broadcast: BroadcastId,
    /// Which publishing run of it this is.
    pub epoch: Epoch,
    /// Signs the chunk headers of this epoch.
    pub broadcast_key: PublicKey,
    /// The encodings on offer, at least one, each with its own id.
    pub renditions: Vec<Rendition>,
    /// When this was signed, in microseconds since the Unix epoch.
    pub created: u64,
}

/// One encoding with its tracks multiplexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// Unlike the ids of all other renditions of the manifest.
    pub id: RenditionId,
    /// Picture width, 0 where there is no picture.
    pub width: u32,
    /// Picture height, 0 where there is no picture.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// Mean bit rate of all tracks together.
    pub bitrate_kbps: u32,
    /// Codec string of all tracks, as HLS's `CODECS` wants it.
    pub codecs: String,
    /// The tracks inside.
    pub tracks: Vec<Track>,
    /// Init segments; a chunk's header says which one it needs.
    pub inits: Vec<Init>,
    /// Length of a chunk: 100 or 200 ms.
    pub chunk_millis: u32,
    /// K, into how many stripes the chunks are dealt.
    pub stripes: u8,
}

/// One track of a rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// What it carries.
    pub kind: TrackKind,
    /// Its codec string.
    pub codec: String,
    /// Its language (BCP 47), empty where none applies.
    pub language: String,
}

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Text.
    Captions,
}

impl TrackKind {
    fn number(self) -> u32 {
        match self {
            Self::Video => 1,
            Self::Audio => 2,
            Self::Captions => 3,
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        [Self::Video, Self::Audio, Self::Captions].into_iter().find(|kind| kind.number() == number)
    }
}

/// An init segment (`ftyp` and `moov`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// What a chunk's header calls it by.
    pub id: u32,
    /// Its bytes.
    pub data: Bytes,
}

/// Says why a manifest is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Its bytes or values are wrong.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// Its signer is none of the channel's keys.
    #[error("the manifest is signed by {key}, which is none of the channel's {known} keys")]
    UnknownKey {
        /// Who signed, "nobody" where no key is named.
        key: String,
        /// How many keys the channel has.
        known: usize,
    },
    /// The signature does not fit.
    #[error("the manifest's signature by {key} does not fit its content")]
    BadSignature {
        /// Who is said to have signed.
        key: PublicKey,
    },
}

impl Manifest {
    /// The rendition of that id.
    pub fn rendition(&self, id: RenditionId) -> Option<&Rendition> {
        self.renditions.iter().find(|rendition| rendition.id == id)
    }

    /// Checks all limits and signs.
    pub fn sign(&self, key: &ChannelKey) -> Result<SignedManifest, ManifestError> {
        self.check()?;
        let payload: Bytes = self.to_proto().encode_to_vec().into();
        let bytes = signed::seal(key.signing_key(), Context::Manifest, payload, true);
        if bytes.len() > MAX_MANIFEST {
            return Err(MalformedError::TooLong { what: WHAT, length: bytes.len(), limit: MAX_MANIFEST }.into());
        }
        Ok(SignedManifest { bytes })
    }

    fn check(&self) -> Result<(), MalformedError> {
        let illegal = |field, value: usize, legal: String| Err(MalformedError::illegal(WHAT, field, value, legal));
        if self.version == 0 {
            return illegal("version", 0, "at least 1".into());
        }
        if self.renditions.is_empty() || self.renditions.len() > MAX_RENDITIONS {
            return illegal("renditions", self.renditions.len(), format!("1 to {MAX_RENDITIONS}"));
        }
        for (index, rendition) in self.renditions.iter().enumerate() {
            if self.renditions[..index].iter().any(|other| other.id == rendition.id) {
                return illegal("rendition id", rendition.id.0.into(), "different from all others".into());
            }
            rendition.check()?;
        }
        Ok(())
    }

    fn to_proto(&self) -> proto::Manifest {
        proto::Manifest {
            version: self.version,
            channel: Bytes::copy_from_slice(&self.channel.0),
            broadcast: Bytes::copy_from_slice(&self.broadcast.0),
            epoch: self.epoch.0,
            broadcast_key: Bytes::copy_from_slice(&self.broadcast_key.0),
            created: self.created,
            renditions: self.renditions.iter().map(|rendition| rendition.to_proto().encode_to_vec().into()).collect(),
        }
    }

    fn from_payload(payload: Bytes) -> Result<Self, MalformedError> {
        let form: proto::Manifest = proto::decode(WHAT, payload, MAX_MANIFEST, MAX_RENDITIONS + 16)?;
        let manifest = Self {
            version: form.version,
            channel: ChannelId(proto::array(WHAT, "channel", &form.channel)?),
            broadcast: BroadcastId(proto::array(WHAT, "broadcast", &form.broadcast)?),
            epoch: Epoch(form.epoch),
            broadcast_key: PublicKey(proto::array(WHAT, "broadcast_key", &form.broadcast_key)?),
            renditions: form.renditions.into_iter().map(Rendition::from_bytes).collect::<Result<_, _>>()?,
            created: form.created,
        };
        manifest.check()?;
        Ok(manifest)
    }
}

impl Rendition {
    fn check(&self) -> Result<(), MalformedError> {
        let illegal =
            |field, value: usize, legal: String| Err(MalformedError::illegal("a rendition", field, value, legal));
        let texts = self.tracks.iter().flat_map(|track| [&track.codec, &track.language]).chain([&self.codecs]);
        for text in texts {
            if text.len() > MAX_TEXT {
                return illegal("the length of a text", text.len(), format!("at most {MAX_TEXT}"));
            }
        }
        for init in &self.inits {
            if init.data.len() > MAX_INIT {
                return illegal("the length of an init segment", init.data.len(), format!("at most {MAX_INIT}"));
            }
        }
        for (field, value, least, most) in [
            ("width", self.width as usize, 0, 16_384),
            ("height", self.height as usize, 0, 16_384),
            ("fps", self.fps as usize, 0, 480),
            ("bitrate_kbps", self.bitrate_kbps as usize, 1, 1_000_000),
            ("chunk_millis", self.chunk_millis as usize, 20, 2_000),
            ("stripes", self.stripes.into(), 1, MAX_STRIPES.into()),
            ("the number of tracks", self.tracks.len(), 0, MAX_TRACKS),
            ("the number of init segments", self.inits.len(), 0, MAX_INITS),
        ] {
            if !(least..=most).contains(&value) {
                return illegal(field, value, format!("{least} to {most}"));
            }
        }
        Ok(())
    }

    fn to_proto(&self) -> proto::Rendition {
        let track = |track: &Track| proto::Track {
            kind: track.kind.number(),
            codec: track.codec.clone(),
            language: track.language.clone(),
        };
        proto::Rendition {
            id: self.id.0.into(),
            width: self.width,
            height: self.height,
            fps: self.fps,
            bitrate_kbps: self.bitrate_kbps,
            codecs: self.codecs.clone(),
            chunk_millis: self.chunk_millis,
            stripes: self.stripes.into(),
            tracks: self.tracks.iter().map(track).collect(),
            inits: self.inits.iter().map(|init| proto::Init { id: init.id, data: init.data.clone() }).collect(),
        }
    }

    fn from_bytes(bytes: Bytes) -> Result<Self, MalformedError> {
        const WHAT: &str = "a rendition";
        let form: proto::Rendition = proto::decode(WHAT, bytes, MAX_MANIFEST, MAX_TRACKS + MAX_INITS + 16)?;
        let track = |track: proto::Track| {
            let kind = TrackKind::from_number(track.kind)
                .ok_or_else(|| MalformedError::illegal(WHAT, "track kind", track.kind, "1 to 3"))?;
            Ok(Track { kind, codec: track.codec, language: track.language })
        };
        Ok(Self {
            id: RenditionId(narrow(WHAT, "id", form.id, u8::MAX.into())?),
            width: form.width,
            height: form.height,
            fps: form.fps,
            bitrate_kbps: form.bitrate_kbps,
            codecs: form.codecs,
            tracks: form.tracks.into_iter().map(track).collect::<Result<_, MalformedError>>()?,
            inits: form.inits.into_iter().map(|init| Init { id: init.id, data: init.data }).collect(),
            chunk_millis: form.chunk_millis,
            stripes: narrow(WHAT, "stripes", form.stripes, MAX_STRIPES.into())?,
        })
    }
}

/// A manifest as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedManifest {
    bytes: Bytes,
}

impl SignedManifest {
    /// Takes bytes from outside; only their number is checked, [`SignedManifest::verify`] does the rest.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(MalformedError::TooLong { what: WHAT, length: bytes.len(), limit: MAX_MANIFEST }.into());
        }
        Ok(Self { bytes })
    }

    /// The bytes as they travel.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Gives the manifest if one of the channel's keys signed it.
    pub fn verify(&self, channel_keys: &[PublicKey]) -> Result<Manifest, ManifestError> {
        let opened = signed::open(WHAT, &self.bytes, MAX_MANIFEST)?;
        let Some(key) = opened.key.filter(|key| channel_keys.contains(key)) else {
            let key = opened.key.map_or_else(|| "nobody".into(), |key| key.to_string());
            return Err(ManifestError::UnknownKey { key, known: channel_keys.len() });
        };
        if !opened.is_signed_by(&key, Context::Manifest) {
            return Err(ManifestError::BadSignature { key });
        }
        Ok(Manifest::from_payload(opened.payload)?)
    }

    /// Reads the manifest without checking who signed it: only for telling which channel's keys to ask for.
    pub fn peek(&self) -> Result<Manifest, ManifestError> {
        Ok(Manifest::from_payload(signed::open(WHAT, &self.bytes, MAX_MANIFEST)?.payload)?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A manifest with everything in it.
    pub(crate) fn example() -> Manifest {
        Manifest {
            version: 3,
            channel: ChannelId([1; 16]),
            broadcast: BroadcastId([2; 16]),
            epoch: Epoch(5),
            broadcast_key: crate::wire::BroadcastKey::from_bytes([3; 32]).public(),
            renditions: vec![Rendition {
                id: RenditionId(1),
                width: 640,
                height: 360,
                fps: 30,
                bitrate_kbps: 1000,
                codecs: "av01.0.04M.08,opus".into(),
                tracks: vec![
                    Track { kind: TrackKind::Video, codec: "av01.0.04M.08".into(), language: String::new() },
                    Track { kind: TrackKind::Audio, codec: "opus".into(), language: "zh".into() },
                ],
                inits: vec![Init { id: 1, data: Bytes::from_static(b"ftyp moov") }],
                chunk_millis: 100,
                stripes: 4,
            }],
            created: 1_790_000_000_000_000,
        }
    }

    #[test]
    fn only_a_channel_key_makes_a_manifest() {
        let (key, other) = (ChannelKey::from_bytes([1; 32]), ChannelKey::from_bytes([2; 32]));
        let signed = example().sign(&key).unwrap();
        assert_eq!(signed.verify(&[other.public(), key.public()]).unwrap(), example());
        assert!(matches!(signed.verify(&[other.public()]), Err(ManifestError::UnknownKey { known: 1, .. })));
        assert_eq!(signed.peek().unwrap(), example());
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let key = ChannelKey::from_bytes([1; 32]);
        let signed = example().sign(&key).unwrap();
        for index in 0..signed.bytes().len() {
            let mut bytes = signed.bytes().to_vec();
            bytes[index] ^= 1;
            let result = SignedManifest::from_bytes(bytes.into()).unwrap().verify(&[key.public()]);
            assert!(result.is_err(), "byte {index}");
        }
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let key = ChannelKey::from_bytes([1; 32]);
        let changes: [fn(&mut Manifest); 8] = [
            |manifest| manifest.version = 0,
            |manifest| manifest.renditions.clear(),
            |manifest| manifest.renditions.push(manifest.renditions[0].clone()),
            |manifest| manifest.renditions[0].stripes = 0,
            |manifest| manifest.renditions[0].stripes = MAX_STRIPES + 1,
            |manifest| manifest.renditions[0].chunk_millis = 0,
            |manifest| manifest.renditions[0].codecs = "x".repeat(MAX_TEXT + 1),
            |manifest| manifest.renditions[0].inits[0].data = vec![0; MAX_INIT + 1].into(),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut manifest = example();
            change(&mut manifest);
            assert!(manifest.sign(&key).is_err(), "change {index} signed");
            let payload = manifest.to_proto().encode_to_vec().into();
            let bytes = signed::seal(key.signing_key(), Context::Manifest, payload, true);
            let signed = SignedManifest::from_bytes(bytes).unwrap();
            assert!(signed.verify(&[key.public()]).is_err(), "change {index} accepted");
        }
    }
}

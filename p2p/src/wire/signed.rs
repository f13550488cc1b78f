//! The envelope of everything signed.

use bytes::Bytes;
use prost::Message;

use super::id::PublicKey;
use super::key::{self, Context, SIGNATURE};
use super::proto::{self, MalformedError};

/// Signs a payload; `name_key` puts the signer's public key beside it.
pub(crate) fn seal(signer: &ed25519_dalek::SigningKey, context: Context, payload: Bytes, name_key: bool) -> Bytes {
    let signature = Bytes::copy_from_slice(&key::sign(signer, context, &payload));
    let key = if name_key { Bytes::copy_from_slice(signer.verifying_key().as_bytes()) } else { Bytes::new() };
    proto::Signed { payload, signature, key }.encode_to_vec().into()
}

/// An envelope that was taken apart and not yet checked.
pub(crate) struct Opened {
    pub(crate) payload: Bytes,
    signature: [u8; SIGNATURE],
    /// Who claims to have signed it.
    pub(crate) key: Option<PublicKey>,
}

impl Opened {
    /// Tells whether this key signed the payload for this purpose.
    pub(crate) fn is_signed_by(&self, key: &PublicKey, context: Context) -> bool {
        key::verify(key, context, &self.payload, &self.signature)
    }
}

/// Takes an envelope apart.
pub(crate) fn open(what: &'static str, bytes: &Bytes, limit: usize) -> Result<Opened, MalformedError> {
    let signed: proto::Signed = proto::decode(what, bytes.clone(), limit, 3)?;
    let key = if signed.key.is_empty() { None } else { Some(PublicKey(proto::array(what, "key", &signed.key)?)) };
    Ok(Opened { payload: signed.payload, signature: proto::array(what, "signature", &signed.signature)?, key })
}

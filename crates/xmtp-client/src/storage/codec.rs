//! How openmls' keys and values become bytes: MessagePack behind one byte that names this format.
//!
//! openmls 0.9 reads some of its values (byte strings, the policy for past epochs) only from a format that says itself what
//! comes next, so the shorter ones that do not are out of the question. Bytes are written as bytes, not number by number.

use rmp_serde::config::BytesMode;
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::StorageError;

/// MessagePack; structures without the names of their fields; bytes as `bin`.
const FORMAT: u8 = 1;

/// The bytes of a key. Equal keys have equal bytes.
pub(super) fn key(key: &impl Serialize) -> Result<Vec<u8>, StorageError> {
    let mut out = Vec::new();
    write(key, &mut out)?;
    Ok(out)
}

/// The bytes of a value, wiped when dropped: most hold secrets.
pub(crate) fn encode(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, StorageError> {
    let mut out = Zeroizing::new(vec![FORMAT]);
    write(value, &mut out)?;
    Ok(out)
}

/// The value that [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StorageError> {
    match bytes {
        [FORMAT, rest @ ..] => Ok(rmp_serde::from_slice(rest)?),
        _ => Err(StorageError::Format),
    }
}

fn write(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), StorageError> {
    let mut serializer = rmp_serde::Serializer::new(out).with_bytes(BytesMode::ForceAll);
    Ok(value.serialize(&mut serializer)?)
}

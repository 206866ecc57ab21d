//! Entries of the daemon's vault: JSON objects, read and written without leaving copies of what is secret.

use std::fmt;

use chancery_base::{b64, json};
use chancery_vault::{Secret, Vault};
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::error::CustodyError;

/// Where an entry is written before it is sealed: as large as the largest becomes, so that nothing is moved meanwhile.
const ROOM: usize = 8 << 10;

/// Secret bytes in an entry: unpadded base64url there, wiped when dropped, never printed.
#[derive(Clone)]
pub(crate) struct Hidden<const N: usize>(pub(crate) Zeroizing<[u8; N]>);

impl<const N: usize> Hidden<N> {
    pub(crate) fn random(rng: &dyn chancery_base::Rng) -> Self {
        let mut bytes = Zeroizing::new([0; N]);
        rng.fill(bytes.as_mut_slice());
        Self(bytes)
    }
}

impl<const N: usize> fmt::Debug for Hidden<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

impl<const N: usize> Serialize for Hidden<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(b64::encode(self.0.as_slice())))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hidden<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // a visitor that looks at the text where it lies
        struct Text<const N: usize>;
        impl<const N: usize> Visitor<'_> for Text<N> {
            type Value = Hidden<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{N} bytes in base64url")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hidden<N>, E> {
                b64::decode_array(text)
                    .map(|bytes| Hidden(Zeroizing::new(bytes)))
                    .map_err(|_| E::custom("not the expected bytes"))
            }
        }
        deserializer
            .deserialize_str(Text)
            .map_err(|_| D::Error::custom("not the expected bytes"))
    }
}

/// The entry `name`; `None` when there is none.
pub(crate) fn read<T: DeserializeOwned>(vault: &Vault, name: &str) -> Result<Option<T>, CustodyError> {
    let Some(secret) = vault.get(name)? else {
        return Ok(None);
    };
    json::from_object_strict(secret.as_bytes())
        .map(Some)
        .map_err(|_| CustodyError::Entry(name.to_owned()))
}

/// Puts `value` under `name`, in memory.
pub(crate) fn write<T: Serialize>(vault: &mut Vault, name: &str, value: &T) -> Result<(), CustodyError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    serde_json::to_writer(&mut *bytes, value).map_err(|_| CustodyError::Entry(name.to_owned()))?;
    Ok(vault.set(name, Secret::new(bytes))?)
}

/// What comes after `prefix` in the names of entries.
pub(crate) fn below(vault: &Vault, prefix: &str) -> Vec<String> {
    let names = vault.names();
    names
        .iter()
        .filter_map(|name| name.strip_prefix(prefix).map(str::to_owned))
        .collect()
}

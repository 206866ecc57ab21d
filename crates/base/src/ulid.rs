//! ULIDs, in their one canonical spelling.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Millis, Rng};

/// A ULID (github.com/ulid/spec): 48 bits of milliseconds and 80 random bits.
///
/// Only the canonical text is read and written: 26 upper-case Crockford base32 digits, the first one `0` to `7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(ulid::Ulid);

/// The text is not a canonical ULID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ULID: 26 upper-case Crockford base32 digits, the first one 0 to 7")]
pub struct ParseUlidError;

impl Ulid {
    /// The ULID of all zeros, which names the first administrator of a registry.
    pub const NIL: Self = Self(ulid::Ulid(0));

    /// A new ULID for `now` with random bits from `rng`.
    #[must_use]
    pub fn generate(now: Millis, rng: &impl Rng) -> Self {
        let random = rng.bytes::<10>();
        let mut bytes = [0; 16];
        let ms = u64::try_from(now.0).unwrap_or(0);
        if let (Some(head), Some(time)) = (bytes.get_mut(..6), ms.to_be_bytes().get(2..)) {
            head.copy_from_slice(time);
        }
        if let Some(tail) = bytes.get_mut(6..) {
            tail.copy_from_slice(&random);
        }
        Self(ulid::Ulid::from_bytes(bytes))
    }

    /// Bytes of the text.
    pub const TEXT_BYTES: usize = ulid::ULID_LEN;

    /// The text, written into `buffer`.
    #[must_use]
    pub fn text(self, buffer: &mut [u8; Self::TEXT_BYTES]) -> &str {
        self.0.array_to_str(buffer)
    }

    /// The 16 bytes, big endian; they sort as the text does.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// The ULID with these 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(ulid::Ulid::from_bytes(bytes))
    }

    /// The time part.
    #[must_use]
    pub fn timestamp(self) -> Millis {
        Millis(i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX))
    }
}

/// Crockford's digits, in the order of their values.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const NO_DIGIT: u8 = 0xff;

/// Value of each byte as a digit. Every frame has several ids: looking a digit up is quicker than finding its range.
static VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};

impl FromStr for Ulid {
    type Err = ParseUlidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // the library also reads lower case and the letters that stand for digits; one id has one spelling here
        let bytes = text.as_bytes();
        if bytes.len() != Self::TEXT_BYTES || !bytes.first().is_some_and(|b| (b'0'..=b'7').contains(b)) {
            return Err(ParseUlidError);
        }
        let read = bytes.iter().try_fold(0_u128, |read, byte| {
            let value = VALUES.get(usize::from(*byte)).filter(|value| **value != NO_DIGIT)?;
            Some(read << 5 | u128::from(*value))
        });
        read.map(|read| Self(ulid::Ulid(read))).ok_or(ParseUlidError)
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; ulid::ULID_LEN];
        f.write_str(self.0.array_to_str(&mut buffer))
    }
}

impl fmt::Debug for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Ulid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = [0; ulid::ULID_LEN];
        serializer.serialize_str(self.0.array_to_str(&mut buffer))
    }
}

impl<'de> Deserialize<'de> for Ulid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

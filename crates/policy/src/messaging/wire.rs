//! How values look in JSON where serde's own way is not the spec's.

use std::{fmt, marker::PhantomData};

use chancery_base::Millis;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// Reads `T` from an object, and from nothing else: serde would also take an array of its members.
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(Object(PhantomData))
}

/// A time as the signet's documents write it: RFC 3339 with a capital `T`, in UTC by a capital `Z`, as the original's
/// readers demand. Anything finer than a millisecond is cut off.
pub(super) fn read_time(text: &str) -> Option<Millis> {
    let marked = text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z');
    Millis::parse_rfc3339(text).filter(|_| marked)
}

/// A time in JSON.
pub(super) mod time {
    use serde::Serializer;

    use super::{Deserialize, Deserializer, Millis, de, read_time};

    pub(in super::super) fn serialize<S: Serializer>(time: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        read_time(&text).ok_or_else(|| de::Error::custom("not a time in UTC as RFC 3339 writes it"))
    }
}

/// A time in JSON, or `null`. The member is never left out.
pub(super) mod time_or_null {
    use serde::{Serialize, Serializer};

    use super::{Deserialize, Deserializer, Millis, time};

    #[derive(serde::Deserialize)]
    struct Time(#[serde(with = "time")] Millis);

    pub(in super::super) fn serialize<S: Serializer>(time: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(Millis::to_rfc3339).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Millis>, D::Error> {
        Ok(Option::<Time>::deserialize(deserializer)?.map(|time| time.0))
    }
}

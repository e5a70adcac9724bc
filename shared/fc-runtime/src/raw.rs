//! The event as it came, for what is no JSON: a Tablestore stream's CBOR, a form, text.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

/// By this name a payload asks for the event's bytes.
const RAW: &str = "$fc_runtime::Raw";

/// An event's bytes, unparsed: `LambdaEvent<Raw>`. Read them with the type that fits, such as
/// [`StreamEvent::parse`](crate::events::tablestore::StreamEvent::parse).
///
/// Only an event as a whole can be `Raw`; as a part of a JSON document it is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw(pub Bytes);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event as a whole")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Raw, E> {
                Ok(Raw(Bytes::copy_from_slice(bytes)))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, _: D) -> Result<Raw, D::Error> {
                Err(D::Error::custom("only an event as a whole can be raw"))
            }
        }
        deserializer.deserialize_newtype_struct(RAW, Whole)
    }
}

/// JSON, unless the payload asks for the bytes.
pub(crate) struct Event<'a, 'b, R> {
    pub(crate) json: &'b mut serde_json::Deserializer<R>,
    pub(crate) body: &'a [u8],
    /// Set when the bytes were asked for: there may be no JSON whose end could be looked for.
    pub(crate) raw: &'b mut bool,
}

macro_rules! as_json {
    ($($method:ident($($argument:ident: $kind:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, Self::Error> {
            self.json.$method($($argument,)* visitor)
        })*
    };
}

impl<'de, 'a, R: serde_json::de::Read<'de>> Deserializer<'de> for Event<'a, '_, R> {
    type Error = serde_json::Error;

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if name == RAW {
            *self.raw = true;
            return visitor.visit_bytes(self.body);
        }
        self.json.deserialize_newtype_struct(name, visitor)
    }

    as_json! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}

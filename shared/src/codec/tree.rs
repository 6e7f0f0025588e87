//! A decoded value before it is given a type.
//!
//! The CBOR library's reader is compiled anew for each type that is read, 10 KB each time: on a
//! terminal it was a fifth of the program. Here it is compiled once, for a tree, and types are made
//! from the tree by little code. What is accepted stays the same, with two exceptions: `undefined`
//! is read as `null`, and a struct is read from a map only, never from an array of its fields.

use std::fmt;

use serde::de::value::SeqDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

type Error = serde_cbor::Error;

/// Of what the library reads, everything.
#[derive(Debug)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    /// Below what 64 bits hold.
    Wide(i128),
    Float(f64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Tree>),
    /// In the order of the bytes.
    Map(Vec<(Tree, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Grow)
    }
}

/// Makes a tree of whatever comes.
struct Grow;

impl<'de> Visitor<'de> for Grow {
    type Value = Tree;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a CBOR value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Unsigned(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Negative(value))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Tree, E> {
        Ok(Tree::Wide(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Float(value))
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Tree, E> {
        Ok(Tree::Bytes(value.to_owned()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        // A length that was only claimed reserves nothing.
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Tree::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}

impl Tree {
    fn into_entries(self) -> Result<Vec<(Self, Self)>, Error> {
        let Self::Map(entries) = self else { return Err(de::Error::custom("expected a map")) };
        Ok(entries)
    }
}

fn read_map<'de, V: Visitor<'de>>(
    entries: Vec<(Tree, Tree)>,
    visitor: V,
) -> Result<V::Value, Error> {
    let mut access = Entries { rest: entries.into_iter(), value: None };
    let value = visitor.visit_map(&mut access)?;
    match access.rest.len() {
        0 => Ok(value),
        _ => Err(de::Error::custom("expected fewer entries in the map")),
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Unsigned(value) => visitor.visit_u64(value),
            Self::Negative(value) => visitor.visit_i64(value),
            Self::Wide(value) => visitor.visit_i128(value),
            Self::Float(value) => visitor.visit_f64(value),
            Self::Bytes(value) => visitor.visit_byte_buf(value),
            Self::Text(value) => visitor.visit_string(value),
            Self::Array(values) => {
                let mut access = SeqDeserializer::new(values.into_iter());
                let value = visitor.visit_seq(&mut access)?;
                access.end()?;
                Ok(value)
            }
            Self::Map(entries) => read_map(entries, visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        read_map(self.into_entries()?, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        read_map(self.into_entries()?, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if matches!(self, Self::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// A variant's name, or a map of the name and what is in it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Text(_) => visitor.visit_enum(OneVariant { name: self, content: None }),
            Self::Map(entries) if entries.len() == 1 => {
                let mut access = Entries { rest: entries.into_iter(), value: None };
                let name = access.next().unwrap_or(Self::Null);
                visitor.visit_enum(OneVariant { name, content: access.value })
            }
            Self::Null
            | Self::Bool(_)
            | Self::Unsigned(_)
            | Self::Negative(_)
            | Self::Wide(_)
            | Self::Float(_)
            | Self::Bytes(_)
            | Self::Array(_)
            | Self::Map(_) => Err(de::Error::custom("expected the name of a variant")),
        }
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A map's entries, one after the other. What is the same for all types is compiled once.
struct Entries {
    rest: std::vec::IntoIter<(Tree, Tree)>,
    /// Of the key that was read last.
    value: Option<Tree>,
}

impl Entries {
    #[inline(never)]
    fn next(&mut self) -> Option<Tree> {
        let (key, value) = self.rest.next()?;
        self.value = Some(value);
        Some(key)
    }
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.next().map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(there(self.value.take())?)
    }
}

/// The one type through which all enums are read.
struct OneVariant {
    name: Tree,
    content: Option<Tree>,
}

impl<'de> EnumAccess<'de> for OneVariant {
    type Error = Error;
    type Variant = Content;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Content), Error> {
        Ok((seed.deserialize(self.name)?, Content(self.content)))
    }
}

/// What is in a variant; nothing where only its name was there.
struct Content(Option<Tree>);

impl<'de> VariantAccess<'de> for Content {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.0 {
            None | Some(Tree::Null) => Ok(()),
            Some(_) => Err(de::Error::custom("expected nothing in the variant")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(there(self.0)?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        there(self.0)?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        there(self.0)?.deserialize_map(visitor)
    }
}

#[inline(never)]
fn there(value: Option<Tree>) -> Result<Tree, Error> {
    value.ok_or_else(|| de::Error::custom("expected a value"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        Unit,
        Newtype(Newtype),
        Struct { a: u8, b: Option<i32> },
        Tuple(u16, String),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Newtype(#[serde(with = "serde_bytes")] Vec<u8>);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Everything {
        kinds: Vec<Kind>,
        map: BTreeMap<String, i64>,
        none: Option<u8>,
        some: Option<bool>,
        edges: (u64, i64, i128),
        unit: (),
    }

    fn everything() -> Everything {
        Everything {
            kinds: vec![
                Kind::Unit,
                Kind::Newtype(Newtype(vec![0, 255])),
                Kind::Struct { a: 1, b: Some(-70_000) },
                Kind::Struct { a: 255, b: None },
                Kind::Tuple(9, "nine".to_owned()),
            ],
            map: BTreeMap::from([("low".to_owned(), i64::MIN), ("high".to_owned(), i64::MAX)]),
            none: None,
            some: Some(true),
            edges: (u64::MAX, -1, i128::from(i64::MIN) - 1),
            unit: (),
        }
    }

    fn through_tree<T: de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
        T::deserialize(serde_cbor::from_slice::<Tree>(bytes)?)
    }

    #[test]
    fn every_shape_of_type_is_read_as_the_library_itself_reads_it() {
        let bytes = serde_cbor::to_vec(&everything()).unwrap();
        assert_eq!(serde_cbor::from_slice::<Everything>(&bytes).unwrap(), everything());
        assert_eq!(through_tree::<Everything>(&bytes).unwrap(), everything());
    }

    #[test]
    fn whatever_a_broken_encoding_is_it_is_never_read_as_something_that_the_library_refuses() {
        let bytes = serde_cbor::to_vec(&everything()).unwrap();
        for at in 0..bytes.len() {
            assert!(through_tree::<Everything>(&bytes[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let undefined = flipped[at] == 0xf7;
                if let (Ok(read), false) = (through_tree::<Everything>(&flipped), undefined) {
                    let library = serde_cbor::from_slice::<Everything>(&flipped);
                    assert_eq!(library.ok(), Some(read), "bit {bit} of byte {at}");
                }
            }
        }
    }

    #[test]
    fn keys_that_are_there_twice_and_crowded_variants_are_refused() {
        #[derive(Debug, Deserialize)]
        struct One {
            #[expect(dead_code, reason = "only its reading is of interest")]
            a: u8,
        }
        assert!(through_tree::<One>(b"\xa1\x61a\x01").is_ok());
        assert!(through_tree::<One>(b"\xa2\x61a\x01\x61a\x01").is_err());
        assert!(through_tree::<Kind>(b"\xa2\x64unit\xf6\x64unit\xf6").is_err());
        assert!(through_tree::<Kind>(b"\x00").is_err());
    }

    #[test]
    fn a_struct_is_not_read_from_an_array_of_its_fields() {
        assert!(through_tree::<Newtype>(b"\x41a").is_ok());
        assert!(through_tree::<Kind>(b"\xa1\x66struct\xa2\x61a\x01\x61b\xf6").is_ok());
        assert!(through_tree::<Kind>(b"\xa1\x66struct\x82\x01\xf6").is_err());
        assert!(through_tree::<crate::message::Ack>(b"\x82\x01\x02").is_err());
        assert!(through_tree::<BTreeMap<String, i64>>(b"\x80").is_err());
    }

    #[test]
    fn a_field_from_the_future_may_be_anything() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Known {
            a: u8,
        }
        for future in [b"\xfb\x3f\xf0\0\0\0\0\0\0".as_slice(), b"\xc1\x00", b"\x80", b"\xf7"] {
            let bytes = [b"\xa2\x61a\x01\x61b", future].concat();
            assert_eq!(through_tree::<Known>(&bytes).unwrap(), Known { a: 1 }, "{future:x?}");
        }
    }
}

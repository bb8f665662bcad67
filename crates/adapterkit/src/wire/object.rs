//! One macro for all wire objects: members in a fixed order, absent members left out, unknown members kept.
//!
//! `#[serde(flatten)]` cannot do this: it refuses raw values and rewrites numbers, escapes and order, so the two
//! impls are written out, once, here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer};

/// A member's name, borrowed from the body where it has no escapes (`Cow` alone always copies).
pub struct Key<'de>(pub Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> de::Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a member's name")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Declares a wire object. `required` members must be sent; `optional` ones become a [`Member`](crate::Member).
/// `= "name"` gives the vendor's name where it is no good Rust name. Members are written in the order
/// of declaration; unknown ones are kept in `extra`; `Debug` shows nothing but the object's name.
#[macro_export]
macro_rules! wire_object {
    (
        $(#[$object_meta:meta])*
        pub struct $object:ident {
            $( $(#[$member_meta:meta])* $presence:ident $member:ident $(= $name:literal)? : $kind:ty, )*
        }
    ) => {
        $(#[$object_meta])*
        #[derive(Clone, PartialEq)]
        pub struct $object {
            $( $(#[$member_meta])* pub $member: $crate::__wire_member_type!($presence $kind), )*
            /// Members that this version of the wire does not know, kept byte for byte.
            pub extra: $crate::Extra,
        }

        impl $object {
            /// The vendor's names of the members, in the order in which they are written.
            pub const MEMBERS: &'static [&'static str] =
                &[$( $crate::__wire_member_name!($member $($name)?), )*];
        }

        impl ::std::fmt::Debug for $object {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.debug_struct(stringify!($object)).finish_non_exhaustive()
            }
        }

        impl<'de> $crate::private::serde::Deserialize<'de> for $object {
            fn deserialize<D: $crate::private::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                struct ObjectVisitor;
                impl<'de> $crate::private::serde::de::Visitor<'de> for ObjectVisitor {
                    type Value = $object;

                    fn expecting(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        formatter.write_str(concat!("a ", stringify!($object), " object"))
                    }

                    fn visit_map<A: $crate::private::serde::de::MapAccess<'de>>(self, mut map: A) -> ::std::result::Result<$object, A::Error> {
                        $( let mut $member = None; )*
                        let mut extra = $crate::Extra::new();
                        while let Some(key) = map.next_key::<$crate::private::Key<'de>>()? {
                            match key.0.as_ref() {
                                $( $crate::__wire_member_name!($member $($name)?) => $member = Some(map.next_value()?), )*
                                _ => {
                                    extra.insert(key.0.into_owned().into_boxed_str(), map.next_value()?);
                                }
                            }
                        }
                        Ok($object {
                            $( $member: $crate::__wire_member_read!(
                                $presence $member $crate::__wire_member_name!($member $($name)?)
                            ), )*
                            extra,
                        })
                    }
                }
                deserializer.deserialize_map(ObjectVisitor)
            }
        }

        impl $crate::private::serde::Serialize for $object {
            fn serialize<S: $crate::private::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                use $crate::private::serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $( $crate::__wire_member_write!(
                    $presence map self.$member, $crate::__wire_member_name!($member $($name)?)
                ); )*
                for (name, value) in &self.extra {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    };
}

/// The Rust type of a member.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire_member_type {
    (required $kind:ty) => { $kind };
    (optional $kind:ty) => { $crate::Member<$kind> };
}

/// The vendor's name of a member.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire_member_name {
    ($member:ident) => {
        stringify!($member)
    };
    ($member:ident $name:literal) => {
        $name
    };
}

/// What a decoded member is when the body did not send it.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire_member_read {
    (required $member:ident $name:expr) => {
        $member.ok_or_else(|| $crate::private::serde::de::Error::missing_field($name))?
    };
    (optional $member:ident $name:expr) => {
        $member.unwrap_or_default()
    };
}

/// How a member is encoded.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire_member_write {
    (required $map:ident $value:expr, $name:expr) => {
        $map.serialize_entry($name, &$value)?;
    };
    (optional $map:ident $value:expr, $name:expr) => {
        if !$value.is_absent() {
            $map.serialize_entry($name, &$value)?;
        }
    };
}

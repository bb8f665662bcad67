//! One macro for words of the vendor: known ones by name, unknown ones kept.
//!
//! Serde's own way (`#[serde(untagged)]` on the last variant) buffers every value first.

/// Declares an enum that travels as a string and keeps words that it does not know in `Other`.
#[macro_export]
macro_rules! wire_word {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $text:literal, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
            /// A word that this version of the wire does not know.
            Other(String),
        }

        impl $name {
            /// The vendor's spelling.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl $crate::private::serde::Serialize for $name {
            fn serialize<S: $crate::private::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::private::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                let text = <$crate::private::Key as $crate::private::serde::Deserialize>::deserialize(deserializer)?;
                Ok(Self::from(text.0.as_ref()))
            }
        }
    };
}

//! Items, form fields and templates: content with a structure of its own.

use serde::{Deserialize, Serialize};

use super::Action;
use crate::JsonMap;

/// An item of a carousel or list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The headline.
    pub title: Box<str>,
    /// The text below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    /// A picture or file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_url: Option<Box<str>>,
    /// Media type of the picture or file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Box<str>>,
    /// Text for who cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<Box<str>>,
    /// How large the item is shown, in the backend's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Box<str>>,
    /// Its buttons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Free fields that travel with it.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
    /// A vendor's fields without a canonical home.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub extensions: JsonMap,
}

/// A question of a form, or its answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The field's name, unique in its form.
    pub name: Box<str>,
    /// The words shown beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Box<str>>,
    /// What may be entered: `text`, `email`, `select`, or a backend's own word.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Box<str>>,
    /// Shown while it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<Box<str>>,
    /// The fewest characters that may be entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_chars: Option<u64>,
    /// The most characters that may be entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u64>,
    /// The choices of a `select`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<FieldOption>,
    /// What was entered, in a form response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<str>>,
    /// What was chosen, in a form response to a `select`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chosen: Vec<FieldOption>,
    /// A vendor's fields without a canonical home.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub extensions: JsonMap,
}

/// A choice of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldOption {
    /// The choice's name, unique in its field.
    pub name: Box<str>,
    /// The words shown for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Box<str>>,
}

/// A text that the backend makes from a template of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The template's name.
    pub name: Box<str>,
    /// Which of its languages, as a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Box<str>>,
    /// What is put into it.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub parameters: JsonMap,
    /// The text that came out, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Box<str>>,
}

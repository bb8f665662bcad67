//! Ids of conversations in a vendor's spelling.
//!
//! A conversation that first lived at a backend of the facade's own vendor has the id that it got there, for ever: whoever
//! noted it before still finds it. Every other one has an id that is computed from its public id and the time at which it
//! began, and so never changes either. Where that cannot be computed back, it is noted before anybody is shown it.

use std::collections::HashMap;

use backend::{Kind, Result};
use conversation::{Conversation, ConversationId, Digest, Time};

use crate::FacadeParts;

/// How one vendor spells ids of conversations.
#[derive(Debug, Clone, Copy)]
pub struct Spelling {
    /// The vendor's kind.
    pub facade: &'static str,
    /// The spelling of a conversation that is not the vendor's own. The same every time.
    pub spell: fn(ConversationId, created_at: Time) -> String,
    /// The public id back from a spelling that holds all of it; `None` where it is another text. Absent: spellings are
    /// noted.
    pub read: Option<fn(&str) -> Option<ConversationId>>,
}

impl Spelling {
    /// The ids of these conversations, in their order. They may be shown: whatever has to be noted is.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    pub async fn spelled(
        &self,
        parts: &FacadeParts,
        conversations: &[&Conversation],
    ) -> Result<Vec<String>> {
        let ids: Vec<ConversationId> = conversations.iter().map(|one| one.id).collect();
        let homes = parts.directory.first_homes(&ids).await?;
        let homes: HashMap<ConversationId, (Box<str>, Box<str>)> = ids
            .iter()
            .copied()
            .zip(homes)
            .filter_map(|(id, home)| Some((id, home?)))
            .collect();
        let mut noted = Vec::new();
        let spelled = conversations
            .iter()
            .map(|one| match homes.get(&one.id) {
                Some((backend, native)) if parts.own.contains(backend) => native.to_string(),
                _ => {
                    let spelled = (self.spell)(one.id, one.created_at);
                    if self.read.is_none() {
                        noted.push((spelled.as_str().into(), one.id));
                    }
                    spelled
                }
            })
            .collect();
        if !noted.is_empty() {
            parts.state.spell(self.facade, &noted).await?;
        }
        Ok(spelled)
    }

    /// The id of one conversation.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    pub async fn spelled_one(
        &self,
        parts: &FacadeParts,
        conversation: &Conversation,
    ) -> Result<String> {
        let mut spelled = self.spelled(parts, &[conversation]).await?;
        Ok(spelled.pop().unwrap_or_default())
    }

    /// The conversation whose id a caller spells like this; `None` where nobody was ever shown such an id.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    pub async fn read(&self, parts: &FacadeParts, spelled: &str) -> Result<Option<ConversationId>> {
        for backend in parts.own.iter() {
            let found = parts.directory.find_first(backend, spelled).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        match self.read {
            Some(read) => Ok(read(spelled)),
            None => match parts.state.spelled(self.facade, spelled).await {
                Err(error) if error.kind == Kind::InvalidRequest => Ok(None),
                found => found,
            },
        }
    }
}

/// 48 bits of a hash of `text`: what tells apart what began in the same millisecond.
#[must_use]
pub fn hash48(text: &str) -> u64 {
    let digest = Digest::of(text.as_bytes());
    let mut bytes = [0_u8; 8];
    bytes[2..].copy_from_slice(&digest.as_bytes()[..6]);
    u64::from_be_bytes(bytes)
}

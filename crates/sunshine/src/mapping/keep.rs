//! Keeping what the canonical form does not bring back, member by member: equal members cost a comparison and nothing
//! else, and most members are equal.

use adapterkit::{Unmappable, members, with_kept};
use conversation::{JsonMap, RawJson};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wire::{Extra, Member};

/// The member that lists what was not sent although the canonical form would make it.
const ABSENT: &str = "absent_members";

/// What is kept of one object.
pub(super) struct Keeper {
    kept: JsonMap,
    absent: Vec<&'static str>,
}

impl Keeper {
    pub(super) fn new() -> Self {
        Self {
            kept: JsonMap::new(),
            absent: Vec::new(),
        }
    }

    /// Keeps a member of the vendor's object where `built` has another.
    pub(super) fn member<T: Serialize + PartialEq>(
        &mut self,
        name: &'static str,
        sent: &Member<T>,
        built: &Member<T>,
    ) -> Result<(), Unmappable> {
        if sent == built {
            return Ok(());
        }
        if sent.is_absent() {
            self.absent.push(name);
            return Ok(());
        }
        let value = RawJson::from_serialize(sent).map_err(|_| Unmappable(name))?;
        self.kept.insert(name.into(), value);
        Ok(())
    }

    /// Keeps a value under a name of its own.
    pub(super) fn value(&mut self, name: &'static str, text: &str) {
        self.kept.insert(name.into(), RawJson::string(text));
    }

    /// Keeps the members that this version of the wire does not know.
    pub(super) fn extra(&mut self, extra: &Extra) -> Result<(), Unmappable> {
        for (name, value) in extra {
            let value = RawJson::from_serialize(value).map_err(|_| Unmappable("extra"))?;
            self.kept.insert(name.clone(), value);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<JsonMap, Unmappable> {
        if !self.absent.is_empty() {
            let names = RawJson::from_serialize(&self.absent).map_err(|_| Unmappable("object"))?;
            self.kept.insert(ABSENT.into(), names);
        }
        Ok(self.kept)
    }
}

/// The object that `built` becomes with all that was kept, and the one that it becomes with only those kept members
/// that `built` never makes: for an object of which something with a canonical home was changed since.
pub(super) fn again<T: Serialize + DeserializeOwned>(
    built: &T,
    kept: &JsonMap,
    never_wire: &[&str],
) -> Result<(T, T), Unmappable> {
    let built = members(built)?;
    let wire = |keep: &dyn Fn(&str) -> bool| -> JsonMap {
        kept.iter()
            .filter(|(name, _)| !never_wire.contains(&&***name) && keep(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let same = with_kept(built.clone(), &wire(&|_| true))?;
    let homeless = wire(&|name| name != ABSENT && !built.contains_key(name));
    Ok((same, with_kept(built, &homeless)?))
}

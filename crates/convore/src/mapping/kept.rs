//! Members that the canonical form does not bring back: seen by comparing structs, which is far cheaper than
//! comparing JSON.

use adapterkit::{Extra, Member, Unmappable};
use conversation::{JsonMap, RawJson};
use serde::Serialize;

/// Collects what a built object lacks to be the one that was sent.
#[derive(Default)]
pub(super) struct Kept {
    members: JsonMap,
    /// True where the built object has a member that was not sent: only a comparison of JSON can note that.
    lacks: bool,
}

impl Kept {
    /// A member that is always there.
    pub(super) fn required<T: PartialEq + Serialize>(
        &mut self,
        name: &'static str,
        sent: &T,
        built: &T,
    ) -> Result<(), Unmappable> {
        if sent != built {
            self.keep(name, sent)?;
        }
        Ok(())
    }

    /// A member that may be missing.
    pub(super) fn optional<T: PartialEq + Serialize>(
        &mut self,
        name: &'static str,
        sent: &Member<T>,
        built: &Member<T>,
    ) -> Result<(), Unmappable> {
        if sent != built {
            if sent.is_absent() {
                self.lacks = true;
            } else {
                self.keep(name, sent)?;
            }
        }
        Ok(())
    }

    fn keep<T: Serialize>(&mut self, name: &'static str, sent: &T) -> Result<(), Unmappable> {
        let value = RawJson::from_serialize(sent).map_err(|_| Unmappable(name))?;
        self.members.insert(name.into(), value);
        Ok(())
    }

    /// Members that the wire does not know.
    pub(super) fn extra(&mut self, extra: &Extra) -> Result<(), Unmappable> {
        for (name, value) in extra {
            let value = RawJson::parse(value.text()).map_err(|_| Unmappable("object"))?;
            self.members.insert(name.clone(), value);
        }
        Ok(())
    }

    /// What is to be kept; nothing where it takes a comparison of JSON to tell.
    pub(super) fn finish(self) -> Option<JsonMap> {
        (!self.lacks).then_some(self.members)
    }
}

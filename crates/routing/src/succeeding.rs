//! A router that takes the place of another one: other backends and rules, and everything that is under way.

use std::sync::Arc;

use backend::Result;

use crate::Router;
use crate::router::{RouterSettings, checked, under_way_of};
use crate::slot::Slot;

impl Router {
    /// A router with these backends and settings that takes the place of this one: whoever follows this one follows it as
    /// well, and it knows which creates and looks are under way here, and what earlier creates have made. Requests that
    /// this one has begun end here.
    ///
    /// # Errors
    /// Those of [`Router::new`]. This one goes on as it is.
    pub fn succeeded_by(&self, slots: Vec<Slot>, settings: RouterSettings) -> Result<Self> {
        let slots = slots
            .into_iter()
            .map(|slot| match self.under_way.get(slot.name()) {
                Some(under_way) => slot.with(under_way),
                None => slot,
            });
        let slots = Arc::new(checked(slots.collect(), &settings)?);
        // A backend that was left out may come back, and what was begun there may not have ended.
        let mut under_way = self.under_way.clone();
        under_way.extend(under_way_of(&slots));
        let shadows = self.shadows.as_ref();
        let shadows = shadows.map(|shadows| shadows.among(&slots, &settings.rules));
        Ok(Self {
            info: self.info.clone(),
            slots,
            under_way,
            settings,
            directory: Arc::clone(&self.directory),
            leases: Arc::clone(&self.leases),
            intents: Arc::clone(&self.intents),
            made: self.made.clone(),
            teller: self.teller.clone(),
            overriding: self.overriding.clone(),
            shadows,
        })
    }
}

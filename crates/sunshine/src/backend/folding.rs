//! One post of ours that became several messages there: the last one is the post, the text that led it is not shown.

use std::collections::HashSet;

use adapterkit::Effect;
use backend::Result;

use super::Sunshine;
use super::vendor_page::{Step, VendorPage, id_of};
use crate::client::Caller;
use crate::error::{Subject, has_status};
use crate::mapping::several_key;
use crate::wire;

impl Sunshine {
    /// A page without the messages that lead to another of the same post. Only where such a one may end the page, what
    /// follows it is looked at as well.
    pub(super) async fn folded(
        &self,
        caller: Caller,
        native: &str,
        step: Step<'_>,
        mut page: VendorPage,
        operation: &'static str,
    ) -> Result<VendorPage> {
        let something_follows = match step {
            Step::Newest => false,
            Step::Before(_) => true,
            Step::After(_) => page.next.is_some(),
        };
        let last = page.messages.last().filter(|_| something_follows);
        let edge = last.filter(|last| several_key(last).is_some());
        let mut later = HashSet::new();
        if let Some(id) = edge.and_then(id_of) {
            let next = self
                .page(caller, native, Step::After(id), operation)
                .await?;
            later.extend(next.messages.iter().filter_map(several_key));
        }
        fold(&mut page.messages, later);
        Ok(page)
    }

    /// Deletes the text that led a message to be deleted: without that it would stand for itself.
    pub(super) async fn delete_leads(
        &self,
        caller: Caller,
        native: &str,
        message: &wire::Message,
        operation: &'static str,
    ) -> Result<()> {
        let (Some(key), Some(id)) = (several_key(message), id_of(message)) else {
            return Ok(());
        };
        let before = self
            .page(caller, native, Step::Before(id), operation)
            .await?;
        let leads = before.messages.iter().rev();
        for lead in leads.take_while(|lead| several_key(lead).as_ref() == Some(&key)) {
            let Some(lead) = id_of(lead) else { continue };
            match self.client().delete_message(caller, native, lead).await {
                Err(failure) if !has_status(&failure, 404) => {
                    return Err(self.failed(failure, Subject::Message, Effect::Write, operation));
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Leaves out every message whose key a later one has; `later` are keys behind the last of them.
pub(super) fn fold(messages: &mut Vec<wire::Message>, mut later: HashSet<String>) {
    let mut keep: Vec<bool> = messages
        .iter()
        .rev()
        .map(|message| several_key(message).is_none_or(|key| later.insert(key)))
        .collect();
    messages.retain(|_| keep.pop().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_one_key_stays_and_others_are_left_alone() {
        let message = |id: &str, key: &str| -> wire::Message {
            let body = format!(r#"{{"id":"{id}","metadata":{{"dragoman_intent":"{key}"}}}}"#);
            serde_json::from_str(&body).unwrap()
        };
        let mut messages = vec![
            message("a", "i/1/several"),
            message("b", "i"),
            message("c", "i/1/several"),
            message("d", "i"),
            message("e", "i/2/several"),
        ];
        fold(&mut messages, HashSet::from(["i/2/several".to_owned()]));
        let ids: Vec<&str> = messages.iter().filter_map(id_of).collect();
        assert_eq!(ids, ["b", "c", "d"]);
    }
}

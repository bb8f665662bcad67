//! All four vendors as fakes on loopback, and a configuration with a backend for each beside the store.
//!
//! The fakes that know their vendor's published description fail when they are dropped after a request that breaks it.

use tests::dragoman::Launch;

use crate::fake::{FakeChatter, Generation};
use crate::fake_convore::{self, FakeConvore};
use crate::fake_datamonkey::FakeDatamonkey;
use crate::fake_sunshine::{self, FakeSunshine};

pub(crate) struct Vendors {
    pub(crate) chatter: FakeChatter,
    pub(crate) datamonkey: FakeDatamonkey,
    pub(crate) sunshine: FakeSunshine,
    pub(crate) convore: FakeConvore,
}

impl Vendors {
    pub(crate) async fn start() -> Self {
        let sunshine = fake_sunshine::FakeOptions::default();
        Self::start_with(sunshine, fake_convore::FakeOptions::default()).await
    }

    /// With other options for those two, between which most conversations are moved.
    pub(crate) async fn start_with(
        sunshine: fake_sunshine::FakeOptions,
        convore: fake_convore::FakeOptions,
    ) -> Self {
        Self {
            chatter: FakeChatter::start(Generation::V2).await,
            datamonkey: FakeDatamonkey::start().await,
            sunshine: FakeSunshine::start_with(sunshine).await,
            convore: FakeConvore::start_with(convore).await,
        }
    }

    /// How many requests the four have seen.
    pub(crate) fn requests(&self) -> usize {
        self.chatter.requests().len()
            + self.datamonkey.requests().len()
            + self.sunshine.received().len()
            + self.convore.requests().len()
    }

    /// What the vendor behind a backend holds of a conversation: each message as the vendor's own JSON.
    pub(crate) fn held(&self, backend: &str, native: &str) -> Vec<serde_json::Value> {
        fn all<T: serde::Serialize>(messages: Vec<T>) -> Vec<serde_json::Value> {
            let json = |message| serde_json::to_value(message).expect("a message is JSON");
            messages.into_iter().map(json).collect()
        }
        match backend {
            "one" => all(self.chatter.messages(native)),
            "two" => all(self.datamonkey.messages(native)),
            "three" => all(self.sunshine.messages(native)),
            "four" => all(self.convore.messages(native)),
            other => panic!("no vendor behind {other}"),
        }
    }

    /// A gateway with the four and its store. Where a vendor has no AI the built-in responder answers.
    pub(crate) fn launch(&self) -> Launch {
        self.launch_with("", "")
    }

    /// Like [`Vendors::launch`], with `settings` before the backends and `keys` in each of the four.
    pub(crate) fn launch_with(&self, settings: &str, keys: &str) -> Launch {
        self.launch_each(settings, |_| keys.to_owned())
    }

    /// Like [`Vendors::launch`], with `settings` before the backends and what `keys` says of each of them in it.
    pub(crate) fn launch_each(&self, settings: &str, keys: impl Fn(&str) -> String) -> Launch {
        let backends = self.backends(|_, base_url| base_url, keys);
        Launch::new().configuration(format!("{settings}\n{backends}"))
    }

    /// The four in the words of a configuration: each at the address that `address` makes of its name and its own, with
    /// what `keys` says of it.
    pub(crate) fn backends(
        &self,
        address: impl Fn(&str, String) -> String,
        keys: impl Fn(&str) -> String,
    ) -> String {
        let backends = [
            (
                "one",
                self.chatter.base_url(),
                format!("kind = \"chatter\"\ntoken = \"{}\"", FakeChatter::TOKEN),
            ),
            (
                "two",
                self.datamonkey.base_url(),
                "kind = \"datamonkey\"".to_owned(),
            ),
            (
                "three",
                self.sunshine.base_url(),
                format!(
                    "kind = \"sunshine\"\napp_id = \"{}\"\nkey_id = \"{}\"\nkey_secret = \"{}\"\nresponder = \"echo\"",
                    fake_sunshine::APP_ID,
                    fake_sunshine::KEY_ID,
                    fake_sunshine::SECRET
                ),
            ),
            (
                "four",
                self.convore.base_url(),
                format!(
                    "kind = \"convore\"\ntoken = \"{}\"\nchannel_id = \"{}\"\nresponder = \"echo\"",
                    FakeConvore::KEY,
                    FakeConvore::CHANNEL
                ),
            ),
        ];
        let text = backends.into_iter().map(|(name, base_url, own)| {
            let base_url = address(name, base_url);
            let keys = keys(name);
            format!("[[backend]]\nname = \"{name}\"\nbase_url = \"{base_url}\"\n{own}\n{keys}\n")
        });
        text.collect::<Vec<_>>().join("\n")
    }
}

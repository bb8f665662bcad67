//! All four vendors as fakes on loopback, and a configuration with a backend for each beside the store.
//!
//! The fakes that know their vendor's published description fail when they are dropped after a request that breaks it.

use tests::dragoman::Launch;

use crate::fake::{FakeChatter, Generation};
use crate::fake_convore::FakeConvore;
use crate::fake_datamonkey::FakeDatamonkey;
use crate::fake_sunshine::{self, FakeSunshine};

pub(crate) struct Vendors {
    chatter: FakeChatter,
    datamonkey: FakeDatamonkey,
    sunshine: FakeSunshine,
    convore: FakeConvore,
}

impl Vendors {
    pub(crate) async fn start() -> Self {
        Self {
            chatter: FakeChatter::start(Generation::V2).await,
            datamonkey: FakeDatamonkey::start().await,
            sunshine: FakeSunshine::start().await,
            convore: FakeConvore::start().await,
        }
    }

    /// A gateway with the four and its store. Where a vendor has no AI the built-in responder answers.
    pub(crate) fn launch(&self) -> Launch {
        let backends = [
            format!(
                "name = \"one\"\nkind = \"chatter\"\nbase_url = \"{}\"\ntoken = \"{}\"",
                self.chatter.base_url(),
                FakeChatter::TOKEN
            ),
            format!(
                "name = \"two\"\nkind = \"datamonkey\"\nbase_url = \"{}\"",
                self.datamonkey.base_url()
            ),
            format!(
                "name = \"three\"\nkind = \"sunshine\"\nbase_url = \"{}\"\napp_id = \"{}\"\nkey_id = \"{}\"\nkey_secret = \"{}\"\nresponder = \"echo\"",
                self.sunshine.base_url(),
                fake_sunshine::APP_ID,
                fake_sunshine::KEY_ID,
                fake_sunshine::SECRET
            ),
            format!(
                "name = \"four\"\nkind = \"convore\"\nbase_url = \"{}\"\ntoken = \"{}\"\nchannel_id = \"{}\"\nresponder = \"echo\"",
                self.convore.base_url(),
                FakeConvore::KEY,
                FakeConvore::CHANNEL
            ),
        ];
        let text = backends.map(|backend| format!("[[backend]]\n{backend}\n"));
        Launch::new().configuration(text.join("\n"))
    }
}

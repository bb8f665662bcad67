//! Rules of `[facades]`.

use super::Rules;
use crate::config::Configuration;

/// The most of anything in a minute: what one machine could ever take.
const PER_MINUTE_MAX: u32 = 10_000_000;
/// Fewer can be guessed.
const SIGNING_KEY_MIN_BYTES: usize = 32;
/// The longest name of a channel, in characters.
const CHANNEL_NAME_MAX_CHARS: usize = 128;
/// The longest id of an app, in characters.
const APP_ID_MAX_CHARS: usize = 128;

impl Rules<'_> {
    pub(super) fn facades(&mut self, configuration: &Configuration) {
        let facades = &configuration.facades;
        self.per_minute(
            "facades.chatter.requests_per_minute",
            facades.chatter.requests_per_minute,
            0,
        );
        // Strangers hold tokens that are signed with it, and may guess as long as they like.
        let signing_key = facades.datamonkey.signing_key.as_ref();
        if signing_key.is_some_and(|key| !key.has_bytes(SIGNING_KEY_MIN_BYTES)) {
            self.broken(
                "facades.datamonkey.signing_key",
                format!("the `signing_key` has fewer than {SIGNING_KEY_MIN_BYTES} bytes"),
                Some(
                    "make one with: openssl rand -hex 32; or leave the key out: one is made then"
                        .to_owned(),
                ),
            );
        }
        if let Some(anonymous) = &facades.datamonkey.anonymous {
            let path = "facades.datamonkey.anonymous";
            if anonymous.tenant.is_none() {
                self.broken(
                    path,
                    format!("`{path}` has no `tenant`"),
                    Some(
                        "add tenant = \"…\", the tenant to which everybody without a key belongs"
                            .to_owned(),
                    ),
                );
            }
            match anonymous.sessions_per_minute {
                Some(limit) => self.per_minute(&format!("{path}.sessions_per_minute"), limit, 1),
                None => self.broken(
                    path,
                    format!("`{path}` has no `sessions_per_minute`"),
                    Some(
                        "add sessions_per_minute = 60, the most users without a key that can be \
                         made in a minute"
                            .to_owned(),
                    ),
                ),
            }
        }
        for (position, app) in facades.sunshine.app_ids.iter().enumerate() {
            let is_good = (1..=APP_ID_MAX_CHARS).contains(&app.chars().count())
                && app
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
            if !is_good {
                self.broken(
                    &format!("facades.sunshine.app_ids[{position}]"),
                    "this is no id of an app".to_owned(),
                    Some(format!(
                        "an id is 1 to {APP_ID_MAX_CHARS} characters out of A-Z a-z 0-9 _ -"
                    )),
                );
            }
        }
        let name = facades.convore.channel_name.trim();
        if name.is_empty() || name.chars().count() > CHANNEL_NAME_MAX_CHARS {
            self.broken(
                "facades.convore.channel_name",
                format!(
                    "`facades.convore.channel_name` must have 1 to {CHANNEL_NAME_MAX_CHARS} characters"
                ),
                None,
            );
        }
        self.seconds(
            "facades.convore.events_kept_seconds",
            facades.convore.events_kept_seconds,
        );
    }

    fn per_minute(&mut self, path: &str, value: u32, least: u32) {
        if !(least..=PER_MINUTE_MAX).contains(&value) {
            self.broken(
                path,
                format!("`{path}` is {value}, it must be between {least} and {PER_MINUTE_MAX}"),
                None,
            );
        }
    }
}

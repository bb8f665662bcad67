//! What is previewed is what is sent, whatever is written.

use std::sync::LazyLock;

use proptest::prelude::*;
use sunshine::{ImportMode, Sunshine, SunshineConfig, SunshineCredentials};
use testkit::generate::{Chance, assert_preview_is_stable, write};

fn sunshine(import_mode: ImportMode) -> Sunshine {
    let credentials = SunshineCredentials::Basic {
        key_id: "app_1".into(),
        secret: "a secret".into(),
    };
    let config = SunshineConfig {
        import_mode,
        ..SunshineConfig::new("http://127.0.0.1:9", "app", credentials)
    };
    Sunshine::new("sunshine", &config).expect("a usable configuration")
}

static OVERLAY: LazyLock<Sunshine> = LazyLock::new(|| sunshine(ImportMode::Overlay));
static POST: LazyLock<Sunshine> = LazyLock::new(|| sunshine(ImportMode::Post));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_would_be_sent_has_nothing_that_is_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..160),
        posts in any::<bool>(),
    ) {
        let sunshine: &Sunshine = if posts { &POST } else { &OVERLAY };
        assert_preview_is_stable(sunshine, &write(&mut Chance::new(&bytes)));
    }
}

//! What is previewed is what is sent, whatever is written.

use std::sync::LazyLock;

use convore::{Convore, ConvoreConfig};
use proptest::prelude::*;
use testkit::generate::{Chance, assert_preview_is_stable, write};

static CONVORE: LazyLock<Convore> = LazyLock::new(|| {
    let config = ConvoreConfig::new("http://127.0.0.1:9", "key", "chnnl_1");
    Convore::new("convore", &config).expect("a usable configuration")
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_would_be_sent_has_nothing_that_is_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..160),
    ) {
        assert_preview_is_stable(&*CONVORE, &write(&mut Chance::new(&bytes)));
    }
}

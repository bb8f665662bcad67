//! The four vendors as fakes, a fault proxy before each, and a gateway with a backend for each beside its store.

use tests::dragoman::Launch;
use tests::faultd::Faultd;

use crate::bench::Bench;
use crate::vendors::Vendors;

/// The names of the backends with a vendor behind, in the order of [`Site::proxies`].
pub(crate) const BACKENDS: [&str; 4] = ["one", "two", "three", "four"];

/// The vendors and what stands before them.
pub(crate) struct Site {
    pub(crate) vendors: Vendors,
    proxies: [Faultd; 4],
}

impl Site {
    /// All four, without faults.
    pub(crate) async fn start(bench: Bench) -> Self {
        let vendors = Vendors::start().await;
        let before = |base_url: String| Faultd::before(&base_url, bench.seed);
        let proxies = [
            before(vendors.chatter.base_url()),
            before(vendors.datamonkey.base_url()),
            before(vendors.sunshine.base_url()),
            before(vendors.convore.base_url()),
        ];
        Self { vendors, proxies }
    }

    /// What stands before the vendor of a backend.
    pub(crate) fn proxy(&self, backend: &str) -> &Faultd {
        let place = BACKENDS.iter().position(|name| *name == backend);
        &self.proxies[place.expect("a backend of the site")]
    }

    /// A gateway's configuration, with `settings` before the backends and `keys` in each of them.
    pub(crate) fn launch(&self, settings: &str, keys: &str) -> Launch {
        let address = |name: &str, own: String| {
            // Some vendors' addresses have a path.
            let path = own.splitn(4, '/').nth(3).unwrap_or_default();
            let proxy = self.proxy(name).base_url();
            match path {
                "" => proxy,
                path => format!("{proxy}/{path}"),
            }
        };
        let backends = self.vendors.backends(address, |_| keys.to_owned());
        Launch::new()
            .variable("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json")
            .configuration(format!("{settings}\n{backends}"))
    }
}

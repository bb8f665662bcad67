//! The gateway with its five backends and four facades, and a tenant for each backend whose key leads there.
//!
//! Behind the backends stand the four vendors as the binary itself simulates them, and the gateway's own store.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::client::Client;
use tests::dragoman::{Dragoman, Launch, Running};
use tests::simulator::Simulator;

/// The vendors that are simulated; a backend of the same name stands for each.
const VENDORS: [&str; 4] = ["chatter", "datamonkey", "sunshine", "convore"];
/// The backends.
pub(crate) const BACKENDS: [&str; 5] = ["chatter", "datamonkey", "sunshine", "convore", "store"];

/// A key as the facades' clients need it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) whole: String,
    pub(crate) id: String,
    pub(crate) user: Option<String>,
}

impl Key {
    /// What stands behind the id: the password of HTTP Basic.
    pub(crate) fn secret(&self) -> &str {
        self.whole.rsplit('_').next().unwrap_or_default()
    }
}

/// A gateway that runs, and everything behind it.
pub(crate) struct Site {
    vendors: Vec<Simulator>,
    dragoman: Dragoman,
    admin: Client,
}

/// The tenant whose conversations live at this backend.
pub(crate) fn tenant_of(backend: &str) -> String {
    format!("at-{backend}")
}

fn launch(vendors: &[Simulator]) -> Launch {
    let routes = BACKENDS.map(|name| {
        let tenant = tenant_of(name);
        format!("[[route]]\nto = \"{name}\"\nwhen = {{ tenant = \"{tenant}\" }}\n")
    });
    // These programs ask far more than a person does.
    let limits = "[facades.chatter]\nrequests_per_minute = 0\n";
    let backends = VENDORS.iter().zip(vendors);
    let backends: String = backends
        .map(|(name, vendor)| vendor.backend(name))
        .collect();
    Launch::new().configuration(format!("{limits}{}{backends}", routes.concat()))
}

impl Site {
    /// Starts everything.
    pub(crate) fn start() -> Self {
        let vendors: Vec<Simulator> = VENDORS
            .iter()
            .map(|vendor| Simulator::start(vendor, &[]))
            .collect();
        let dragoman = launch(&vendors).start();
        let key = dragoman.key().expect("a first start prints a key");
        let admin = Client::new(dragoman.base_url(), Some(key));
        Self {
            vendors,
            dragoman,
            admin,
        }
    }

    /// Stops the gateway and starts it again on the same data, at another address.
    pub(crate) fn restarted(self) -> Self {
        self.restarted_after(|_| ())
    }

    /// Like [`Site::restarted`]; between the two `work` types commands, which are carried out by processes of their own
    /// because no gateway runs.
    pub(crate) fn restarted_after(self, work: impl FnOnce(&dyn Fn(&[&str]) -> Running)) -> Self {
        let data: Arc<TempDir> = self.dragoman.data_dir();
        let key = self.dragoman.key().expect("a first start prints a key");
        let key = key.to_owned();
        let (status, output) = self.dragoman.stop();
        assert!(status.success(), "{output}");
        let launch = || launch(&self.vendors).data_dir(Arc::clone(&data));
        work(&|arguments| launch().begin(arguments));
        let dragoman = launch().start();
        Self {
            admin: Client::new(dragoman.base_url(), Some(&key)),
            vendors: self.vendors,
            dragoman,
        }
    }

    /// The simulator of this vendor.
    pub(crate) fn vendor(&self, name: &str) -> &Simulator {
        let place = VENDORS.iter().position(|vendor| *vendor == name);
        &self.vendors[place.expect("a vendor")]
    }

    /// A client with the key of the first start, which may do everything.
    pub(crate) fn admin(&self) -> &Client {
        &self.admin
    }

    /// Where the gateway listens, without a slash at the end.
    pub(crate) fn base_url(&self) -> String {
        self.dragoman.base_url()
    }

    /// Everything that the gateway has logged.
    pub(crate) fn log(&self) -> String {
        self.dragoman.output()
    }

    /// A client of the normalized API with this key.
    pub(crate) fn normalized(&self, key: &Key) -> Client {
        self.admin.with_key(&key.whole)
    }

    /// Makes a key of a tenant, or of one end user of it.
    pub(crate) async fn key(&self, tenant: &str, user: Option<&str>, scopes: &[&str]) -> Key {
        let mut body = json!({"tenant": tenant, "name": "tests", "scopes": scopes});
        if let Some(user) = user {
            body["user"] = Value::from(user);
        }
        let made = self.admin.post("/admin/v1/keys", &body).await.expect(201);
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        Key {
            whole: text("key"),
            id: text("id"),
            user: user.map(str::to_owned),
        }
    }
}

//! `[server]`: where the gateway listens.

use std::net::{Ipv4Addr, SocketAddr};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// Where the gateway listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// IP address and port; port 0 picks a free one, which is printed. Default: `127.0.0.1:8080`,
    /// which only this machine can reach.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let expected = "this takes an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    String::deserialize(deserializer)?
        .parse()
        .map_err(|_| D::Error::custom(expected))
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
        }
    }
}

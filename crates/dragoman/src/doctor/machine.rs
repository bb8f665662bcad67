//! The machine: disk, open files, the address to listen on, and who can read our secrets.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use rustix::process::{Resource, getrlimit};
use store::Store;
use tokio::net::TcpListener;

use super::Finding;
use crate::config::{BackendKind, Configuration};

/// Below this much room a gateway soon stops writing, in bytes.
const ROOM_MIN_BYTES: u64 = 100 * 1024 * 1024;
/// Below this much it is time to look, in bytes.
const ROOM_GOOD_BYTES: u64 = 1024 * 1024 * 1024;
/// Files that a gateway holds open beside its connections: database, logs, runtime.
const FILES_OF_ITS_OWN: u64 = 64;
/// Connections to one vendor that are kept for reuse at most.
const FILES_PER_BACKEND: u64 = 64;

/// Bytes of a mebibyte.
const MIB: u64 = 1024 * 1024;

/// What can be seen without a database and without a network.
pub(super) fn look(configuration: &Configuration) -> Vec<Finding> {
    let mut findings = vec![room(configuration), open_files(configuration)];
    findings.extend(secrecy(&configuration.store.data_dir));
    findings
}

/// The nearest folder of a path that is there: the rest is made on first start.
fn nearest(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find(|folder| folder.exists());
    there.map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

fn room(configuration: &Configuration) -> Finding {
    let id = "disk.room";
    // What is on a server needs room there; here only what is passed on.
    let database = configuration
        .store
        .database_file()
        .unwrap_or_else(|| configuration.store.data_dir.join("spool"));
    let folder = nearest(database.parent().unwrap_or(&database));
    let fix = "free some space, or choose another place with --data-dir";
    match statvfs(&folder) {
        Ok(status) => {
            let bytes = status.f_bavail.saturating_mul(status.f_frsize);
            let found = format!("{} MiB are free at {}", bytes / MIB, folder.display());
            if bytes < ROOM_MIN_BYTES {
                Finding::failure(id, found, fix)
            } else if bytes < ROOM_GOOD_BYTES {
                Finding::warning(id, found, fix)
            } else {
                Finding::ok(id, found)
            }
        }
        Err(error) => Finding::failure(
            id,
            format!("{} cannot be looked at: {error}", folder.display()),
            "give this user access to it, or choose another place with --data-dir",
        ),
    }
}

fn open_files(configuration: &Configuration) -> Finding {
    let id = "limits.open_files";
    let vendors = configuration
        .backends
        .iter()
        .filter(|backend| backend.kind != BackendKind::Store)
        .count() as u64;
    let connections = configuration.limits.connections_max as u64;
    let wanted = connections + vendors * FILES_PER_BACKEND + FILES_OF_ITS_OWN;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < wanted => Finding::warning(
            id,
            format!("this process may open {limit} files, {wanted} can be needed"),
            format!(
                "raise it (`ulimit -n {wanted}`, or LimitNOFILE={wanted} in the systemd unit), or lower `limits.connections_max`"
            ),
        ),
        Some(limit) => Finding::ok(
            id,
            format!("{limit} files may be open, {wanted} can be needed"),
        ),
        None => Finding::ok(id, "any number of files may be open"),
    }
}

/// Whether others of this machine can read the data directory.
fn secrecy(data_dir: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt;

    let id = "data_dir.permissions";
    let mode = std::fs::metadata(data_dir).ok()?.permissions().mode() & 0o777;
    let place = data_dir.display();
    Some(if mode & 0o077 == 0 {
        Finding::ok(id, format!("{place} is for this user only"))
    } else {
        Finding::warning(
            id,
            format!("{place} holds the database and the sealing key and has mode {mode:03o}"),
            format!("chmod 700 {place}"),
        )
    })
}

/// Whether the configured address can be listened on, or is ours already.
pub(super) async fn listening(
    configuration: &Configuration,
    store: Option<&Store>,
) -> Vec<Finding> {
    let id = "server.listen";
    let address = configuration.server.listen;
    let servings = match store {
        Some(store) => store.serving().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let here = servings
        .into_iter()
        .find(|serving| is_same(&serving.address, address));
    let found = match TcpListener::bind(address).await {
        Ok(_listener) => Finding::ok(id, format!("{address} can be listened on")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match here {
            Some(serving) => Finding::ok(
                id,
                format!(
                    "dragoman {} listens on {address}, process {}",
                    serving.command, serving.process
                ),
            ),
            None => Finding::failure(
                id,
                format!("another program uses the port of {address}"),
                "stop it, or choose another port with --listen",
            ),
        },
        Err(error) => Finding::failure(
            id,
            format!("{address} cannot be listened on: {error}"),
            "choose an address that this machine has and a port from 1024 on",
        ),
    };
    let mut findings = vec![found];
    if !address.ip().is_loopback() {
        findings.push(Finding::warning(
            "server.tls",
            format!("{address} can be reached from other machines, and keys travel there in plain text"),
            "put a proxy that speaks TLS in front, and listen on 127.0.0.1 where it is on this machine",
        ));
    }
    findings
}

/// Whether a noted address is the configured one: "all interfaces" is noted as loopback.
fn is_same(noted: &str, configured: SocketAddr) -> bool {
    noted
        .parse::<SocketAddr>()
        .is_ok_and(|noted| noted.port() == configured.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn the_room_is_that_of_the_nearest_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("not/yet/made");
        assert_eq!(nearest(&deep), folder.path());
    }

    #[tokio::test]
    async fn a_port_of_another_program_is_a_failure_with_a_fix() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut configuration = Configuration::default();
        configuration.server.listen = taken.local_addr().unwrap();
        let found = listening(&configuration, None).await;
        assert_eq!(found[0].result, Verdict::Failure);
        assert!(found[0].fix.as_deref().unwrap().contains("--listen"));
        assert_eq!(found.len(), 1, "loopback needs no TLS");
    }

    #[test]
    fn a_folder_that_others_can_read_is_a_warning() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        for (mode, verdict) in [(0o700, Verdict::Ok), (0o755, Verdict::Warning)] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.path(), permissions).unwrap();
            assert_eq!(secrecy(folder.path()).unwrap().result, verdict);
        }
        assert!(secrecy(&folder.path().join("nothing")).is_none());
    }
}

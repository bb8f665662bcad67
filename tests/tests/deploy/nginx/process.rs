//! An nginx of a test's own, with the shipped configuration.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{PATH, upstream_servers};
use crate::files::{program, read};

/// Generous, because test machines are slow and shared; nothing is measured by it.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Who listens in its place may say nothing.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// Somebody else may take the port before nginx does.
const PORTS_TRIED: usize = 5;
/// The host by whose name an nginx tells its folder: so a test knows that it is its own.
const WHO: &str = "who.test";

/// The program: the one that `DRAGOMAN_TEST_NGINX` names, else the installed one.
pub(super) fn binary() -> PathBuf {
    let given = std::env::var_os("DRAGOMAN_TEST_NGINX").map(PathBuf::from);
    given.or_else(|| program("nginx")).unwrap_or_else(|| {
        panic!(
            "this test needs nginx: install it (Debian: apt-get install --no-install-recommends nginx-light), \
             or name the program in DRAGOMAN_TEST_NGINX"
        )
    })
}

/// Writes the shipped configuration, with these replicas and this address, into a folder, and what goes around it.
pub(super) fn write(folder: &Path, listen: SocketAddr, replicas: [SocketAddr; 2]) -> PathBuf {
    let mut site = read(PATH);
    let mut put = |from: &str, to: &str| {
        assert_eq!(site.matches(from).count(), 1, "{from} stands once");
        site = site.replace(from, to);
    };
    for (shipped, replica) in upstream_servers().iter().zip(replicas) {
        put(&format!("server {shipped} "), &format!("server {replica} "));
    }
    put("listen 8080;", &format!("listen {listen};"));
    let log = folder.join("access.log");
    put("/var/log/nginx/access.log", &log.display().to_string());
    std::fs::write(folder.join("site.conf"), site).expect("the site can be written");
    let place = folder.display();
    // One process, which a kill ends whole.
    let around = format!(
        "daemon off;\nmaster_process off;\npid {place}/nginx.pid;\nerror_log {place}/error.log info;\n\
         events {{}}\nhttp {{\n  client_body_temp_path {place}/body;\n  proxy_temp_path {place}/proxy;\n  \
         fastcgi_temp_path {place}/fastcgi;\n  uwsgi_temp_path {place}/uwsgi;\n  scgi_temp_path {place}/scgi;\n  \
         include {place}/site.conf;\n  server {{ listen {listen}; server_name {WHO}; return 200 {place}; }}\n}}\n"
    );
    let path = folder.join("nginx.conf");
    std::fs::write(&path, around).expect("the configuration can be written");
    path
}

/// The command, not yet started.
pub(super) fn command(folder: &Path, configuration: &Path) -> Command {
    let mut command = Command::new(binary());
    command
        .arg("-p")
        .arg(folder)
        .arg("-c")
        .arg(configuration)
        // From its first line on, it writes nowhere else.
        .arg("-e")
        .arg(folder.join("error.log"))
        .stdin(Stdio::null());
    command
}

/// A running nginx; killed when it is dropped.
pub(super) struct Nginx {
    child: Child,
    pub(super) address: SocketAddr,
    folder: TempDir,
}

impl Nginx {
    /// Starts it in front of two replicas.
    pub(super) fn start(replicas: [SocketAddr; 2]) -> Self {
        for _ in 0..PORTS_TRIED {
            let folder = TempDir::new().expect("a folder");
            let address = free_address();
            let configuration = write(folder.path(), address, replicas);
            let child = command(folder.path(), &configuration)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nginx can be started");
            let mut nginx = Self {
                child,
                address,
                folder,
            };
            if nginx.listens() {
                return nginx;
            }
        }
        panic!("nginx found no free port");
    }

    /// Whether it came up; not where somebody else has its port.
    fn listens(&mut self) -> bool {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                let log = self.log("error.log");
                assert!(log.contains("Address already in use"), "{status}: {log}");
                return false;
            }
            if self.is_there().unwrap_or(false) {
                return true;
            }
            assert!(started.elapsed() < START_LIMIT, "nginx does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it is this nginx that answers at the address.
    fn is_there(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(LOOK_LIMIT))?;
        write!(stream, "GET / HTTP/1.0\r\nhost: {WHO}\r\n\r\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said.contains(&self.folder.path().display().to_string()))
    }

    /// One of its logs.
    pub(super) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is what is wanted.
        let killed = self.child.kill();
        let waited = self.child.wait();
        drop((killed, waited));
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

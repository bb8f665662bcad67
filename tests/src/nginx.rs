//! A real nginx before several gateways, with a configuration of its own, on a port of its own. It is gone when it is
//! dropped.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ports::free_port;

/// Names the program, where it does not lie in one of these.
const PROGRAM: &str = "DRAGOMAN_TEST_NGINX";
const PLACES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin"];
/// How long a start may take. Nothing is measured by it.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Pause between two looks at it.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How many ports are tried.
const PORTS_TRIED: usize = 20;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    home: TempDir,
    port: u16,
    server: Child,
}

impl Nginx {
    /// Starts one that hands requests to these gateways in turn.
    ///
    /// # Panics
    /// If there is no nginx, or it does not start.
    pub fn before(gateways: &[SocketAddr]) -> Self {
        let program = program();
        for _ in 0..PORTS_TRIED {
            match Self::start(&program, gateways, free_port()) {
                Ok(nginx) => return nginx,
                Err(log) if log.contains("Address already in use") => {}
                Err(log) => panic!("nginx does not start:\n{log}"),
            }
        }
        panic!("no free port for nginx");
    }

    fn start(program: &Path, gateways: &[SocketAddr], port: u16) -> Result<Self, String> {
        let home = TempDir::with_prefix("dragoman-nginx-").expect("a temporary folder");
        let text = configuration(home.path(), gateways, port);
        let file = home.path().join("nginx.conf");
        fs::write(&file, text).expect("its configuration can be written");
        let log = home.path().join("error.log");
        let server = Command::new(program)
            .arg("-p")
            .arg(home.path())
            .arg("-c")
            .arg(&file)
            // Before it has read its configuration it writes where the package says.
            .arg("-e")
            .arg(&log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx can be started");
        let mut nginx = Self { home, port, server };
        let began = Instant::now();
        loop {
            let log = fs::read_to_string(&log).unwrap_or_default();
            let ended = nginx.server.try_wait().expect("the child can be asked");
            if ended.is_some() {
                return Err(log);
            }
            if TcpStream::connect(nginx.address()).is_ok() {
                return Ok(nginx);
            }
            assert!(
                began.elapsed() < START_LIMIT,
                "nginx does not come up:\n{log}"
            );
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The base of its URLs, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// What it has noted of requests that it could not serve.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.home.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only where the process has ended already, which is what is wanted.
        let killed = self.server.kill();
        let waited = self.server.wait();
        drop((killed, waited));
    }
}

fn program() -> PathBuf {
    if let Some(named) = std::env::var_os(PROGRAM) {
        return PathBuf::from(named);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(PLACES.map(PathBuf::from));
    let found = folders
        .map(|folder| folder.join("nginx"))
        .find(|one| one.is_file());
    found.unwrap_or_else(|| {
        panic!("nginx is missing: install Debian's package nginx, or name the program in {PROGRAM}")
    })
}

/// One process, so that nothing stays behind when it is killed. What it repeats at another gateway is only what was not
/// sent yet, or what may be sent twice.
fn configuration(home: &Path, gateways: &[SocketAddr], port: u16) -> String {
    let home = home.display();
    let servers: String = gateways
        .iter()
        .map(|one| format!("server {one} max_fails=1 fail_timeout=1s;\n"))
        .collect();
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let user = if is_root { "user root;" } else { "" };
    format!(
        "{user}
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log {home}/error.log warn;
events {{ worker_connections 1024; }}
http {{
access_log off;
client_body_temp_path {home}/body;
proxy_temp_path {home}/proxy;
fastcgi_temp_path {home}/fastcgi;
uwsgi_temp_path {home}/uwsgi;
scgi_temp_path {home}/scgi;
upstream gateways {{
{servers}keepalive 16;
}}
server {{
listen 127.0.0.1:{port} backlog=1024;
client_max_body_size 32m;
location / {{
proxy_pass http://gateways;
proxy_http_version 1.1;
proxy_set_header Connection \"\";
proxy_set_header Host $http_host;
proxy_buffering off;
proxy_connect_timeout 5s;
proxy_read_timeout 180s;
}}
}}
}}
"
    )
}

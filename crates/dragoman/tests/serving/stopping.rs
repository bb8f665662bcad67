//! Signals: a graceful stop, and the second signal.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::process::{Server, folder, wait_until};

#[test]
fn interrupt_stops_cleanly_too() {
    let folder = folder();
    let mut server = Server::start(folder.path());
    server.signal("-INT");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn second_signal_cuts_what_the_first_one_waits_for() {
    let folder = folder();
    let variables = [("DRAGOMAN__TIMEOUTS__SHUTDOWN_SECONDS", "86400")];
    let mut server = Server::start_with(folder.path(), &variables, &["--listen", "127.0.0.1:0"]);
    let key = server.key().unwrap();
    let mut open = TcpStream::connect(server.address).unwrap();
    // Half a body keeps the request in work.
    write!(
        open,
        "POST /v1/conversations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n"
    )
    .unwrap();
    let mut first_byte = [0];
    open.read_exact(&mut first_byte)
        .expect("it asks for the body");
    server.signal("-TERM");
    // The second signal is sent once the first one is known to have arrived.
    wait_until(|| TcpStream::connect(server.address).is_err());
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "it did not wait for the request"
    );
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
}

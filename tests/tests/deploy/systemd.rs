//! The systemd unit: what it starts exists, a stop is waited for, and the process is shut in.

use std::process::Command;

use tests::dragoman::Launch;

use crate::files::{default_of, program, read, seconds};

const PATH: &str = "deploy/dragoman.service";
/// What `systemd-analyze security` may say at most, in tenths: 0 is safe, 100 is open.
const EXPOSURE_MAX: &str = "25";

/// The directives of the unit: section, name, value, in their order.
fn directives() -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in read(PATH).lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .unwrap_or_else(|| panic!("no directive: {line}"));
        found.push((section.clone(), name.to_owned(), value.to_owned()));
    }
    found
}

/// The values of a directive.
fn values(name: &str) -> Vec<String> {
    directives()
        .into_iter()
        .filter(|(_, known, _)| known == name)
        .map(|(_, _, value)| value)
        .collect()
}

/// The value of a directive that stands once.
fn value(name: &str) -> String {
    let mut found = values(name);
    assert_eq!(found.len(), 1, "{name} stands once");
    found.remove(0)
}

#[test]
fn directives_stand_in_their_sections_and_once() {
    let repeated = ["LoadCredential", "SystemCallFilter"];
    let mut seen = std::collections::BTreeSet::new();
    for (section, name, _) in directives() {
        assert!(
            ["Unit", "Service", "Install"].contains(&section.as_str()),
            "{section}"
        );
        let is_new = seen.insert(name.clone());
        assert!(
            is_new || repeated.contains(&name.as_str()),
            "{name} stands twice"
        );
    }
    assert_eq!(value("WantedBy"), "multi-user.target");
}

#[test]
fn what_is_started_is_a_command_of_the_program_with_flags_that_it_has() {
    let start = value("ExecStart");
    let words: Vec<&str> = start.split_whitespace().collect();
    assert_eq!(words[..2], ["/usr/local/bin/dragoman", "serve"]);
    let (status, help) = Launch::new().run(&["serve", "--help"]);
    assert!(status.success(), "{help}");
    for flag in words.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{flag} <")), "{flag}");
    }
    let state = format!("/var/lib/{}", value("StateDirectory"));
    assert_eq!(words.last(), Some(&state.as_str()));
}

#[test]
fn a_stop_is_waited_for_and_a_wrong_configuration_is_not_started_again() {
    let stop = seconds(&value("TimeoutStopSec"));
    assert!(stop >= default_of("timeouts.shutdown_seconds") + 10);
    assert_eq!(value("Restart"), "on-failure");
    // The exit code of a configuration that cannot be used.
    let (status, _) = Launch::new()
        .configuration("[nothing]\n")
        .run(&["config", "check"]);
    let code = status.code().expect("an exit code").to_string();
    assert_eq!(value("RestartPreventExitStatus"), code);
    let files: u64 = value("LimitNOFILE").parse().expect("a number");
    assert!(files >= 2 * default_of("limits.connections_max"));
}

#[test]
fn systemd_is_not_told_to_wait_for_words_that_the_program_does_not_say() {
    assert_eq!(value("Type"), "exec");
    assert!(values("WatchdogSec").is_empty() && values("NotifyAccess").is_empty());
}

#[test]
fn secrets_come_as_credentials_that_may_be_absent() {
    let credentials = values("LoadCredential");
    assert!(credentials.len() >= 2);
    for credential in credentials {
        let (_, source) = credential.split_once(':').expect("a source");
        // By its name it is looked for in /etc/credstore and may be absent; a path must exist.
        assert!(!source.starts_with('/'), "{credential}");
    }
    assert!(
        value("EnvironmentFile").starts_with("-/"),
        "it may be absent"
    );
    let text = read(PATH);
    for (_, name, value) in directives() {
        let is_setting = name == "Environment" || name.starts_with("SetCredential");
        assert!(!is_setting, "{name}={value}: a unit is readable for all");
    }
    assert!(text.contains("/run/credentials/dragoman.service/"));
}

#[test]
fn the_process_is_shut_in() {
    for name in [
        "NoNewPrivileges",
        "ProtectHome",
        "ProtectClock",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "ProtectControlGroups",
        "PrivateTmp",
        "PrivateDevices",
        "PrivateUsers",
        "PrivateIPC",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "DynamicUser",
        "RemoveIPC",
    ] {
        assert_eq!(value(name), "yes", "{name}");
    }
    for (name, wanted) in [
        ("ProtectSystem", "strict"),
        ("ProtectProc", "invisible"),
        ("ProcSubset", "pid"),
        ("DevicePolicy", "closed"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("SystemCallArchitectures", "native"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("UMask", "0077"),
        ("LimitCORE", "0"),
        ("StateDirectoryMode", "0700"),
    ] {
        assert_eq!(value(name), wanted, "{name}");
    }
    assert_eq!(
        values("SystemCallFilter"),
        ["@system-service", "~@privileged @resources"]
    );
}

/// What systemd itself says, where its tool is installed.
#[test]
fn systemd_reads_the_unit_and_finds_it_safe() {
    let Some(analyze) = program("systemd-analyze") else {
        println!("systemd-analyze is not installed: only our own checks were made");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    // It wants the programs to be there.
    let unit = read(PATH).replace("ExecStart=/usr/local/bin/dragoman", "ExecStart=/bin/true");
    let path = folder.path().join("dragoman.service");
    std::fs::write(&path, unit).expect("the unit can be written");
    let analyze = |arguments: &[&str]| {
        let output = Command::new(&analyze)
            .args(arguments)
            .arg(&path)
            .output()
            .expect("systemd-analyze can be started");
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said)
    };
    let (reads, said) = analyze(&["verify", "--man=no"]);
    // It warns of what it does not know, and takes it for no failure.
    let warnings: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("dragoman.service"))
        .collect();
    assert!(reads && warnings.is_empty(), "{said}");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let (is_safe, said) = analyze(&["security", "--offline=true", "--no-pager", &threshold]);
    let verdict = said.lines().last().unwrap_or_default();
    assert!(is_safe, "{verdict}");
}

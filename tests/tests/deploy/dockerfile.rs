//! The Dockerfile: pinned bases, stages, sources that exist, and the user under which the program runs.

use crate::files::{read, root, version};

const PATH: &str = "deploy/Dockerfile";

/// One instruction, continuation lines joined, comments left out.
#[derive(Debug)]
pub(crate) struct Instruction {
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Instruction {
    /// The words behind the flags.
    fn words(&self) -> Vec<&str> {
        let words = self.arguments.split_whitespace();
        words.filter(|word| !word.starts_with("--")).collect()
    }

    /// The value of a flag.
    fn flag(&self, name: &str) -> Option<&str> {
        let start = format!("--{name}=");
        let mut words = self.arguments.split_whitespace();
        words.find_map(|word| word.strip_prefix(&start))
    }
}

fn parse(text: &str) -> Vec<Instruction> {
    let mut instructions = Vec::new();
    let mut open = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(part) => open.push_str(part),
            None => {
                open.push_str(line);
                let whole = std::mem::take(&mut open);
                let (name, arguments) = whole
                    .split_once(' ')
                    .unwrap_or_else(|| panic!("an instruction without arguments: {whole}"));
                instructions.push(Instruction {
                    name: name.to_owned(),
                    arguments: arguments.trim().to_owned(),
                });
            }
        }
    }
    assert!(open.is_empty(), "the last line is continued: {open}");
    instructions
}

/// The instructions of each stage, its FROM first.
fn stages() -> Vec<Vec<Instruction>> {
    let mut stages: Vec<Vec<Instruction>> = Vec::new();
    for instruction in parse(&read(PATH)) {
        if instruction.name == "FROM" {
            stages.push(Vec::new());
        }
        match stages.last_mut() {
            Some(stage) => stage.push(instruction),
            None => panic!("{} stands before the first FROM", instruction.name),
        }
    }
    stages
}

/// The last stage: what the image is made of.
fn image() -> Vec<Instruction> {
    stages().pop().expect("there is a stage")
}

/// The only instruction of this name in the image.
fn only(name: &str) -> Instruction {
    let mut found: Vec<Instruction> = image()
        .into_iter()
        .filter(|instruction| instruction.name == name)
        .collect();
    assert_eq!(found.len(), 1, "{PATH}: one {name}");
    found.remove(0)
}

/// What the image sets in the environment.
pub(crate) fn environment() -> Vec<(String, String)> {
    let set = only("ENV");
    set.words()
        .into_iter()
        .map(|word| word.split_once('=').expect("NAME=VALUE"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The numeric user and group under which the program runs.
pub(crate) fn user() -> (u64, u64) {
    let user = only("USER").arguments;
    let (user, group) = user.split_once(':').expect("a user and a group");
    (
        user.parse()
            .expect("a number: Kubernetes cannot tell root by a name"),
        group.parse().expect("a number"),
    )
}

#[test]
fn instructions_are_read_with_their_continuations() {
    let text = "# c\nFROM a AS b\nRUN --mount=x one \\\n    # c\n    && two\n";
    let read = parse(text);
    assert_eq!(read.len(), 2);
    assert_eq!(read[1].words(), ["one", "&&", "two"]);
    assert_eq!(read[1].flag("mount"), Some("x"));
}

#[test]
fn every_instruction_is_one_that_docker_knows() {
    let known = [
        "FROM",
        "ARG",
        "LABEL",
        "COPY",
        "RUN",
        "WORKDIR",
        "ENV",
        "USER",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    ];
    for instruction in parse(&read(PATH)) {
        let name = instruction.name.as_str();
        assert!(known.contains(&name), "{name}");
        // The form without a shell, which the image does not have.
        let runs = matches!(name, "ENTRYPOINT" | "CMD" | "VOLUME");
        if runs {
            let words: Vec<String> = serde_json::from_str(&instruction.arguments)
                .unwrap_or_else(|error| panic!("{name} is no list of words: {error}"));
            assert!(!words.is_empty(), "{name}");
        }
    }
}

#[test]
fn bases_are_pinned_and_the_program_is_built_in_a_stage_of_its_own() {
    let stages = stages();
    assert_eq!(stages.len(), 2, "one stage builds, the other is the image");
    for stage in &stages {
        let base = stage[0].words()[0];
        let (name, digest) = base
            .split_once("@sha256:")
            .unwrap_or_else(|| panic!("{base} has no digest"));
        let is_hexadecimal = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(digest.len() == 64 && is_hexadecimal, "{base}");
        let (_, tag) = name.rsplit_once(':').expect("a tag that says what it is");
        assert_ne!(tag, "latest");
    }
    let built: Vec<&Instruction> = stages[1]
        .iter()
        .filter(|instruction| instruction.flag("from").is_some())
        .collect();
    let builder = stages[0][0].words();
    assert_eq!(builder[1], "AS");
    for copy in built {
        assert_eq!(copy.flag("from"), Some(builder[2]));
    }
    let has_shell = |name: &str| stages[1].iter().any(|one| one.name == name);
    assert!(!has_shell("RUN"), "the base has no shell");
}

#[test]
fn the_compiler_of_the_image_is_new_enough_and_builds_what_is_locked() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml");
    let wanted = manifest["workspace"]["package"]["rust-version"]
        .as_str()
        .expect("a version");
    let number = |version: &str| -> Vec<u32> {
        version
            .split('.')
            .map(|part| part.parse().expect("a number"))
            .collect()
    };
    let builder = &stages()[0];
    let base = builder[0].words()[0];
    let tag = base.split([':', '@']).nth(1).expect("a tag");
    let version = tag.split('-').next().expect("a version");
    assert!(
        number(version) >= number(wanted),
        "{version} builds {wanted}?"
    );
    let run = builder
        .iter()
        .find(|instruction| instruction.name == "RUN")
        .expect("a RUN");
    for word in ["--release", "--locked"] {
        assert!(run.arguments.contains(word), "{word}");
    }
}

/// Whether `.dockerignore` lets a path at the top through: it names what is let through.
fn is_sent(path: &str) -> bool {
    let ignored = read(".dockerignore");
    let mut rules = ignored
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(rules.next(), Some("*"), "everything is left out first");
    rules.any(|rule| rule.strip_prefix('!') == Some(path))
}

#[test]
fn what_is_copied_exists_and_nothing_else_is_sent() {
    let mut copied = Vec::new();
    for instruction in stages().iter().flatten() {
        let from_here = instruction.name == "COPY" && instruction.flag("from").is_none();
        if !from_here {
            continue;
        }
        let words = instruction.words();
        let (_target, sources) = words.split_last().expect("a target");
        for source in sources {
            assert!(root().join(source).exists(), "{source} is not there");
            assert!(is_sent(source), ".dockerignore leaves {source} out");
            copied.push((*source).to_owned());
        }
    }
    let ignored = read(".dockerignore");
    for sent in ignored.lines().filter_map(|line| line.strip_prefix('!')) {
        assert!(
            copied.iter().any(|path| path == sent),
            "{sent} is sent for nothing"
        );
    }
    // Cargo refuses a crate of which a part is missing that its manifest names, be it a test.
    let left_out: Vec<&str> = ignored.lines().filter(|line| line.contains('/')).collect();
    assert_eq!(left_out, ["**/target", "**/node_modules"]);
    for secret in ["config", "deploy", "dragoman-data", ".git"] {
        assert!(!is_sent(secret), "{secret}");
    }
}

#[test]
fn every_member_of_the_workspace_is_in_the_context() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml");
    let members = manifest["workspace"]["members"].as_array().expect("a list");
    for member in members {
        let member = member.as_str().expect("a path");
        let top = member.split('/').next().expect("a folder");
        assert!(is_sent(top), "cargo needs {member}");
    }
}

#[test]
fn the_image_runs_as_nobody_and_says_whether_it_is_well() {
    let (user, group) = user();
    assert!(user >= 10_000 && group >= 10_000, "no user of the host");
    let check = only("HEALTHCHECK");
    let (_, command) = check.arguments.split_once(" CMD ").expect("a command");
    let command: Vec<String> = serde_json::from_str(command.trim()).expect("no shell");
    assert_eq!(command, ["/usr/local/bin/dragoman", "healthcheck"]);
    assert_eq!(
        only("ENTRYPOINT").arguments,
        "[\"/usr/local/bin/dragoman\"]"
    );
    assert_eq!(only("CMD").arguments, "[\"serve\"]");
    let labels = only("LABEL").arguments;
    for label in ["title", "description", "licenses", "version"] {
        let label = format!("org.opencontainers.image.{label}=");
        assert!(labels.contains(&label), "{label}");
    }
    let argument = image()
        .into_iter()
        .find(|one| one.name == "ARG" && one.arguments.starts_with("VERSION="))
        .expect("a version");
    assert_eq!(argument.arguments, format!("VERSION={}", version()));
}

#[test]
fn the_data_directory_is_a_volume_of_the_user_and_the_port_is_the_one_listened_on() {
    let environment = environment();
    let value = |name: &str| {
        let mut values = environment.iter().filter(|(known, _)| known == name);
        values.next().map(|(_, value)| value.as_str())
    };
    let data = value("DRAGOMAN__STORE__DATA_DIR").expect("a data directory");
    assert_eq!(only("VOLUME").arguments, format!("[\"{data}\"]"));
    let (user, group) = user();
    let is_owned = image().iter().any(|one| {
        one.flag("chown") == Some(format!("{user}:{group}").as_str())
            && one.words().last() == Some(&data)
    });
    assert!(is_owned, "{data} belongs to the user");
    let listen = value("DRAGOMAN__SERVER__LISTEN").expect("an address");
    let port = only("EXPOSE").arguments;
    assert_eq!(listen, format!("0.0.0.0:{port}"));
}

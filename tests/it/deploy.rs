//! What is shipped for systemd and for containers fits the binary and gives it no more than it needs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use accrual_tests::binary;

const UNIT: &str = "deploy/accrual.service";
const CONTAINER: &str = "deploy/Containerfile";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The settings of a unit file, in order: section, name, value.
fn settings(unit: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut settings = Vec::new();
    for line in unit.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line:?} is no setting"));
        settings.push((section.clone(), name.to_owned(), value.to_owned()));
    }
    settings
}

/// That the binary takes these arguments: each command and each option is in its own help.
async fn assert_taken(arguments: &[&str]) {
    let option = arguments.iter().position(|word| word.starts_with('-')).unwrap_or(arguments.len());
    let (commands, options) = arguments.split_at(option);
    let help = binary::run(&[&commands[..1], &["--help"]].concat()).await;
    assert_eq!(help.code, 0, "there is no command {commands:?}: {}", help.stderr);
    for command in &commands[1..] {
        assert!(help.stdout.contains(command), "{commands:?} is nothing that accrual takes");
    }
    for name in options.iter().filter(|word| word.starts_with("--")) {
        assert!(help.stdout.contains(&format!("{name} ")), "{commands:?} takes no {name}");
    }
}

/// That `ACCRUAL__SECTION__KEY` names a key of the configuration that the example shows.
fn assert_is_key(variable: &str) {
    let parts: Vec<String> =
        variable.strip_prefix("ACCRUAL__").unwrap().split("__").map(str::to_lowercase).collect();
    let example = read("config/accrual.example.toml");
    let section =
        example.split(&format!("\n[{}]\n", parts[0])).nth(1).unwrap_or_else(|| panic!("{variable}"));
    let section = section.split("\n[").next().unwrap();
    let is_there = section
        .lines()
        .any(|line| line.trim_start_matches("# ").split_once(" = ").is_some_and(|(key, _)| key == parts[1]));
    assert!(is_there, "{variable} is no key of the configuration");
}

#[tokio::test]
async fn the_unit_starts_what_there_is() {
    let settings = settings(&read(UNIT));
    let of = |wanted: &'static str| {
        settings.iter().filter(move |(_, name, _)| name == wanted).map(|(_, _, value)| value.as_str())
    };
    for command in of("ExecStart").chain(of("ExecStartPre")) {
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[0], "/usr/bin/accrual", "{command}");
        assert_taken(&words[1..]).await;
    }
    assert_eq!(of("ExecStart").count(), 1);
    for variable in of("Environment") {
        assert_is_key(variable.split_once('=').unwrap().0);
    }
    let credential = of("LoadCredential").next().unwrap().split_once(':').unwrap().0;
    assert!(of("Environment").any(|value| value.ends_with(&format!("PEPPER_FILE=%d/{credential}"))));
    let state = of("StateDirectory").next().unwrap();
    assert!(of("Environment").any(|value| value.contains(&format!("sqlite:///var/lib/{state}/"))));
    let seconds: u64 = of("TimeoutStopSec").next().unwrap().parse().unwrap();
    assert!(seconds > 5, "it may take five seconds to stop");
    assert!(settings.iter().all(|(section, ..)| ["Unit", "Service", "Install"].contains(&section.as_str())));
}

#[test]
fn the_unit_gives_no_more_than_is_needed() {
    let settings = settings(&read(UNIT));
    let held: BTreeSet<(&str, &str)> =
        settings.iter().map(|(_, name, value)| (name.as_str(), value.as_str())).collect();
    let wanted = [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("ProtectControlGroups", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RestrictNamespaces", "yes"),
        ("SystemCallFilter", "@system-service"),
        ("UMask", "0077"),
    ];
    for setting in wanted {
        assert!(held.contains(&setting), "{UNIT} lacks {}={}", setting.0, setting.1);
    }
    let writable = settings.iter().filter(|(_, name, _)| name.starts_with("ReadWrite")).count();
    assert_eq!(writable, 0, "it writes to its StateDirectory alone");
}

/// The instructions of a container file, lines that go on joined: the word and the rest.
fn instructions(text: &str) -> Vec<(String, String)> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(word, rest)| (word.to_owned(), rest.to_owned()))
        .collect()
}

#[tokio::test]
async fn the_container_builds_from_what_there_is_and_starts_unprivileged() {
    let instructions = instructions(&read(CONTAINER));
    let mut copied = BTreeSet::new();
    for (_, rest) in instructions.iter().filter(|(word, rest)| word == "COPY" && !rest.starts_with("--from"))
    {
        let words: Vec<&str> = rest.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(root().join(source).exists(), "{CONTAINER} copies {source}, which is not there");
            copied.insert((*source).to_owned());
        }
    }
    for member in ["crates", "tests", "xtask", "migrations", ".cargo", "Cargo.lock"] {
        assert!(copied.contains(member), "the workspace cannot be built without {member}");
    }
    for included in included() {
        let top = included.split('/').next().unwrap();
        assert!(copied.contains(top), "{included} is compiled in and {CONTAINER} does not copy it");
    }
    let last = instructions.iter().rposition(|(word, _)| word == "FROM").unwrap();
    let of = |wanted: &str| {
        instructions[last..].iter().find(|(word, _)| word == wanted).map(|(_, rest)| rest.as_str())
    };
    let user = of("USER").expect("a user");
    let id: u32 = user.split(':').next().unwrap().parse().expect("a number, which needs no table of users");
    assert!(id >= 1_000, "{user}");
    let list = |text: &str| -> Vec<String> { serde_json::from_str(text).unwrap() };
    assert_eq!(list(of("ENTRYPOINT").unwrap()), ["/usr/bin/accrual"]);
    let arguments = list(of("CMD").unwrap());
    assert_taken(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (_, variable) in instructions[last..].iter().filter(|(word, _)| word == "ENV") {
        assert_is_key(variable.split_once('=').unwrap().0);
    }
    let text = read(CONTAINER);
    for flag in ["--read-only", "--cap-drop ALL", "--security-opt no-new-privileges"] {
        assert!(text.contains(flag), "it is shown how to start it with {flag}");
    }
}

/// Files from outside the crates that are compiled in.
fn included() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&entry).unwrap();
                let paths = text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next());
                let outside =
                    paths.filter(|path| path.starts_with("../../../")).map(|path| path.replace("../", ""));
                // A path that ends in a test's own fixtures leads nowhere from the top.
                found.extend(outside.filter(|path| root().join(path).exists()));
            }
        }
    }
    assert!(found.contains("GLOSSARY.md"), "{found:?}");
    found
}

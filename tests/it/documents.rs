//! What is written for people is true of the code: the example configuration, the commands, the files that are named.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use accrual_tests::binary;
use serde_json::Value;

const DOCUMENTS: [&str; 10] = [
    "README.md",
    "ARCHITECTURE.md",
    "GLOSSARY.md",
    "CHANGELOG.md",
    "docs/secret-managers.md",
    "docs/mcp.md",
    "docs/backups.md",
    "docs/reliability.md",
    "docs/scaling.md",
    "docs/security.md",
];
const EXAMPLE: &str = "config/accrual.example.toml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The keys that the configuration's types have, from their declarations.
fn known_keys() -> BTreeSet<String> {
    let text = read("crates/accrual/src/config/file.rs");
    let field = |line: &str| {
        let name = line.trim().strip_prefix("pub(crate) ")?.split_once(": ")?.0;
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            .then(|| name.to_owned())
    };
    let renamed =
        |line: &str| Some(line.trim().strip_prefix("#[serde(rename = \"")?.split('"').next()?.to_owned());
    text.lines().filter_map(|line| field(line).or_else(|| renamed(line))).collect()
}

/// The keys that the example sets or shows behind a `#`: of tables, of assignments and of inline tables.
fn example_keys() -> BTreeSet<String> {
    let text = read(EXAMPLE);
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if line.starts_with('[') {
            keys.extend(line.trim_matches(['[', ']']).split('.').map(str::to_owned));
        } else if let Some((key, value)) = line.split_once(" = ").filter(|(key, _)| is_key(key)) {
            keys.insert(key.to_owned());
            let inline = value.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
            let pairs = inline.into_iter().flat_map(|inner| inner.split(','));
            keys.extend(pairs.filter_map(|pair| Some(pair.split_once('=')?.0.trim().to_owned())));
        }
    }
    keys
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[test]
fn the_example_has_every_key_and_no_other() {
    let (known, shown) = (known_keys(), example_keys());
    assert!(known.len() > 40, "the declarations were found: {known:?}");
    let missing: Vec<_> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "{EXAMPLE} does not mention {missing:?}");
    let unknown: Vec<_> = shown.difference(&known).collect();
    assert!(unknown.is_empty(), "{EXAMPLE} has keys that accrual does not know: {unknown:?}");
}

#[tokio::test]
async fn the_example_is_a_good_configuration() {
    let example = root().join(EXAMPLE);
    let ended = binary::run(&["check", "config", "--config", binary::text(&example)]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
    assert_eq!(ended.stdout.trim(), "config: 1 pools, 1 campaigns, chain 8453");
}

#[tokio::test]
async fn the_tmai_configuration_is_a_good_one() {
    let tmai = root().join("config/tmai-2025-06.toml");
    let ended = binary::run(&["check", "config", "--config", binary::text(&tmai)]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
    assert_eq!(ended.stdout.trim(), "config: 1 pools, 1 campaigns, chain 8453");
}

/// The words after `prefix` in what the documents show as code.
fn commands(document: &str, prefix: &str) -> BTreeSet<String> {
    let word =
        |rest: &str| rest.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).next().map(str::to_owned);
    let shown = document.match_indices(prefix).filter(|(at, _)| {
        let before = document[..*at].chars().next_back();
        before.is_none_or(|c| c == '`' || c == '\n' || c == ' ' || c == '/')
    });
    let words = shown.filter_map(|(at, _)| word(&document[at + prefix.len()..]));
    words.filter(|word| !word.is_empty() && !word.starts_with('-')).collect()
}

/// The parts of a document between back ticks and between fences.
fn code(document: &str) -> String {
    document.split('`').skip(1).step_by(2).collect::<Vec<_>>().join("\n`")
}

#[tokio::test]
async fn the_commands_that_are_told_of_exist() {
    let help = binary::run(&["--help"]).await.stdout;
    let tasks = read("xtask/src/main.rs");
    for document in DOCUMENTS {
        let code = code(&read(document));
        for command in commands(&code, "accrual ") {
            assert!(help.contains(&format!("\n  {command} ")), "{document}: there is no `accrual {command}`");
        }
        for task in commands(&code, "cargo xtask ") {
            assert!(
                tasks.contains(&format!("\"{task}\" =>")),
                "{document}: there is no `cargo xtask {task}`"
            );
        }
    }
    let readme = code(&read("README.md"));
    assert!(commands(&readme, "cargo xtask ").is_superset(&["demo".to_owned(), "test".to_owned()].into()));
    assert!(commands(&readme, "accrual ").len() > 5);
}

/// The blocks of a document that are fenced as `language`.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    document.split(&opening).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// A setting that does not parse is a setting that an assistant refuses without a word.
#[test]
fn what_is_to_be_pasted_into_assistants_is_json_and_names_what_there_is() {
    let document = read("docs/mcp.md");
    let (mut urls, mut commands) = (0, 0);
    for block in blocks(&document, "json") {
        let setting: serde_json::Value =
            serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"));
        let servers =
            setting.get("mcpServers").or(setting.get("servers")).and_then(|servers| servers.get("accrual"));
        let Some(server) = servers else {
            // Arguments alone, for a form.
            assert_eq!(setting[0], "mcp", "{block}");
            continue;
        };
        let url = server.get("url").or(server.get("serverUrl"));
        if let Some(url) = url {
            assert_eq!(url, "https://api.example.org/mcp", "{block}");
            let key = server["headers"]["X-API-Key"].as_str().unwrap();
            assert!(key.starts_with("${") && key.ends_with('}'), "no key stands in a setting: {block}");
            urls += 1;
        } else {
            assert_eq!(
                (&server["command"], &server["args"][0]),
                (&"accrual".into(), &"mcp".into()),
                "{block}"
            );
            commands += 1;
        }
    }
    assert!(urls >= 4 && commands >= 2, "{urls} {commands}");
    let clients = [
        "Claude Desktop",
        "Claude Code",
        "Cursor",
        "Windsurf",
        "VS Code",
        "Raycast",
        "Cline",
        "Tome",
        "OpenAI Agents SDK",
    ];
    let headings = anchors(&document);
    for client in clients {
        let anchor = client.to_lowercase().replace(' ', "-");
        assert!(headings.contains(&anchor), "docs/mcp.md has no set-up for {client}");
    }
    let python = blocks(&document, "python").concat();
    let parsed =
        Command::new("python3").args(["-c", "import ast, sys; ast.parse(sys.argv[1])", &python]).output();
    let parsed = parsed.expect("python3 is there for the example clients");
    assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
    for tool in rust_names("crates/api/src/mcp/tools/mod.rs") {
        assert!(document.contains(&format!("| `{tool}` |")), "docs/mcp.md does not tell of {tool}");
    }
}

/// The names of the tools, from the code.
fn rust_names(path: &str) -> Vec<String> {
    let text = read(path);
    let endpoints = text.split("\"MCP ").skip(1).filter_map(|rest| rest.split('"').next());
    let names: Vec<String> = endpoints.map(str::to_owned).collect();
    assert_eq!(names.len(), 10, "{names:?}");
    names
}

/// Each row of a table of docs/security.md that says what is held names the tests that hold it.
#[test]
fn each_line_of_defence_names_the_test_that_holds_it() {
    let document = read("docs/security.md");
    let (mut rows, mut risks) = (0, 0);
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let is_held = !paths(line).is_empty();
        risks += usize::from(line.starts_with("| API") && is_held);
        rows += usize::from(is_held);
    }
    assert_eq!(risks, 10, "every one of the ten has its test");
    assert!(rows >= 20, "{rows} rows name a test");
    let limits = document.split("## Limits").nth(1).unwrap().split("\n## ").next().unwrap();
    let bare = limits.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    for row in bare.take_while(|line| line.starts_with("| ")) {
        assert!(!paths(row).is_empty(), "no test is named in: {row}");
    }
    for test in paths(&document) {
        assert_is_test(test);
    }
}

/// That `path::function` is a test, or that `path` holds some.
fn assert_is_test(test: &str) {
    let (path, function) = test.split_once("::").unwrap_or((test, ""));
    let named = if function.is_empty() { "#[test]".to_owned() } else { format!("fn {function}(") };
    assert!(read(path).contains(&named), "{path} has no {named}");
}

/// The back-ticked paths of one paragraph.
fn paths(paragraph: &str) -> Vec<&str> {
    paragraph
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.ends_with(".rs") || word.contains(".rs::"))
        .collect()
}

#[test]
fn each_invariant_names_the_test_that_keeps_it() {
    let document = read("ARCHITECTURE.md");
    let invariants: Vec<&str> = document
        .split("\n\n")
        .filter(|paragraph| paragraph.contains("**Architecture Invariant.**"))
        .collect();
    assert!(invariants.len() >= 10, "{}", invariants.len());
    for invariant in invariants {
        let tests = paths(invariant);
        assert!(!tests.is_empty(), "no test is named in: {invariant}");
        tests.into_iter().for_each(assert_is_test);
    }
}

/// The last word of each row's command is the test that holds it, and it is there.
#[test]
fn each_fault_names_the_test_that_shows_its_promise() {
    let document = read("docs/reliability.md");
    let rows: Vec<&str> =
        document.lines().filter(|line| line.starts_with("| ") && line.contains("`cargo ")).collect();
    assert!(rows.len() > 15, "{}", rows.len());
    let listed = Command::new("git").args(["grep", "-h", "fn "]).current_dir(root()).output().unwrap();
    let functions = String::from_utf8(listed.stdout).unwrap();
    for row in rows {
        let command = row.split('`').find(|part| part.starts_with("cargo ")).unwrap();
        let test = command.split([' ', ':', '/', '(', ')', '\'']).rfind(|word| !word.is_empty()).unwrap();
        assert!(functions.contains(&format!("fn {test}(")), "{test} is no test: {row}");
    }
}

#[test]
fn links_and_paths_lead_somewhere() {
    for document in DOCUMENTS {
        let text = read(document);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { document } else { path };
            assert!(root().join(target).exists(), "{document} links to {target}, which is not there");
            assert!(
                heading.is_empty() || anchors(&read(target)).contains(heading),
                "{document}: no heading {link}"
            );
        }
        for path in code(&text).split(['\n', '`']).filter(|word| is_path(word)) {
            assert!(root().join(path).exists(), "{document} names {path}, which is not there");
        }
    }
}

/// A single word that begins as the folders of this workspace do, without a pattern in it.
fn is_path(word: &str) -> bool {
    let folders = ["crates/", "tests/", "xtask/", "config/", "migrations/", ".ci/"];
    folders.iter().any(|folder| word.starts_with(folder)) && !word.contains([' ', '*', '{', ':'])
}

/// The headings of a document, as links name them.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        kept.chars()
            .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-')
            .collect::<String>()
            .replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// Registries are used by name only, so that a mirror can stand in for them. The hosts are put together here, since
/// this file is looked through as well.
#[test]
fn no_file_names_a_package_registry() {
    let dot = '.';
    let hosts = [
        format!("crates{dot}io"),
        format!("registry{dot}npmjs"),
        format!("npmjs{dot}org"),
        format!("registry{dot}yarnpkg"),
        format!("pypi{dot}org"),
        format!("pythonhosted{dot}org"),
        format!("debian{dot}org"),
    ];
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let listed = listed.expect("git is there, as cargo's users have it");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).unwrap();
    let mut looked = 0;
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        // A file that was deleted and not yet committed, or is no text.
        let Ok(text) = std::fs::read_to_string(root().join(name)) else { continue };
        // Cargo writes the index's own name into its lock; no mirror setting changes it.
        if name == "Cargo.lock" {
            continue;
        }
        looked += 1;
        for host in &hosts {
            assert!(!text.contains(host.as_str()), "{name} names {host}");
        }
    }
    assert!(looked > 100, "{looked} files were looked through");
}

/// Whatever may be done to a key over HTTP can be done on the command line.
#[tokio::test]
async fn each_step_of_a_keys_life_has_a_call_and_a_command() {
    let help = binary::run(&["keys", "--help"]).await.stdout;
    let document: Value = serde_json::from_str(&binary::run(&["openapi"]).await.stdout).unwrap();
    let steps = document["components"]["schemas"]["Step"]["enum"].as_array().unwrap();
    let mut commands: BTreeSet<String> =
        steps.iter().map(|step| step.as_str().unwrap().replace('_', "-")).collect();
    let paths = document["paths"].as_object().unwrap().keys();
    let paths = paths.filter(|path| path.starts_with("/v1/keys/{id}") || path.starts_with("/v1/clients/"));
    for path in paths {
        commands.extend(match path.rsplit('/').next().unwrap() {
            "{id}" => vec!["show".to_owned(), "edit".to_owned()],
            "{step}" => Vec::new(),
            "rotation" => vec!["rotate".to_owned()],
            "emergency_rotation" => vec!["emergency".to_owned()],
            other => vec![other.to_owned()],
        });
    }
    assert!(commands.len() > 12, "{commands:?}");
    for command in commands {
        assert!(help.contains(&format!("\n  {command} ")), "there is no `accrual keys {command}`:\n{help}");
    }
}

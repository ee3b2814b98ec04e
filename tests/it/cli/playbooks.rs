//! What the documents tell operators to type does what they say: every block of shell in `docs/keys.md` and
//! `docs/runbooks/key-leak.md`, in order, against a real server.

use std::path::Path;

use accrual_recording::NodeOptions;
use accrual_tests::binary::{self, command, ended};
use accrual_tests::played::play;
use tokio::process::Command;

/// The shell of a document, block after block.
fn blocks(document: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    let text = std::fs::read_to_string(path).unwrap();
    let parts = text.split("```sh\n").skip(1).map(|part| part.split("```").next().unwrap_or_default());
    parts.collect::<Vec<_>>().join("\n")
}

/// Runs `script` as its reader would, in one shell that stops at the first failure.
async fn follow(script: &str, folder: &Path, config: &Path, url: &str, more: &[(&str, &str)]) -> String {
    let programs = binary::path().parent().unwrap().to_owned();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&paths))).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-eu", "-c", script]).env("PATH", paths).env("ACCRUAL_CONFIG", config).env("URL", url);
    shell.env("FOLDER", folder).env("PEPPER_FILE", folder.join("../pepper")).env_remove("ACCRUAL_PEPPER");
    shell.envs(more.iter().copied()).kill_on_drop(true);
    let done = ended(shell).await;
    assert_eq!(done.code, 0, "{}\n{}", done.stdout, done.stderr);
    format!("{}{}", done.stdout, done.stderr)
}

async fn serve(config: &Path) -> (binary::Running, String) {
    let mut api = binary::start(command(&["serve", "--config", binary::text(config)]));
    let line = api.line_with("API and page: ").await;
    let url = line.split_once("page: ").unwrap().1.trim().trim_end_matches('/').to_owned();
    (api, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_block_can_be_typed() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let config = super::indexed(folder.path(), &played).await;
    let pepper = folder.path().join("pepper");
    std::fs::write(&pepper, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n").unwrap();
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("[index]", &format!("[keys]\npepper_file = \"{}\"\n[index]", pepper.display()));
    std::fs::write(&config, text).unwrap();
    let files = folder.path().join("keys");
    std::fs::create_dir(&files).unwrap();

    let (api, url) = serve(&config).await;
    follow(&blocks("docs/keys.md"), &files, &config, &url, &[]).await;
    let stopped = api.terminate().await;
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
    let lines = std::fs::read_to_string(&pepper).unwrap();
    assert!(
        lines.starts_with("2:") && lines.contains("\n1:0123"),
        "the pepper was replaced, the old one is kept"
    );

    // As the playbook says: with the new pepper every server is started again. Old keys work on.
    let (api, url) = serve(&config).await;
    let old = "sed 's/^/x-api-key: /' \"$FOLDER/dashboard.key\" | curl --fail --silent --header @- \"$URL/v1/keys/self\"";
    assert!(follow(old, &files, &config, &url, &[]).await.contains("\"pepper_version\":1"));
    let made = follow("accrual keys create --client leaky", &files, &config, &url, &[]).await;
    let start = made.find("acr_live_").unwrap();
    let id = made[start + 9..start + 21].to_owned();
    let more = [("LEAKED_ID", id.as_str()), ("CLIENT", "leaky")];
    let said = follow(&blocks("docs/runbooks/key-leak.md"), &files, &config, &url, &more).await;
    assert!(said.contains("unbroken"), "{said}");

    let stopped = api.terminate().await;
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
    let key = std::fs::read_to_string(files.join("dashboard.key")).unwrap();
    assert!(!stopped.stderr.contains(&key[22..65]), "no secret in the log");
}

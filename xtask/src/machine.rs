//! What the machine must have beside Rust. What may be installed by package name is, and it is said; what may not be is
//! asked for, with the exact words to type.

use crate::shell::{Failed, output, run};

/// SQLite is compiled from C, and Keccak's assembly is written by a script.
pub(crate) fn need_c_compiler_and_perl() -> Result<(), Failed> {
    if output("cc", ["--version"]).is_none() {
        install(&["gcc", "libc6-dev"], "a C compiler, for SQLite")?;
    }
    if output("perl", ["--version"]).is_none() {
        install(&["perl"], "Perl, for the assembly of Keccak")?;
    }
    Ok(())
}

/// The page is built with npm packages; the real EVM node and Uniswap's contracts come as such too.
pub(crate) fn need_node() -> Result<(), Failed> {
    const MAJOR_MIN: u32 = 18;
    let major = |version: String| version.trim_start_matches('v').split('.').next()?.parse::<u32>().ok();
    if output("node", ["--version"]).and_then(major).is_some_and(|major| major >= MAJOR_MIN)
        && output("npm", ["--version"]).is_some()
    {
        return Ok(());
    }
    install(&["nodejs", "npm"], "Node.js and npm, for the page, the EVM node and Uniswap's contracts")
}

/// The documents' commands and the example clients are run as their readers would run them.
pub(crate) fn need_curl_and_python() -> Result<(), Failed> {
    for (program, package) in [("curl", "curl"), ("python3", "python3")] {
        if output(program, ["--version"]).is_none() {
            install(&[package], &format!("{program}, for the playbooks and the example clients"))?;
        }
    }
    // Debian keeps what makes a folder of Python packages apart from Python.
    if output("python3", ["-c", "import ensurepip, venv"]).is_none() {
        install(
            &["python3-venv"],
            "Python's venv, for schemathesis, which tries the API against its document",
        )?;
    }
    Ok(())
}

/// The reference's snippets in Go are run as its readers would run them.
pub(crate) fn need_go() -> Result<(), Failed> {
    if output("go", ["version"]).is_some() {
        return Ok(());
    }
    install(&["golang-go"], "Go, for the snippets in Go")
}

/// The page is read in a real browser.
pub(crate) fn need_chromium() -> Result<(), Failed> {
    if output("/usr/bin/chromium", ["--version"]).is_some() {
        return Ok(());
    }
    install(&["chromium"], "Chromium, for the tests of the page")
}

/// The live view is looked at in a real terminal.
pub(crate) fn need_tmux() -> Result<(), Failed> {
    if output("tmux", ["-V"]).is_some() {
        return Ok(());
    }
    install(&["tmux"], "tmux, for the tests of accrual top")
}

/// Instructions are counted in a simulated processor.
pub(crate) fn need_valgrind() -> Result<(), Failed> {
    if output("valgrind", ["--version"]).is_some() {
        return Ok(());
    }
    install(&["valgrind"], "valgrind, to count the instructions of the engine, the decoder and the key check")
}

/// PostgreSQL 15's server programs; answers the folder that they lie in.
pub(crate) fn need_postgres() -> Result<String, Failed> {
    if let Some(folder) = postgres_folder() {
        return Ok(folder);
    }
    install(&["postgresql-15"], "PostgreSQL 15, for the tests")?;
    postgres_folder().ok_or_else(|| {
        Failed("postgresql-15 is installed, but its initdb is not in /usr/lib/postgresql/15/bin".to_owned())
    })
}

fn postgres_folder() -> Option<String> {
    const MAJORS: [u32; 5] = [15, 16, 17, 18, 14];
    let folder = |major| format!("/usr/lib/postgresql/{major}/bin");
    MAJORS.into_iter().map(folder).find(|folder| output(&format!("{folder}/initdb"), ["--version"]).is_some())
}

/// Installs Debian packages by name where this user may, else says what to type.
fn install(packages: &[&str], what_for: &str) -> Result<(), Failed> {
    let names = packages.join(" ");
    let by_hand =
        Failed(format!("this machine lacks {what_for}: install it, e.g. `sudo apt-get install {names}`"));
    let root = output("id", ["-u"]).is_some_and(|id| id == "0");
    if !root || output("apt-get", ["--version"]).is_none() {
        return Err(by_hand);
    }
    eprintln!("this machine lacks {what_for}: installing the Debian packages {names}");
    run("apt-get", ["update", "--quiet"])?;
    let arguments = ["install", "--yes", "--quiet", "--no-install-recommends"];
    run("apt-get", arguments.iter().chain(packages))
}

//! The page that accrual serves: its npm packages, the bundle that crates/api embeds, and its types.

use std::fs;

use crate::machine;
use crate::shell::{Failed, root, run, target};

/// Installs what the page is built with and builds it into `page/dist`; neither is done again when nothing changed.
pub(crate) fn build() -> Result<(), Failed> {
    machine::need_node()?;
    install()?;
    run("node", ["page/build.mjs"])
}

/// Holds the page's TypeScript against the API: its types are made from the document that the built binary prints. Nothing
/// of this is needed to build the page, so the binary that embeds it can be asked.
pub(crate) fn check_types() -> Result<(), Failed> {
    run("node", ["page/types.mjs", &target("debug/accrual")])?;
    run("node", ["page/node_modules/typescript/bin/tsc", "--noEmit", "--project", "page"])
}

fn install() -> Result<(), Failed> {
    let folder = root().join("page");
    let lock = folder.join("package-lock.json");
    // A copy of the lock file that the installed packages came from, written last of all.
    let installed = folder.join("node_modules/.accrual-installed-lock.json");
    let wanted = fs::read(&lock).map_err(|error| Failed(format!("{}: {error}", lock.display())))?;
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!(
        "installing preact, uplot, @noble/hashes, esbuild, openapi-typescript and typescript from npm into page/node_modules"
    );
    run("npm", ["ci", "--prefix", "page", "--loglevel", "error"])?;
    fs::write(&installed, wanted).map_err(|error| Failed(format!("{}: {error}", installed.display())))
}

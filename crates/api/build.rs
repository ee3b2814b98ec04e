//! Embeds the page that `cargo xtask page` built. Where it was not built, the build goes on without node or npm, and
//! the page is a line that says so. And tells utoipa how types of other crates look in JSON, so that the fields of views
//! need not say it one by one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use utoipa_config::Config;

const UNBUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<title>accrual</title>\n\
    <p>This build of accrual has no page: run <code>cargo xtask page</code>, then build again. The API is complete.</p>\n";

fn main() {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../page/dist");
    println!("cargo::rerun-if-changed={}", folder.display());
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("page.rs"), embedded(&folder, &out)).expect("cargo's own folder can be written");
    described();
}

fn described() {
    Config::new()
        .alias_for("Amount", "crate::document::shape::Units")
        .alias_for("B256", "crate::document::shape::Hash")
        .alias_for("BlockNumber", "u64")
        .alias_for("Decimal", "crate::document::shape::Decimals")
        .alias_for("Tick", "i32")
        .alias_for("UnixSeconds", "u64")
        .alias_for("Weights", "crate::document::shape::WeightsView")
        .write_to_file();
}

fn embedded(folder: &Path, out: &Path) -> String {
    // The stamp is written last, so that half a build is not taken for a page.
    if !folder.join("stamp").is_file() {
        return format!(
            "pub(super) const INDEX: &str = {UNBUILT:?};\npub(super) const FILES: &[Embedded] = &[];\n"
        );
    }
    // Copied first: the page may be built again while this is compiled.
    let path = |name: &str| {
        let copy = out.join(name);
        fs::copy(folder.join(name), &copy).expect("the stamp was there, so the page is whole");
        copy.display().to_string()
    };
    let mut text = format!("pub(super) const INDEX: &str = include_str!({:?});\n", path("index.html"));
    text.push_str("pub(super) const FILES: &[Embedded] = &[\n");
    for name in names(folder) {
        let (plain, brotli, gzip) = (path(&name), path(&format!("{name}.br")), path(&format!("{name}.gz")));
        writeln!(
            text,
            "    Embedded {{ name: {name:?}, plain: include_bytes!({plain:?}), \
             brotli: include_bytes!({brotli:?}), gzip: include_bytes!({gzip:?}) }},"
        )
        .expect("a string can be written to");
    }
    text.push_str("];\n");
    text
}

/// Files that were compressed, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the stamp was there").flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".br")?.to_owned())).collect();
    names.sort();
    names
}

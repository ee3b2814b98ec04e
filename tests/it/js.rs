//! The programs of others that other tests run.

use accrual_tests::js;

#[tokio::test]
async fn the_packages_are_installed_with_a_node_that_is_new_enough() {
    let js = js::ensure();
    let version = tokio::process::Command::new(js.node()).arg("--version").output().await.unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let major: u32 = version.trim().trim_start_matches('v').split('.').next().unwrap().parse().unwrap();
    assert!(major >= 22, "{version}");
    let help =
        js.program("conformance-2026/dist/index.js").args(["server", "--help"]).output().await.unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("--expected-failures"), "{help}");
}

//! The server under load, on both engines: as many calls as two cores serve, beside a bare handler that returns the same
//! bytes; how long a call takes at half of that; and what streams that only wait cost.
//!
//! `cargo bench -p accrual-api --bench load [-- calls|streams]`; PostgreSQL is measured where `ACCRUAL_TEST_POSTGRES_URL` names a
//! server. The server is a process of its own, and everything goes over loopback with connections that stay open.

#[path = "../../../../tests/db.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests of the whole use more of it")]
mod db;
#[path = "../world/mod.rs"]
mod world;

mod calls;
mod connection;
mod host;
mod server;
mod streams;

use db::Fresh;

/// As in `accrual` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", what, url] => server::serve(what, url),
        [] => {
            measure(calls::measure);
            measure(streams::measure);
        }
        ["calls"] => measure(calls::measure),
        ["streams"] => measure(streams::measure),
        other => panic!("{other:?} is nothing to measure: it is calls or streams"),
    }
}

/// Measures on each engine that there is.
fn measure(one: impl AsyncFn(&Fresh)) {
    // One thread for whoever asks: the server has the rest.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(db::on_each_engine(one));
}

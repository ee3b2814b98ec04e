//! Reads the pools once a second with the key in a file: `follow URL KEY_FILE [TIMES]`.
//!
//! The crate does what the small clients in `examples/clients` do by hand: a key that is replaced in the file is taken up
//! without a failed call.

use std::time::Duration;

use accrual_client::{Client, KeySource};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: follow URL KEY_FILE [TIMES]";
    let (url, file) = arguments.next().zip(arguments.next()).ok_or(usage)?;
    let times: u64 = arguments.next().map_or(Ok(u64::MAX), |times| times.parse())?;
    let pause_ms = std::env::var("PAUSE_MS").map_or(Ok(1_000), |pause| pause.parse())?;

    let client =
        Client::builder(&url, KeySource::file(file)).on_key_event(|event| eprintln!("{event:?}")).build()?;
    for round in 1..=times {
        if round > 1 {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
        let pools = client.pools().await?;
        println!("{round} 200 {} pools", pools.data.len());
    }
    Ok(())
}

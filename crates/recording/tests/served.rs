//! The bundled rehearsal over a real socket, read with alloy's own types.

use std::sync::Arc;

use accrual_recording::{NodeOptions, REHEARSAL, Recording, serve};
use alloy::providers::{Provider, ProviderBuilder};
use alloy::rpc::types::{BlockNumberOrTag, Filter};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn alloy_reads_every_header_and_its_logs() {
    let recording = Arc::new(Recording::read(REHEARSAL).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let node =
        tokio::spawn(serve(Arc::clone(&recording), listener, NodeOptions::default(), shutdown.clone()));
    let provider = ProviderBuilder::new().connect_http(url.parse().unwrap());

    assert_eq!(provider.get_chain_id().await.unwrap(), recording.meta.chain_id);
    let (first, last) = (recording.blocks[0].header.number, recording.blocks.last().unwrap().header.number);
    assert_eq!(provider.get_block_number().await.unwrap(), last);

    // A header that hashes to its own hash has every field right, its bloom among them.
    for recorded in recording.blocks.iter().step_by(7) {
        let number = recorded.header.number;
        let block = provider.get_block_by_number(BlockNumberOrTag::Number(number)).await.unwrap().unwrap();
        assert_eq!(block.header.inner.hash_slow(), recorded.header.hash, "block {number}");
    }
    let logs = provider.get_logs(&Filter::new().from_block(first).to_block(last)).await.unwrap();
    let recorded =
        || recording.blocks.iter().flat_map(|block| &block.transactions).flat_map(|each| &each.logs);
    assert_eq!(logs.len(), recorded().count());
    assert!(logs.iter().zip(recorded()).all(|(log, recorded)| {
        log.address() == recorded.address
            && log.topics() == recorded.topics
            && log.inner.data.data == recorded.data
    }));

    shutdown.cancel();
    node.await.unwrap().unwrap();
}

//! The events that we read are the contracts' own: by their hashes as written down, and by the published ABIs.

use std::path::PathBuf;

use accrual_indexer::decode::{aerodrome, balancer, feed, token, uniswap_v3, wrapper};
use alloy::primitives::{B256, keccak256};
use alloy::sol_types::SolEvent;
use alloy::sol_types::TopicList;
use serde_json::Value;

struct Row {
    signature: &'static str,
    hash: B256,
    topics: usize,
    expected: &'static str,
    file: &'static str,
}

fn row<E: SolEvent>(expected: &'static str, file: &'static str) -> Row {
    let topics = <E::TopicList as TopicList>::COUNT;
    Row { signature: E::SIGNATURE, hash: E::SIGNATURE_HASH, topics, expected, file }
}

fn rows() -> Vec<Row> {
    vec![
        row::<uniswap_v3::pool::Initialize>(
            "98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95",
            "UniswapV3Pool",
        ),
        row::<uniswap_v3::pool::Mint>(
            "7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde",
            "UniswapV3Pool",
        ),
        row::<uniswap_v3::pool::Burn>(
            "0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c",
            "UniswapV3Pool",
        ),
        row::<uniswap_v3::pool::Swap>(
            "c42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
            "UniswapV3Pool",
        ),
        row::<uniswap_v3::pool::Collect>(
            "70935338e69775456a85ddef226c395fb668b63fa0115f5f20610b388e6ca9c0",
            "UniswapV3Pool",
        ),
        row::<uniswap_v3::pool::Flash>(
            "bdbdb71d7860376ba52b25a5028beea23581364a40522f6bcfb86bb1f2dca633",
            "UniswapV3Pool",
        ),
        row::<uniswap_v3::pool::SetFeeProtocol>(
            "973d8d92bb299f4af6ce49b52a8adb85ae46b9f214c4c4fc06ac77401237b133",
            "UniswapV3Pool",
        ),
        row::<uniswap_v3::pool::CollectProtocol>(
            "596b573906218d3411850b26a6b437d6c4522fdb43d2d2386263f86d50b8b151",
            "UniswapV3Pool",
        ),
        row::<uniswap_v3::pool::Swap>(
            "c42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
            "CLPool",
        ),
        row::<uniswap_v3::manager::Transfer>(
            "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
            "NonfungiblePositionManager",
        ),
        row::<uniswap_v3::manager::IncreaseLiquidity>(
            "3067048beee31b25b2f1681f88dac838c8bba36af25bfb2b7cf7473a5847e35f",
            "NonfungiblePositionManager",
        ),
        row::<uniswap_v3::manager::DecreaseLiquidity>(
            "26f6a048ee9138f2c0ce266f322cb99228e8d619ae2bff30c67f8dcf9d2377b4",
            "CLNonfungiblePositionManager",
        ),
        row::<uniswap_v3::manager::Collect>(
            "40d0efd1a53d60ecbf40971b9daf7dc90178c3aadc7aab1765632738fa8b8f01",
            "NonfungiblePositionManager",
        ),
        row::<aerodrome::pool::Mint>(
            "4c209b5fc8ad50758f13e2e1088ba56a560dff690a1c6fef26394f4c03821c4f",
            "AerodromePool",
        ),
        row::<aerodrome::pool::Burn>(
            "5d624aa9c148153ab3446c1b154f660ee7701e549fe9b62dab7171b1c80e6fa2",
            "AerodromePool",
        ),
        row::<aerodrome::pool::Swap>(
            "b3e2773606abfd36b5bd91394b3a54d1398336c65005baf7bf7a05efeffaf75b",
            "AerodromePool",
        ),
        row::<aerodrome::pool::Sync>(
            "cf2aa50876cdfbb541206f89af0ee78d44a2abf8d328e37fa4917f982149848a",
            "AerodromePool",
        ),
        row::<aerodrome::pool::Fees>(
            "112c256902bf554b6ed882d2936687aaeb4225e8cd5b51303c90ca6cf43a8602",
            "AerodromePool",
        ),
        row::<token::Transfer>(
            "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
            "AerodromePool",
        ),
        row::<wrapper::gauge::Deposit>(
            "5548c837ab068cf56a2c2479df0882a4922fd203edb7517321831d95078c5f62",
            "AerodromeGauge",
        ),
        row::<wrapper::gauge::Withdraw>(
            "884edad9ce6fa2440d8a54cc123490eb96d2768479d49ff9c7366125a9424364",
            "AerodromeGauge",
        ),
        row::<wrapper::nft_gauge::Deposit>(
            "1c8ab8c7f45390d58f58f1d655213a82cca5d12179761a87c16f098813b8f211",
            "CLGauge",
        ),
        row::<wrapper::nft_gauge::Withdraw>(
            "8903a5b5d08a841e7f68438387f1da20c84dea756379ed37e633ff3854b99b84",
            "CLGauge",
        ),
        row::<wrapper::reward_pool::Staked>(
            "9e71bc8eea02a63969f509818f2dafb9254532904319f9dbda79b67bd34a5f3d",
            "",
        ),
        row::<wrapper::reward_pool::Withdrawn>(
            "7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
            "",
        ),
        row::<token::Transfer>(
            "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
            "BalancerGauge",
        ),
        row::<balancer::v2_vault::PoolBalanceChanged>(
            "e5ce249087ce04f05a957192435400fd97868dba0e6a4b4c049abf8af80dae78",
            "BalancerV2Vault",
        ),
        row::<balancer::v2_vault::PoolBalanceManaged>(
            "6edcaf6241105b4c94c2efdbf3a6b12458eb3d07be3a0e81d24b13c44045fe7a",
            "BalancerV2Vault",
        ),
        row::<balancer::v2_vault::Swap>(
            "2170c741c41531aec20e7c107c24eecfdd15e69c9bb0a8dd37b1840b9e0b207b",
            "BalancerV2Vault",
        ),
        row::<balancer::v2_pool::SwapFeePercentageChanged>(
            "a9ba3ffe0b6c366b81232caab38605a0699ad5398d6cce76f91ee809e322dafc",
            "BalancerV2WeightedPool",
        ),
        row::<balancer::v3_vault::Swap>(
            "0874b2d545cb271cdbda4e093020c452328b24af12382ed62c4d00f5c26709db",
            "BalancerV3Vault",
        ),
        row::<balancer::v3_vault::LiquidityAdded>(
            "a26a52d8d53702bba7f137907b8e1f99ff87f6d450144270ca25e72481cca871",
            "BalancerV3Vault",
        ),
        row::<balancer::v3_vault::LiquidityRemoved>(
            "fbe5b0d79fb94f1e81c0a92bf86ae9d3a19e9d1bf6202c0d3e75120f65d5d8a5",
            "BalancerV3Vault",
        ),
        row::<balancer::v3_vault::Transfer>(
            "d1398bee19313d6bf672ccb116e51f4a1a947e91c757907f51fbb5b5e56c698f",
            "BalancerV3Vault",
        ),
        row::<balancer::v3_vault::SwapFeePercentageChanged>(
            "89d41522342fabac1471ca6073a5623e5caf367b03ca6e9a001478d0cf8be4a1",
            "BalancerV3Vault",
        ),
        row::<balancer::v3_vault::AggregateSwapFeePercentageChanged>(
            "e4d371097beea42453a37406e2aef4c04f3c548f84ac50e72578662c0dcd7354",
            "BalancerV3Vault",
        ),
        row::<balancer::v3_vault::PoolRecoveryModeStateChanged>(
            "c2354cc2f78ea57777e55ddd43a7f22b112ce98868596880edaeb22b4f9c73a9",
            "BalancerV3Vault",
        ),
        row::<feed::aggregator::AnswerUpdated>(
            "0559884fd3a460db3073b7fc896cc77986f16e378210ded43186175bf646fc5f",
            "ChainlinkAggregator",
        ),
    ]
}

#[test]
fn hashes_are_those_on_the_chain() {
    for row in rows() {
        assert_eq!(row.hash, row.expected.parse::<B256>().unwrap(), "{}", row.signature);
    }
}

#[test]
fn fields_and_their_indexing_are_those_of_the_published_abis() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/abi");
    if !folder.exists() {
        eprintln!("skipped: {} is not there; it comes with the workplace", folder.display());
        return;
    }
    for row in rows().into_iter().filter(|row| !row.file.is_empty()) {
        let text = std::fs::read_to_string(folder.join(format!("{}.json", row.file))).unwrap();
        let abi: Vec<Value> = serde_json::from_str(&text).unwrap();
        let events = abi.iter().filter(|entry| entry["type"] == "event");
        let found: Vec<_> = events.filter(|event| keccak256(signature(event)) == row.hash).collect();
        assert_eq!(found.len(), 1, "{} in {}", row.signature, row.file);
        let indexed = found[0]["inputs"].as_array().unwrap().iter().filter(|input| input["indexed"] == true);
        assert_eq!(indexed.count() + 1, row.topics, "{} in {}", row.signature, row.file);
    }
}

fn signature(event: &Value) -> String {
    let inputs = event["inputs"].as_array().unwrap();
    let types: Vec<&str> = inputs.iter().map(|input| input["type"].as_str().unwrap()).collect();
    format!("{}({})", event["name"].as_str().unwrap(), types.join(","))
}

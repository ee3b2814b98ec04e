//! A 95/5 pool in Balancer's real Vault, with a gauge of our own that is a token as theirs are.

use accrual_rehearsal::{Rng, Stage, Transaction, WeightedPool, abi};
use accrual_rewards::id::Venue;
use accrual_rewards::pool::{Pool, WrapperKind};
use accrual_rewards::unit::Amount;
use alloy::primitives::{Address, U256};

use super::venues::{SEEDS, balance, follow, owned_by, people, play, pool, read, stage, wrapper};

const UNIT: u128 = 1_000_000_000_000_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_weighted_pool_is_what_the_vault_says() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut stage = stage().await;
        let weth = stage.open_token("Rehearsal Ether", "rWETH", 18).await.unwrap();
        let balancer = stage.open_balancer().await.unwrap();
        let weighted = stage.open_weighted_pool(balancer, [(weth, 5), (stage.reward, 95)]).await.unwrap();
        let people = people();
        enroll(&mut stage, &weighted, &people, weth).await;
        let (mut rng, mut heights, mut done) = (Rng::new(seed), Vec::new(), 0);
        for _ in 0..80 {
            let mut acts = Vec::new();
            for _ in 0..rng.between(0, 3) {
                acts.push(any_act(&stage, &weighted, &people, &mut rng).await);
            }
            done += play(&mut stage, acts).await;
            if rng.chance(15) {
                heights.push(stage.anvil.block_number().await.unwrap());
            }
        }
        heights.push(stage.anvil.block_number().await.unwrap());
        assert!(done > 60, "{done} acts");
        let wrappers = vec![wrapper(WrapperKind::Erc20Gauge, weighted.gauge)];
        let pool = Pool {
            vault: Some(weighted.vault),
            ..pool(Venue::BalancerV2, weighted.address, weighted.created_block, wrappers)
        };
        for (tracker, height) in follow(&stage, &pool, &heights).await.iter().zip(&heights) {
            let ledger = tracker.ledger().pooled().unwrap();
            let call = abi::Vault::getPoolTokensCall { poolId: weighted.id };
            let theirs = read(&stage, *height, weighted.vault, &call).await.unwrap();
            let theirs: Vec<_> = theirs.balances.into_iter().map(Amount).collect();
            assert_eq!(ledger.reserves(), theirs, "balances, seed {seed}, block {height}");
            let call = abi::Token::totalSupplyCall {};
            let supply = read(&stage, *height, weighted.address, &call).await.unwrap();
            assert_eq!(U256::from(ledger.supply().0), supply, "supply, seed {seed}, block {height}");
            for person in &people {
                let own = balance(&stage, *height, weighted.address, *person).await;
                let staked = balance(&stage, *height, weighted.gauge, *person).await;
                let ours = U256::from(owned_by(tracker, *person));
                assert_eq!(ours, own + staked, "{person}, seed {seed}, block {height}");
            }
        }
    }
}

async fn enroll(stage: &mut Stage, pool: &WeightedPool, people: &[Address], weth: Address) {
    stage.enroll(people).await.unwrap();
    let mut acts: Vec<_> = people.iter().flat_map(|person| stage.allow_weighted(pool, *person)).collect();
    for person in people {
        acts.extend(pool.tokens.map(|token| stage.purse(token, *person)));
    }
    let units = pool.tokens.map(|token| if token == weth { 10 * UNIT } else { 760_000 * UNIT });
    acts.push(stage.weighted_init(pool, people[0], units));
    stage.play(&acts).await.unwrap();
}

async fn any_act(stage: &Stage, pool: &WeightedPool, people: &[Address], rng: &mut Rng) -> Transaction {
    let (one, other) = (*rng.pick(people), *rng.pick(people));
    let head = stage.anvil.block_number().await.unwrap();
    let part = U256::from(rng.between(1, 60));
    let held = balance(stage, head, pool.address, one).await * part / U256::from(100);
    let staked = balance(stage, head, pool.gauge, one).await * part / U256::from(100);
    let units = u128::from(rng.between(1, 1_000_000)) * 1_000_000_000_003;
    let token = u8::from(rng.chance(50));
    match rng.between(0, 13) {
        0 => stage.weighted_join(pool, one, [units, units]),
        1 => stage.weighted_join(pool, one, [units / 7, 0]),
        2 => stage.weighted_join_single(pool, one, token, U256::from(units / 9)),
        3 => stage.weighted_join_all(pool, one, U256::from(units)),
        4 => stage.weighted_exit(pool, one, held),
        5 => stage.weighted_exit_single(pool, one, token, held / U256::from(20)),
        6..8 => stage.weighted_swap(pool, one, rng.chance(50), false, units),
        8..10 => stage.weighted_swap(pool, one, rng.chance(50), true, units),
        10 => stage.stake(pool.gauge, one, other, held),
        11 => stage.unstake(pool.gauge, one, staked),
        12 => stage.send_shares(pool.gauge, one, other, staked),
        _ if rng.chance(20) => stage.weighted_fee(pool, rng.between(1, 50) * 1_000_000_000_000_000),
        _ => stage.send_shares(pool.address, one, other, held),
    }
}

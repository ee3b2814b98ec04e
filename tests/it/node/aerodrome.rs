//! Aerodrome's basic pool with gauge and vault, on contracts of our own that emit as theirs do.

use accrual_rehearsal::{Pair, Rng, Stage, Transaction, abi};
use accrual_rewards::id::Venue;
use accrual_rewards::pool::WrapperKind;
use accrual_rewards::unit::Amount;
use alloy::primitives::{Address, U256};

use super::venues::{SEEDS, balance, follow, owned_by, people, play, pool, read, stage, wrapper};

const UNIT: u128 = 1_000_000_000_000_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_is_what_its_contracts_say() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut stage = stage().await;
        let weth = stage.open_token("Rehearsal Ether", "rWETH", 18).await.unwrap();
        let pair = stage.open_pair(weth, stage.reward).await.unwrap();
        let people = people();
        enroll(&mut stage, &pair, &people).await;
        let (mut rng, mut heights, mut done) = (Rng::new(seed), Vec::new(), 0);
        for _ in 0..80 {
            let mut acts = Vec::new();
            for _ in 0..rng.between(0, 3) {
                acts.push(any_act(&stage, &pair, &people, &mut rng).await);
            }
            done += play(&mut stage, acts).await;
            if rng.chance(15) {
                heights.push(stage.anvil.block_number().await.unwrap());
            }
        }
        heights.push(stage.anvil.block_number().await.unwrap());
        assert!(done > 60, "{done} acts");
        let wrappers =
            vec![wrapper(WrapperKind::Erc20Gauge, pair.gauge), wrapper(WrapperKind::Erc20Vault, pair.vault)];
        let pool = pool(Venue::AerodromeBasic, pair.address, pair.created_block, wrappers);
        for (tracker, height) in follow(&stage, &pool, &heights).await.iter().zip(&heights) {
            let ledger = tracker.ledger().pooled().unwrap();
            let theirs = read(&stage, *height, pair.address, &abi::Pair::getReservesCall {}).await.unwrap();
            assert_eq!(
                ledger.reserves(),
                [Amount(theirs.reserve0), Amount(theirs.reserve1)],
                "seed {seed}, block {height}"
            );
            let supply = read(&stage, *height, pair.address, &abi::Token::totalSupplyCall {}).await.unwrap();
            assert_eq!(U256::from(ledger.supply().0), supply, "supply, seed {seed}, block {height}");
            for person in &people {
                let own = balance(&stage, *height, pair.address, *person).await;
                let staked = balance(&stage, *height, pair.gauge, *person).await;
                let ours = U256::from(owned_by(tracker, *person));
                assert_eq!(ours, own + staked, "{person}, seed {seed}, block {height}");
            }
        }
    }
}

async fn enroll(stage: &mut Stage, pair: &Pair, people: &[Address]) {
    stage.enroll(people).await.unwrap();
    let mut acts: Vec<_> = people.iter().flat_map(|person| stage.allow_pair(pair, *person)).collect();
    for person in people {
        acts.extend(pair.tokens.map(|token| stage.purse(token, *person)));
    }
    acts.push(stage.pair_add(pair, people[0], people[0], [10 * UNIT, 40_000 * UNIT]));
    stage.play(&acts).await.unwrap();
}

async fn any_act(stage: &Stage, pair: &Pair, people: &[Address], rng: &mut Rng) -> Transaction {
    let (one, other) = (*rng.pick(people), *rng.pick(people));
    let head = stage.anvil.block_number().await.unwrap();
    let part = U256::from(rng.between(1, 100));
    let held = balance(stage, head, pair.address, one).await * part / U256::from(100);
    let staked = balance(stage, head, pair.gauge, one).await * part / U256::from(100);
    let vaulted = balance(stage, head, pair.vault, one).await * part / U256::from(100);
    let units = u128::from(rng.between(1, 1_000_000)) * 1_000_000_000_003;
    match rng.between(0, 12) {
        0..2 => stage.pair_add(pair, one, other, [units, units * 4000]),
        2 => stage.pair_remove(pair, one, held),
        3..6 => stage.pair_swap(pair, one, rng.chance(50), units),
        6 => stage.stake(pair.gauge, one, one, held),
        7 => stage.stake(pair.gauge, one, other, held),
        8 => stage.unstake(pair.gauge, one, staked),
        9 => stage.vault_deposit(pair.vault, one, other, held),
        10 => stage.vault_withdraw(pair.vault, one, vaulted),
        11 => stage.send_shares(pair.address, one, other, held),
        _ => match rng.between(0, 2) {
            0 => stage.send_shares(pair.tokens[0], one, pair.address, U256::from(units)),
            1 => stage.pair_sync(pair, one),
            _ => stage.pair_skim(pair, one),
        },
    }
}

//! NFTs in a gauge, one sent to it without a deposit, and a vault with a position of its own. Uniswap's pool and
//! manager stand in for Slipstream's, whose compiled contracts are in no package.

use std::collections::BTreeMap;

use accrual_rehearsal::{Rng, Swap, abi, range, tkn, usd};
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::pool::{Pool, WrapperKind};
use accrual_rewards::unit::Tick;
use alloy::primitives::{Address, U256};

use super::venues::{SEEDS, balance, follow, owned_by, people, play, pool, read, stage, wrapper};

const CENTRE: Tick = Tick(283_200);

#[tokio::test(flavor = "multi_thread")]
async fn staked_positions_belong_to_whom_the_gauge_says() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut stage = stage().await;
        let on_stage = stage.open_pool(3000, CENTRE).await.unwrap();
        let gauge = stage.open_nft_gauge(&on_stage).await.unwrap();
        let near = range(CENTRE.0 - 600, CENTRE.0 + 600);
        let vault = stage.open_range_vault(&on_stage, near).await.unwrap();
        let people = people();
        stage.enroll(&people).await.unwrap();
        let mut acts: Vec<_> = people.iter().map(|person| stage.allow_gauge(gauge, *person)).collect();
        for person in &people {
            acts.extend((0..3).map(|_| stage.mint(&on_stage, *person, *person, near, usd(500), tkn(1000))));
        }
        let ids = stage.play(&acts).await.unwrap().minted_ids(&stage);
        let (mut rng, mut heights, mut done) = (Rng::new(seed), Vec::new(), 0);
        for _ in 0..60 {
            let (one, other) = (*rng.pick(&people), *rng.pick(&people));
            let id = *rng.pick(&ids);
            let head = stage.anvil.block_number().await.unwrap();
            let call = abi::Manager::ownerOfCall { tokenId: U256::from(id) };
            let owner = read(&stage, head, stage.manager, &call).await.unwrap();
            let depositor = read(&stage, head, gauge, &abi::NftGauge::depositorOfCall { id: U256::from(id) })
                .await
                .unwrap();
            let shares = balance(&stage, head, vault, one).await / U256::from(2);
            let middle = i32::try_from(rng.between(0, 20)).unwrap() * 60 + CENTRE.0 - 600;
            let swap = if rng.chance(50) { Swap::exact_in(0, usd(60)) } else { Swap::exact_in(1, tkn(120)) };
            // Neither the gauge nor nobody can send: then somebody tries what is not theirs.
            let owner = if owner == gauge { one } else { owner };
            let depositor = if depositor.is_zero() { one } else { depositor };
            let act = match rng.between(0, 10) {
                0..3 => stage.stake_nft(gauge, owner, id),
                3..5 => stage.unstake_nft(gauge, depositor, id),
                5 if rng.chance(30) => stage.transfer_nft(owner, gauge, id),
                5 => stage.transfer_nft(owner, other, id),
                6 => stage.range_deposit(vault, one, other, 1_000_000_000_000),
                7 => stage.range_withdraw(vault, one, shares),
                8 => stage.range_rebalance(vault, one, range(middle - 300, middle + 300)),
                _ => stage.swap(&on_stage, one, swap),
            };
            done += play(&mut stage, vec![act]).await;
            if rng.chance(20) {
                heights.push(stage.anvil.block_number().await.unwrap());
            }
        }
        heights.push(stage.anvil.block_number().await.unwrap());
        assert!(done > 25, "{done} acts");
        let wrappers = vec![wrapper(WrapperKind::ClGauge, gauge), wrapper(WrapperKind::Erc20Vault, vault)];
        let pool = Pool {
            position_manager: Some(stage.manager),
            ..pool(Venue::AerodromeCl, on_stage.address, on_stage.created_block, wrappers)
        };
        for (tracker, height) in follow(&stage, &pool, &heights).await.iter().zip(&heights) {
            let liquidity =
                read(&stage, *height, on_stage.address, &abi::Pool::liquidityCall {}).await.unwrap();
            assert_eq!(tracker.ledger().liquidity().0, liquidity, "seed {seed}, block {height}");
            let slot0 = read(&stage, *height, on_stage.address, &abi::Pool::slot0Call {}).await.unwrap();
            assert_eq!(tracker.ledger().price().unwrap().tick.0, slot0.tick.as_i32(), "block {height}");
            let mut owned: BTreeMap<Address, u128> = BTreeMap::new();
            for id in &ids {
                let id = U256::from(*id);
                let call = abi::Manager::ownerOfCall { tokenId: id };
                let owner = read(&stage, *height, stage.manager, &call).await.unwrap();
                let call = abi::NftGauge::depositorOfCall { id };
                let depositor = read(&stage, *height, gauge, &call).await.unwrap();
                let call = abi::Manager::positionsCall { tokenId: id };
                let theirs = read(&stage, *height, stage.manager, &call).await.unwrap();
                let real = if owner == gauge && !depositor.is_zero() { depositor } else { owner };
                *owned.entry(real).or_default() += theirs.liquidity;
                let holding = Holding::Nft { manager: stage.manager, id };
                let (_, ours) = tracker.ledger().concentrated().unwrap().find(&holding).unwrap();
                assert_eq!(
                    (ours.holder, ours.liquidity.0),
                    (owner, theirs.liquidity),
                    "NFT {id}, block {height}"
                );
            }
            for person in people.iter().chain([&gauge]) {
                let theirs = owned.get(person).copied().unwrap_or(0);
                assert_eq!(owned_by(tracker, *person), theirs, "{person}, seed {seed}, block {height}");
            }
        }
    }
}

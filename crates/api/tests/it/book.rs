//! The read model follows block by block what a fresh fold of the stored events gives, whoever still looks at older blocks.

use std::sync::Arc;
use std::time::Duration;

use accrual_api::book::PoolState;
use accrual_rewards::series;
use accrual_rewards::unit::BlockNumber;
use accrual_store::rebuild;
use tokio_util::sync::CancellationToken;

use crate::rig::{FIRST_BLOCK, Rig, added, event, pool};

/// The newest state, after it was held against a fold of all that is stored.
async fn checked(rig: &Rig, number: u64) -> Arc<PoolState> {
    rig.api.book().refresh().await.unwrap();
    let state = rig.api.book().state().pool(&pool().id).cloned().unwrap();
    assert_eq!(state.moment.number, BlockNumber(number));
    let campaigns = rig.api.book().campaigns();
    let fresh = rebuild::tracker_at(&rig.db, &pool(), campaigns, state.moment.number).await.unwrap();
    assert!(state.tracker == fresh, "block {number}");
    let (running, points) = (state.running().unwrap(), series::points(&fresh, state.moment.at).unwrap());
    let (running, points) = (running.unwrap(), points.unwrap());
    assert_eq!((&running.pool, &running.campaigns), (&points.pool, &points.campaigns), "block {number}");
    let staked = series::accounts_with_stake(&fresh);
    assert!(state.standing().staked.iter().eq(&staked), "block {number}");
    state
}

#[tokio::test]
async fn each_block_is_what_a_fresh_fold_gives() {
    let rig = Rig::new(5).await;
    let mut looked_at = vec![checked(&rig, FIRST_BLOCK + 1).await];
    for number in FIRST_BLOCK + 2..FIRST_BLOCK + 30 {
        // In some blocks nothing happens.
        let byte = u8::try_from(number % 7 + 1).unwrap();
        let events = [event(number, 0, added(byte, 1_000 * u128::from(number)))];
        let events = if number.is_multiple_of(3) { &[][..] } else { &events };
        rig.extend(Some((number - 1, 0)), number, 0, events).await;
        let state = checked(&rig, number).await;
        // Now nobody looks at older blocks, now somebody does at many.
        match number % 16 {
            0..4 => looked_at.clear(),
            4..14 => looked_at.push(state),
            _ => {}
        }
    }
    let last = FIRST_BLOCK + 29;
    rig.rewind(last - 3, 0).await;
    checked(&rig, last - 3).await;
    for number in last - 2..last + 4 {
        let after = if number == last - 2 { 0 } else { 1 };
        rig.extend(Some((number - 1, after)), number, 1, &[event(number, 0, added(9, 77))]).await;
        checked(&rig, number).await;
    }
}

/// A state is large. Were it kept for each list that is begun, one would lie in memory for each of the last blocks, and none would
/// become the next.
#[tokio::test]
async fn only_a_list_that_somebody_goes_on_with_keeps_its_block() {
    const PATH: &str = "/v1/campaigns/first/accruals?limit=2";
    const IN_MEMORY_MAX: usize = 4;
    let rig = Rig::new(5).await;
    let mut begun = Vec::new();
    for number in FIRST_BLOCK + 2..FIRST_BLOCK + 22 {
        rig.extend(Some((number - 1, 0)), number, 0, &[event(number, 0, added(3, 1_000))]).await;
        let state = checked(&rig, number).await;
        begun.push((Arc::downgrade(&state), rig.get(PATH).await.json()));
    }
    let in_memory = || begun.iter().filter(|(state, _)| state.strong_count() > 0).count();
    assert!(in_memory() <= IN_MEMORY_MAX, "{} of {}", in_memory(), begun.len());

    let (state, page) = begun.last().unwrap();
    let on = format!("{PATH}&cursor={}", page["meta"]["next_cursor"].as_str().unwrap());
    let second = rig.get(&on).await.json();
    assert_eq!(second["data"].as_array().unwrap().len(), 2, "{second}");
    for number in FIRST_BLOCK + 22..FIRST_BLOCK + 42 {
        rig.extend(Some((number - 1, 0)), number, 0, &[event(number, 0, added(4, 5_000_000))]).await;
        checked(&rig, number).await;
    }
    assert!(state.strong_count() > 0, "somebody goes on with its list");
    assert_eq!(rig.get(&on).await.json()["data"], second["data"]);
}

#[tokio::test]
async fn what_this_process_stores_is_told_without_a_look() {
    let rig = Rig::new(3).await;
    let stop = CancellationToken::new();
    let (api, stopped) = (rig.api.clone(), stop.clone());
    let following = tokio::spawn(async move { api.book().follow(Duration::from_secs(3_600), stopped).await });
    for number in FIRST_BLOCK + 2..FIRST_BLOCK + 5 {
        rig.extend(Some((number - 1, 0)), number, 0, &[]).await;
        let told = async {
            while rig.api.book().state().lowest().map(|moment| moment.number.0) != Some(number) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), told).await.expect("nobody waits for an hour");
    }
    stop.cancel();
    following.await.unwrap();
}

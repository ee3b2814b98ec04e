//! Merkl's own published files: seven neighbouring runs on chain 100, in February 2024. They carry no licence, so they are
//! read from beside the repository where they lie there, and a file of our own in their format stands for them otherwise.

use std::path::PathBuf;

use accrual_rewards::campaign::{Campaign, Window};
use accrual_rewards::reconcile::files::{BYTES_MAX, EPOCH_SECONDS, RewardFile};
use accrual_rewards::reconcile::schedule::{RunKind, Seen, gaps, runs};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::{B256, b256};

use crate::small;

const EPOCHS: [u64; 7] = [474_327, 474_335, 474_343, 474_351, 474_359, 474_367, 474_375];

/// The campaigns of these files that run began at this hour, for two weeks.
const STARTED: u64 = 474_279;
const DURATION_HOURS: u64 = 336;

/// The one whose pool saw no swap for 16 hours.
const IDLE: &str = "0x8f8a1680";

fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let places = ["../shared", "shared"].map(|place| root.join(place).join("data/merkl_rewards/100"));
    places.into_iter().find(|place| place.is_dir())
}

/// The recorded files, or seven that we made up in the same way.
fn files() -> Vec<RewardFile> {
    let Some(folder) = folder() else {
        eprintln!("the recorded reward files are not there: files of our own in their format stand for them");
        return EPOCHS.iter().map(|epoch| made_up(*epoch)).collect();
    };
    let read = |epoch: &u64| {
        let path = folder.join(format!("rewards_{epoch}.json"));
        RewardFile::read(std::fs::File::open(path).unwrap(), BYTES_MAX).unwrap()
    };
    EPOCHS.iter().map(read).collect()
}

fn made_up(epoch: u64) -> RewardFile {
    let campaign = |id: &str, epoch: u64| {
        // Ten digits are kept of each account's amount, as Merkl does.
        let paid = (epoch - STARTED) * 9_700_000_000_000 / DURATION_HOURS;
        format!(
            r#""{id}": {{ "token": "{token}", "pool": "{token}", "totalAmount": "9700000000000000000000",
                "lastUpdateEpoch": {epoch}, "holders": {{ "{token}": {{ "amount": "{paid}000000000",
                "averageBoost": 1, "breakdown": {{ "Swapr": "{paid}000000000" }} }} }} }}"#,
            token = small::REWARD,
        )
    };
    let idle = if (474_336..474_359).contains(&epoch) { 474_335 } else { epoch };
    let running = campaign(&B256::repeat_byte(0x32).to_string(), epoch);
    let id = b256!("8f8a168000000000000000000000000000000000000000000000000000000000").to_string();
    let text = format!(
        r#"{{ "lastUpdateEpoch": {epoch}, "updateTimestamp": {}, "rewards": {{ {running}, {} }} }}"#,
        epoch * EPOCH_SECONDS + 75,
        campaign(&id, idle)
    );
    RewardFile::read(text.as_bytes(), BYTES_MAX).unwrap()
}

#[test]
fn neighbouring_files_follow_time_and_the_idle_gap_is_paid_later() {
    let files = files();
    let running: Vec<B256> = files[0]
        .campaigns
        .iter()
        .filter(|(_, campaign)| campaign.epoch == EPOCHS[0] && campaign.paid < campaign.budget)
        .map(|(id, _)| *id)
        .collect();
    assert!(running.len() >= 2, "{}", running.len());
    let mut gaps_found = 0;
    for id in running {
        let seen: Vec<Seen> = files
            .iter()
            .map(|file| Seen { until: file.computed_until(), paid: file.campaigns[&id].paid })
            .collect();
        let runs = runs(&campaign(files[0].campaigns[&id].budget), &seen);
        let kinds: Vec<RunKind> = runs.iter().map(|run| run.kind).collect();
        let gaps = gaps(&runs);
        if !id.to_string().starts_with(IDLE) {
            assert_eq!(kinds, [RunKind::OnTime; 6], "{id}");
            assert!(gaps.is_empty(), "{id}");
            continue;
        }
        gaps_found += 1;
        use RunKind::{CaughtUp, OnTime, StoodStill};
        assert_eq!(kinds, [OnTime, StoodStill, StoodStill, CaughtUp, OnTime, OnTime]);
        let at = |epoch: u64| UnixSeconds(epoch * EPOCH_SECONDS);
        assert_eq!(gaps.len(), 1);
        assert_eq!(
            (gaps[0].from, gaps[0].until, gaps[0].paid_at),
            (at(474_335), at(474_351), Some(at(474_359)))
        );
        let factor = gaps[0].catch_up_ppm.unwrap();
        assert!((2_999_990..=3_000_001).contains(&factor), "24 hours at once, to its rounding: {factor}");
    }
    assert_eq!(gaps_found, 1);
}

#[test]
fn a_campaign_that_waits_is_behind_its_file() {
    let files = files();
    for (file, epoch) in files.iter().zip(EPOCHS) {
        assert_eq!(file.epoch, epoch);
        let idle = file.campaigns.iter().find(|(id, _)| id.to_string().starts_with(IDLE)).unwrap().1;
        let waits = (474_336..474_359).contains(&epoch);
        assert_eq!(idle.computed_until() < file.computed_until(), waits, "{epoch}");
        for campaign in file.campaigns.values() {
            assert!(campaign.paid <= campaign.budget);
        }
    }
}

fn campaign(budget: Amount) -> Campaign {
    let [starts_at, ends_at] =
        [STARTED, STARTED + DURATION_HOURS].map(|epoch| UnixSeconds(epoch * EPOCH_SECONDS));
    Campaign { budget, window: Window { starts_at, ends_at }, ..small::campaign(1, 1) }
}

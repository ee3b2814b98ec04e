//! Each kind once: its name, its shape, its audience, and no secret in it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use accrual_rewards::unit::UnixSeconds;

use super::*;
use crate::key::KeyEnv;

const AT: UnixSeconds = UnixSeconds(1_780_678_800);

fn key() -> KeyTold {
    KeyTold { key_id: "7Q2mZx9KpL4t".parse().unwrap(), client: "c1".into(), env: KeyEnv::Live, generation: 2 }
}

fn rotation() -> RotationTold {
    RotationTold {
        rotation: "rot_1".into(),
        client: "c1".into(),
        old_key_id: "7Q2mZx9KpL4t".parse().unwrap(),
        new_key_id: "000000000000".parse().unwrap(),
        overlap_ends_at: Some(UnixSeconds(AT.0 + 86_400)),
    }
}

fn campaign() -> CampaignTold {
    CampaignTold { campaign: "first".into(), pool: "usdc-tmai".into(), starts_at: AT, ends_at: AT }
}

/// One of each kind, with its name.
fn each() -> Vec<(Happening, &'static str)> {
    let usage = || UsageTold { client: "c1".into(), month_at: AT, calls: 8, calls_included: 10 };
    let failures = |client: Option<&str>| Happening::AuthFailures {
        client: client.map(str::to_owned),
        key_id: None,
        reason: "key_unknown".into(),
        calls: 9,
        since_at: AT,
    };
    vec![
        (Happening::KeyCreated(key()), "key.created:7Q2mZx9KpL4t"),
        (Happening::RotationStarted(rotation()), "key.rotation.started:rot_1"),
        (
            Happening::OldKeyStillUsed {
                rotation: rotation(),
                overlap_percent: 80,
                last_used_at: Some(AT),
                last_used_network: Some("203.0.113.0/24".into()),
            },
            "key.rotation.old_key_still_used:rot_1:1780765200:80",
        ),
        (Happening::RotationDrained(rotation()), "key.rotation.drained:rot_1:1780678800"),
        (Happening::RotationDone(rotation()), "key.rotation.done:rot_1"),
        (Happening::RotationRolledBack(rotation()), "key.rotation.rolled_back:rot_1"),
        (
            Happening::RotationUndelivered { rotation: rotation(), reason: "no such folder".into() },
            "key.rotation.undelivered:rot_1",
        ),
        (Happening::KeyRevoked { key: key(), reason: "leaked".into() }, "key.revoked:7Q2mZx9KpL4t"),
        (
            Happening::KeyExpiring { key: key(), expires_at: AT, life_percent: 95 },
            "key.expiring:7Q2mZx9KpL4t:1780678800:95",
        ),
        (failures(None), "key.auth_failures:-:-:key_unknown:1780678800"),
        (
            Happening::KeyUnusual {
                client: "c1".into(),
                key_id: "7Q2mZx9KpL4t".into(),
                rule: "rate".into(),
                detail: "700 calls this hour".into(),
                since_at: AT,
            },
            "key.unusual:7Q2mZx9KpL4t:rate:1780678800",
        ),
        (Happening::Usage80(usage()), "usage.80:c1:1780678800"),
        (Happening::Usage100(usage()), "usage.100:c1:1780678800"),
        (Happening::CampaignStarted(campaign()), "campaign.started:first:1780678800"),
        (
            Happening::CampaignExtended { campaign: campaign(), previous_ends_at: UnixSeconds(1) },
            "campaign.extended:first:1780678800",
        ),
        (Happening::CampaignEnded(campaign()), "campaign.ended:first:1780678800"),
        (
            Happening::AprMoved {
                campaign: "first".into(),
                pool: "usdc-tmai".into(),
                reward_percent: "30".into(),
                mean_percent: "20".into(),
                moved_percent: "50".into(),
                window_seconds: 86_400,
                at: AT,
            },
            "pool.apr_moved:first:1780678800",
        ),
        (
            Happening::SourceStale { chain_id: 8453, block_number: 7, block_at: AT, age_seconds: 90 },
            "source.stale:8453:7",
        ),
        (
            Happening::ReconciliationBeyond {
                campaign: "first".into(),
                comparison: "cmp_1".into(),
                computed_until: AT,
                difference_ppm: 1_200,
                tolerance_ppm: 1_000,
                alarms: vec!["leaf_fell".into()],
            },
            "reconciliation.beyond:first:1780678800",
        ),
        (
            Happening::SourceDiffers {
                chain_id: 8453,
                pool: "usdc-tmai".into(),
                block_number: 7,
                compared: 90,
                differences: 1,
                first_difference: "tick: stored 1, on chain 2".into(),
            },
            "source.differs:8453:usdc-tmai:7",
        ),
        (Happening::Test { webhook: "wh_1".into() }, "webhook.test:wh_1:1780678800"),
    ]
}

#[test]
fn each_has_its_name_and_shape() {
    let mut seen = BTreeSet::new();
    for (happening, id) in each() {
        let notice = Notice::new(&happening, AT);
        assert_eq!(notice.id, id);
        assert!(id.starts_with(notice.kind.as_str()) && seen.insert(notice.kind));
        let body: Value = serde_json::from_str(&notice.body).unwrap();
        let fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["data", "timestamp", "type"], "{body}");
        assert_eq!(body["type"], notice.kind.as_str());
        assert_eq!(body["timestamp"], "2026-06-05T17:00:00Z");
        assert_eq!(body["data"]["client"].as_str(), notice.client.as_deref(), "{body}");
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), NoticeKind::ALL, "every kind is shown");
}

#[test]
fn as_it_is_sent() {
    let body: Value =
        serde_json::from_str(&Notice::new(&Happening::RotationStarted(rotation()), AT).body).unwrap();
    let expected = json!({
        "type": "key.rotation.started",
        "timestamp": "2026-06-05T17:00:00Z",
        "data": {
            "rotation": "rot_1",
            "client": "c1",
            "old_key_id": "7Q2mZx9KpL4t",
            "new_key_id": "000000000000",
            "overlap_ends_at": "2026-06-06T17:00:00Z",
        },
    });
    assert_eq!(body, expected);
}

#[test]
fn no_key_is_told_even_where_somebody_wrote_one() {
    let text = "acr_test_7Q2mZx9KpL4t_5VnR8sT1uW3xY6zA0bC2dE4fG7hJ9kL1mN3pQ5rS8tU2czvZh";
    let happening = Happening::KeyRevoked { key: key(), reason: format!("found {text} in a log") };
    let body = Notice::new(&happening, AT).body;
    assert!(body.contains("found acr_test_7Q2mZx9KpL4t_*** in a log"), "{body}");
    assert!(!body.contains("5VnR8sT1"), "{body}");
    serde_json::from_str::<Value>(&body).unwrap();
}

#[test]
fn names_and_audiences() {
    for kind in NoticeKind::ALL {
        let read = kind.as_str().parse::<NoticeKind>().ok();
        assert_eq!(read, Some(*kind).filter(|kind| *kind != NoticeKind::Test), "{kind:?}");
    }
    let public: Vec<&str> =
        NoticeKind::ALL.iter().filter(|kind| kind.is_public()).map(|kind| kind.as_str()).collect();
    let expected = [
        "campaign.started",
        "campaign.extended",
        "campaign.ended",
        "pool.apr_moved",
        "source.stale",
        "source.differs",
    ];
    assert_eq!(public, expected);
    let error = "key.made".parse::<NoticeKind>().unwrap_err().to_string();
    assert!(error.starts_with("\"key.made\" is no event; events are key.created, "), "{error}");
    assert!(!error.contains("webhook.test"), "{error}");
}

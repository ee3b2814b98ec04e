//! Changes to keys: one transaction, one epoch, one line of the audit for each, on both engines.

use accrual_access::audit::Walk;
use accrual_access::change::{self, Change, Edit, Family, Minted, Purpose, Refused};
use accrual_access::key::{ApiKey, KeyEnv, KeyId, Pepper};
use accrual_access::record::{ClientRecord, KeyRecord, KeyState};
use accrual_access::rotation::{self, Kind, Stage, Terms};
use accrual_access::scope::Scope;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::access::{By, ChangeError, Outcome, Repeat, Whose, change};
use accrual_store::audit::{self, Which};
use accrual_store::{Db, clients, dump, keys, replicas, rotations};

use accrual_tests::db::on_each_engine;

fn named(name: &str) -> ClientRecord {
    ClientRecord {
        client_id: format!("id-of-{name}"),
        name: name.to_owned(),
        plan: "vip".to_owned(),
        created_at: UnixSeconds(5),
        spend_cap_microusd: Some(7),
        pays_in_tmai: true,
        stake_tier: "gold".to_owned(),
        epoch: 0,
    }
}

/// A key that is another for each `seed`.
fn key(seed: u8) -> (ApiKey, Minted) {
    let mut next = u32::from(seed) + 1;
    let mut random = |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = next.to_be_bytes()[0];
        }
    };
    let key = ApiKey::generate(KeyEnv::Live, &mut random);
    let minted = Minted::of(&key, &Pepper::new(3, vec![1; 32]).unwrap());
    (key, minted)
}

fn purpose() -> Purpose {
    Purpose {
        scopes: [Scope::ReadPublic, Scope::Admin].into_iter().collect(),
        networks: "203.0.113.0/24,2001:db8::/48".parse().unwrap(),
        expires_at: Some(UnixSeconds(1_000_000)),
        note: "it's a \"note\"".to_owned(),
    }
}

fn by(at: u64) -> By<'static> {
    By { actor: "cli:test", reason: "because", request_id: "r-1", at_ms: at * 1_000, repeat: None }
}

async fn create(db: &Db, client: &str, seed: u8, at: u64) -> KeyId {
    let (key, minted) = key(seed);
    let (record, asked) = (named(client), by(at));
    let made = change(db, Whose::Named(&record), &asked, |family| {
        let change = change::create(family, &purpose(), minted, 5, UnixSeconds(at))?;
        Ok::<_, Refused>((change, String::new(), ()))
    });
    made.await.unwrap();
    key.id().clone()
}

async fn open(db: &Db, old: &KeyId, seed: u8, by: &By<'_>) -> Result<Outcome<()>, ChangeError<Refused>> {
    let (_, minted) = key(seed);
    let now = UnixSeconds(by.at_ms / 1_000);
    change(db, Whose::Key(old), by, |family| {
        let terms = Terms::new(Kind::Normal);
        let change = rotation::open(family, old, &terms, minted, format!("r{seed}"), 5, now)?;
        Ok((change, format!("r{seed}"), ()))
    })
    .await
}

#[tokio::test]
async fn what_is_written_reads_back() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let id = create(db, "desk", 1, 10).await;
        let stored = keys::by_id(db, id.as_str()).await.unwrap().unwrap();
        let client = clients::by_name(db, "desk").await.unwrap().unwrap();
        assert_eq!(client, ClientRecord { epoch: 1, ..named("desk") });
        assert_eq!(clients::by_id(db, &client.client_id).await.unwrap(), Some(client.clone()));
        assert_eq!(clients::list(db).await.unwrap(), std::slice::from_ref(&client));
        assert_eq!((stored.client_id.as_str(), stored.epoch, stored.pepper_version), ("id-of-desk", 1, 3));
        assert_eq!((stored.scopes, &stored.networks), (purpose().scopes, &purpose().networks));
        assert_eq!(
            (stored.validity.expires_at, stored.note.as_str()),
            (purpose().expires_at, "it's a \"note\"")
        );
        assert_eq!(stored.secret_mac, key(1).1.secret_mac);

        open(db, &id, 2, &by(20)).await.unwrap();
        let rotation = rotations::of_key(db, id.as_str()).await.unwrap().unwrap();
        assert_eq!((rotation.stage, rotation.epoch, rotation.kind), (Stage::Overlap, 2, Kind::Normal));
        assert_eq!(rotations::by_id(db, "r2").await.unwrap(), Some(rotation.clone()));
        assert_eq!(rotations::open(db, &client.client_id).await.unwrap(), std::slice::from_ref(&rotation));
        let old = keys::by_id(db, id.as_str()).await.unwrap().unwrap();
        assert_eq!((old.validity.state, old.validity.overlap_ends_at), (KeyState::Ending, rotation.ends_at));
        let both = keys::list(db, Some(&client.client_id)).await.unwrap();
        assert_eq!(both.iter().map(|key| key.generation).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(keys::list(db, Some("nobody")).await.unwrap(), []);
        assert_eq!(
            keys::since(db, Some(1)).await.unwrap().len(),
            2,
            "both were written by the second change"
        );
        assert_eq!(keys::since(db, Some(2)).await.unwrap(), []);
        assert_eq!(keys::since(db, None).await.unwrap().len(), 2);
        assert_eq!(clients::since(db, Some(1)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_refused_change_leaves_nothing() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let id = create(db, "desk", 1, 10).await;
        open(db, &id, 2, &by(20)).await.unwrap();
        let tables = ["clients", "api_keys", "rotations", "audit", "notices", "auth_epoch", "key_changes"];
        let mut before = Vec::new();
        for table in tables {
            before.push(dump::table(db, table).await.unwrap());
        }
        let refused = open(db, &id, 3, &by(30)).await.unwrap_err();
        assert!(matches!(refused, ChangeError::Refused(Refused::RotationOpen { .. })), "{refused}");
        let nobody = open(db, key(9).0.id(), 3, &by(30)).await.unwrap_err();
        assert!(matches!(nobody, ChangeError::Nobody));
        let asked = by(30);
        let nothing = change(db, Whose::Client("id-of-desk"), &asked, |_: &Family| {
            Ok::<_, Refused>((Change::default(), String::new(), 5))
        });
        assert!(matches!(nothing.await.unwrap(), Outcome::Made { epoch: None, more: 5, .. }));
        let unknown = ClientRecord { name: "other".to_owned(), ..named("other") };
        let refused = change(db, Whose::Named(&unknown), &asked, |_: &Family| {
            Err::<(Change, String, ()), _>(Refused::NoScope)
        });
        assert!(refused.await.is_err());
        for (table, before) in tables.into_iter().zip(before) {
            assert_eq!(dump::table(db, table).await.unwrap(), before, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_same_request_again_makes_nothing_new() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let id = create(db, "desk", 1, 10).await;
        let repeat = |hash| By { repeat: Some(Repeat { key: "mine", request_hash: hash }), ..by(20) };
        let Outcome::Made { epoch: Some(2), .. } = open(db, &id, 2, &repeat("a")).await.unwrap() else {
            panic!("it was not made")
        };
        let Outcome::Repeated { made } = open(db, &id, 3, &repeat("a")).await.unwrap() else {
            panic!("it was made again")
        };
        assert_eq!(made, "r2");
        assert!(matches!(open(db, &id, 3, &repeat("b")).await, Err(ChangeError::Conflict)));
        let other = By { actor: "key:somebody", ..repeat("b") };
        let open = open(db, &id, 3, &other).await;
        assert!(matches!(open, Err(ChangeError::Refused(_))), "another actor's requests are others");
        assert_eq!(keys::list(db, None).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_audit_is_one_chain_and_says_who_and_why() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let id = create(db, "desk", 1, 10).await;
        open(db, &id, 2, &by(20)).await.unwrap();
        let other = create(db, "other", 3, 30).await;
        let edit = Edit { note: Some("new".to_owned()), ..Edit::default() };
        let asked = by(40);
        let edited = change(db, Whose::Key(&other), &asked, |family| {
            Ok::<_, Refused>((change::edit(family, &other, &edit, UnixSeconds(40))?, String::new(), ()))
        });
        edited.await.unwrap();
        let rows = audit::after(db, 0, Which::default(), 100).await.unwrap();
        let mut walk = Walk::new();
        rows.iter().for_each(|row| walk.step(row).unwrap());
        let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["key.create", "rotation.start", "key.create", "key.create", "key.edit"]);
        let last = rows.last().unwrap();
        assert_eq!(
            (last.actor.as_str(), last.reason.as_str(), last.request_id.as_str(), last.at),
            ("cli:test", "because", "r-1", 40)
        );
        assert!(last.before_json.contains("it's a") && last.after_json.contains(r#""note":"new""#));
        let secret = key(1).1.secret_mac;
        assert!(rows.iter().all(|row| !format!("{row:?}").contains(&secret)), "no MAC in the audit");
        let page = audit::after(db, 2, Which::default(), 2).await.unwrap();
        assert_eq!(page.iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 4]);
        let (client, key, actor) = (Some("id-of-other"), Some(other.as_str()), Some("cli:test"));
        for (which, seqs) in [
            (Which { client_id: client, ..Which::default() }, vec![4, 5]),
            (Which { key_id: key, ..Which::default() }, vec![4, 5]),
            (Which { key_id: Some(id.as_str()), ..Which::default() }, vec![1, 2]),
            (Which { client_id: client, key_id: Some(id.as_str()), ..Which::default() }, vec![]),
            (Which { actor, ..Which::default() }, vec![1, 2, 3, 4, 5]),
            (Which { actor: Some("cli:nobody"), ..Which::default() }, vec![]),
        ] {
            let found = audit::after(db, 0, which, 10).await.unwrap();
            assert_eq!(found.iter().map(|row| row.seq).collect::<Vec<_>>(), seqs, "{which:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_is_everywhere_when_every_live_server_has_read_it() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        create(db, "desk", 1, 10).await;
        assert_eq!(replicas::epoch(db).await.unwrap(), 1);
        let everywhere =
            async |epoch| replicas::key_change(db, epoch).await.unwrap().unwrap().everywhere_at_ms;
        assert_eq!(everywhere(1).await, None);
        assert_eq!(replicas::key_change(db, 2).await.unwrap(), None);
        let beat = async |name, epoch, now: u64| {
            let beat = replicas::Beat { replica_id: name, epoch, peppers: &[3], now_ms: now };
            replicas::beat(db, &beat, now.saturating_sub(5_000)).await.unwrap()
        };
        assert_eq!(beat("a", 0, 10_100).await, 1);
        assert_eq!(beat("b", 1, 10_200).await, 2);
        assert_eq!(everywhere(1).await, None, "one of two has not read it");
        assert_eq!(beat("a", 1, 10_900).await, 2);
        assert_eq!(everywhere(1).await, Some(10_900));
        create(db, "desk", 2, 11).await;
        assert_eq!(beat("a", 2, 11_000).await, 2);
        assert_eq!(everywhere(2).await, None);
        assert_eq!(
            beat("a", 2, 15_200).await,
            1,
            "the other was not heard of for the bound: it refuses by itself"
        );
        assert_eq!(everywhere(2).await, Some(15_200));
        assert_eq!(everywhere(1).await, Some(10_900), "what is known stays");
        let names = async || {
            replicas::list(db).await.unwrap().into_iter().map(|row| row.replica_id).collect::<Vec<_>>()
        };
        assert_eq!(names().await, ["a", "b"]);
        replicas::leave(db, "b").await.unwrap();
        assert_eq!(names().await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn a_mac_under_a_newer_pepper_changes_nothing_else_and_undoes_nothing() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let newer = Pepper::new(4, vec![2; 32]).unwrap();
        let (first, second) = (create(db, "desk", 1, 10).await, create(db, "desk", 2, 10).await);
        let renew = async |seed: u8, pepper: &Pepper| {
            let minted = Minted::of(&key(seed).0, pepper);
            let id = minted.id.clone();
            let asked = by(20);
            let made = change(db, Whose::Key(&id), &asked, |family| {
                Ok::<_, Refused>((change::renew_mac(family, minted, UnixSeconds(20))?, String::new(), ()))
            });
            made.await.unwrap()
        };
        let before = keys::by_id(db, first.as_str()).await.unwrap().unwrap();
        renew(1, &newer).await;
        let after = keys::by_id(db, first.as_str()).await.unwrap().unwrap();
        assert!(newer.admits(&key(1).0, &after.secret_mac), "the same secret under the new pepper");
        let expected = KeyRecord {
            secret_mac: after.secret_mac.clone(),
            pepper_version: 4,
            epoch: before.epoch + 2,
            ..before.clone()
        };
        assert_eq!(after, expected);
        let counts = async |now| keys::by_pepper(db, UnixSeconds(now)).await.unwrap();
        assert_eq!(counts(20).await, [(3, 1), (4, 1)]);

        let older = Pepper::new(3, vec![1; 32]).unwrap();
        let nothing = |outcome: Outcome<()>| matches!(outcome, Outcome::Made { epoch: None, .. });
        assert!(nothing(renew(1, &older).await), "never back");
        change(db, Whose::Key(&second), &by(21), |family| {
            Ok::<_, Refused>((change::revoke(family, &second, UnixSeconds(21))?, String::new(), ()))
        })
        .await
        .unwrap();
        assert!(nothing(renew(2, &newer).await), "a call that was before a revoke and is written after it");
        let revoked = keys::by_id(db, second.as_str()).await.unwrap().unwrap();
        assert_eq!((revoked.validity.state, revoked.pepper_version), (KeyState::Revoked, 3));
        assert_eq!(counts(21).await, [(4, 1)], "nobody needs the old pepper any longer");
        assert_eq!(counts(1_000_000).await, [], "what has expired needs none");
    })
    .await;
}

#[tokio::test]
async fn a_pepper_is_known_to_all_or_not() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let beat = async |name, peppers: &[u32], now_ms| {
            let beat = replicas::Beat { replica_id: name, epoch: 0, peppers, now_ms };
            replicas::beat(db, &beat, 0).await.unwrap();
        };
        beat("a", &[12, 2], 10_000).await;
        beat("b", &[2], 10_000).await;
        let all_know = async |version, since| replicas::all_know(db, version, since).await.unwrap();
        assert!(all_know(2, 9_000).await);
        assert!(!all_know(12, 9_000).await, "one does not, though 12 ends in 2");
        assert!(!all_know(1, 9_000).await);
        beat("b", &[12, 2], 10_500).await;
        assert!(all_know(12, 9_000).await, "it was started again");
        beat("c", &[], 10_500).await;
        assert!(!all_know(12, 10_000).await && all_know(12, 10_500).await, "silent ones are not asked");
    })
    .await;
}

//! What a key costs a request: reading it, its MAC, the look into the table of all keys, the minute's window; and how much
//! memory a million keys take.
//!
//! `cargo bench -p accrual-access`; prints one line a size: the processor's time, which others on the same machine take
//! nothing of, and the wall's. Linux alone tells the first.

use std::hint::black_box;
use std::time::Instant;

use accrual_access::key::{ApiKey, KeyEnv, Pepper};
use accrual_access::record::{ClientRecord, KeyRecord, Validity};
use accrual_access::scope::{Scope, Scopes};
use accrual_access::table::KeyTable;
use accrual_access::window::Window;
use accrual_rewards::unit::UnixSeconds;
use secrecy::ExposeSecret;

const ROUNDS: u64 = 200_000;

fn main() {
    let pepper = Pepper::new(1, vec![7; 32]).expect("a pepper");
    for count in [1_000_u32, 1_000_000] {
        let before = resident_kib();
        let (table, texts) = table(count, &pepper);
        let held_kib = resident_kib() - before;
        println!(
            "{count} keys: the table holds {held_kib} KiB, {} bytes a key",
            held_kib * 1024 / u64::from(count)
        );
        measure("read, MAC, find, standing, compare", &texts, |text| {
            let key: ApiKey = text.parse().expect("a key");
            let mac = pepper.secret_mac_bytes(&key);
            let found = table.find(key.id()).expect("it is there");
            assert!(found.is_mac(&mac) && found.validity.standing(UnixSeconds(5)).is_served());
        });
        // A guesser must not be told by the time whether there is such a key: the work is the same.
        let accepted = |pepper: &Pepper, text: &str| {
            let key: ApiKey = text.parse().expect("a key");
            let found = table.find(key.id());
            let mac = pepper.secret_mac_bytes(&key);
            found.is_some_and(|found| found.is_mac(&mac))
        };
        let other = Pepper::new(1, vec![8; 32]).expect("a pepper");
        measure("a wrong secret", &texts, |text| assert!(!accepted(&other, text)));
        let strangers = strangers(texts.len());
        measure("no such key", &strangers, |text| assert!(!accepted(&pepper, text)));
    }
    let mut window = Window::default();
    window.set_slots(600);
    let mut now = 0;
    measure("the minute's window, 600 slots", &["".to_owned()], |_| {
        now += 100;
        black_box(window.admit(now)).expect("a place");
    });
}

fn measure(what: &str, texts: &[String], mut check: impl FnMut(&str)) {
    let (begun, worked) = (Instant::now(), worked_ns());
    for round in 0..ROUNDS {
        let index = usize::try_from(round).expect("a small number") * 7_919 % texts.len();
        check(black_box(&texts[index]));
    }
    let (worked, passed) = (worked_ns() - worked, begun.elapsed().as_nanos());
    println!("  {what}: {} ns of CPU, {} ns in all", worked / ROUNDS, passed / u128::from(ROUNDS));
}

/// For how many nanoseconds this thread had a processor.
fn worked_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn table(count: u32, pepper: &Pepper) -> (KeyTable, Vec<String>) {
    let client = ClientRecord {
        client_id: "c".to_owned(),
        name: "c".to_owned(),
        plan: "vip".to_owned(),
        created_at: UnixSeconds(0),
        spend_cap_microusd: None,
        pays_in_tmai: false,
        stake_tier: String::new(),
        epoch: 1,
    };
    let table = KeyTable::default();
    table.apply(vec![client], &[]);
    let mut random = random_from(1);
    let mut texts = Vec::new();
    for number in 0..count {
        let key = ApiKey::generate(KeyEnv::Live, &mut random);
        table.apply(Vec::new(), &[record(&key, pepper)]);
        if number % (count / 1_000) == 0 {
            texts.push(key.reveal().expose_secret().to_owned());
        }
    }
    (table, texts)
}

/// Keys that are in no table.
fn strangers(count: usize) -> Vec<String> {
    let mut random = random_from(77);
    let text = |_| ApiKey::generate(KeyEnv::Live, &mut random).reveal().expose_secret().to_owned();
    (0..count).map(text).collect()
}

/// Bytes that look random and repeat.
fn random_from(mut next: u32) -> impl FnMut(&mut [u8]) {
    move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = next.to_be_bytes()[0];
        }
    }
}

fn record(key: &ApiKey, pepper: &Pepper) -> KeyRecord {
    KeyRecord {
        id: key.id().clone(),
        client_id: "c".to_owned(),
        env: key.env(),
        secret_mac: pepper.secret_mac(key),
        pepper_version: 1,
        scopes: Scope::ALL.into_iter().collect::<Scopes>(),
        networks: Default::default(),
        created_at: UnixSeconds(0),
        validity: Validity::new(None),
        revoked_at: None,
        replaces: None,
        replaced_by: None,
        generation: 0,
        first_used_at: None,
        last_used_at: None,
        last_used_network: None,
        last_used_agent: None,
        noticed_percent: 0,
        note: String::new(),
        epoch: 1,
    }
}

/// The process's memory, as Linux tells it.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
}

//! The demo's APR against a count from the recording's raw logs that shares no code with accrual but the decoding of words.

use std::collections::BTreeMap;

use accrual_recording::{Log, REHEARSAL, Recording};
use accrual_tests::binary;
use alloy::primitives::{Address, B256, I256, U256, keccak256};
use rust_decimal::{Decimal, MathematicalOps};

/// A log with its block's number and time.
struct Seen<'a> {
    number: u64,
    at: u64,
    log: &'a Log,
}

impl Seen<'_> {
    fn is(&self, emitter: Address, signature: &str) -> bool {
        self.log.address == emitter && self.log.topics.first() == Some(&keccak256(signature))
    }

    fn word(&self, index: usize) -> U256 {
        U256::from_be_slice(&self.log.data[index * 32..(index + 1) * 32])
    }

    fn signed(&self, index: usize) -> I256 {
        I256::from_raw(self.word(index))
    }
}

/// The addresses of the rehearsal, from its configuration.
struct Known {
    tables: toml::Tables,
}

mod toml {
    use std::collections::BTreeMap;

    /// Each table as its keys and texts, in the order of the file.
    pub(super) type Tables = Vec<(String, BTreeMap<String, String>)>;

    pub(super) fn read(text: &str) -> Tables {
        let mut tables = Tables::new();
        for line in text.lines() {
            if line.starts_with('[') {
                tables.push((line.trim_matches(['[', ']']).to_owned(), BTreeMap::new()));
            } else if let (Some((key, value)), Some((_, table))) = (line.split_once(" = "), tables.last_mut())
            {
                table.insert(key.to_owned(), value.trim_matches('"').to_owned());
            }
        }
        tables
    }
}

impl Known {
    fn address(&self, table: &str, key: &str, is: &str, wanted: &str) -> Address {
        let fits = |(name, values): &&(String, BTreeMap<String, String>)| {
            name == table && values.get(key).is_some_and(|value| value == is)
        };
        self.tables.iter().find(fits).unwrap().1[wanted].parse().unwrap()
    }
}

fn whole(units: U256) -> Decimal {
    Decimal::from_i128_with_scale(i128::try_from(units / U256::from(1_000_000)).unwrap(), 12)
}

/// USD for a whole rTKN: the pool's mean tick over half an hour, for token0 of 6 and token1 of 18 decimals.
fn tkn_usd(seen: &[Seen<'_>], pool: Address, at: u64) -> Decimal {
    const WINDOW_SECONDS: u64 = 1800;
    let ticks: Vec<(u64, i64)> = seen
        .iter()
        .filter(|one| one.is(pool, "Swap(address,address,int256,int256,uint160,uint128,int24)"))
        .map(|one| (one.at, i64::try_from(one.signed(4)).unwrap()))
        .collect();
    let mut sum = 0;
    for (place, (since, tick)) in ticks.iter().enumerate() {
        let until = ticks.get(place + 1).map_or(at, |(next, _)| *next).min(at);
        let held = until.saturating_sub((*since).max(at - WINDOW_SECONDS));
        sum += tick * i64::try_from(held).unwrap();
    }
    let mean = Decimal::from(sum) / Decimal::from(WINDOW_SECONDS);
    let a_million_times =
        (Decimal::new(10_001, 4).ln() * mean - Decimal::from(1_000_000_000_000_u64).ln()).exp();
    Decimal::ONE / a_million_times
}

/// USD for a whole rWETH: the feed's newest answer, with 8 decimals, as its proxy's own log of an aggregator has it.
fn weth_usd(seen: &[Seen<'_>]) -> Decimal {
    let topic = keccak256("AnswerUpdated(int256,uint256,uint256)");
    let answers = seen.iter().filter(|one| one.log.topics.first() == Some(&topic));
    let mut answers = answers.map(|one| {
        Decimal::from_i128_with_scale(i128::try_from(U256::from_be_bytes(one.log.topics[1].0)).unwrap(), 8)
    });
    // The dollar's feed answers 1, the sequencer's 0; ether is the one in the thousands.
    answers.rfind(|answer| *answer > Decimal::from(1000)).unwrap()
}

fn near(told: Decimal, counted: Decimal, name: &str) {
    let apart = (told - counted).abs() / counted;
    assert!(apart < Decimal::new(1, 3), "{name}: told {told}, counted {counted}");
}

/// What so many millions of rTMAI over 14 days pay a year, in per cent of `tvl_usd`, at 0.00066 USD each.
fn apr_percent(budget_millions: Decimal, tvl_usd: Decimal) -> Decimal {
    let yearly = budget_millions * Decimal::from(1_000_000) * Decimal::from(365) / Decimal::from(14);
    yearly * Decimal::new(66, 5) / tvl_usd * Decimal::ONE_HUNDRED
}

#[tokio::test]
async fn the_demos_apr_is_what_raw_logs_come_to() {
    let folder = tempfile::tempdir().unwrap();
    let db = format!("sqlite://{}", folder.path().join("demo.db").display());
    let shown = binary::run(&["demo", "--once", "--progress", "off", "--db", &db]).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let recording = Recording::read(REHEARSAL).unwrap();
    let known = Known { tables: toml::read(&recording.meta.config_toml) };
    let crowd = known.address("pools", "id", "rusd-rtkn", "address");
    let pair = known.address("pools", "id", "rweth-rtkn", "address");
    let weighted = known.address("pools", "id", "rweth-rtkn-95", "address");
    let vault = known.address("pools", "id", "rweth-rtkn-95", "vault");
    let weth = known.address("tokens", "symbol", "rWETH", "address");
    let tkn = known.address("tokens", "symbol", "rTKN", "address");
    let mut compared = 0;
    for (campaign, millions) in
        [("rehearsal-weth-tkn ", Decimal::new(1679, 2)), ("rehearsal-weth-tkn-95 ", Decimal::new(560, 2))]
    {
        let part = shown.stdout.split("campaign       ").find(|part| part.starts_with(campaign)).unwrap();
        for line in part.lines().filter(|line| line.contains(" %   at block ")) {
            let mut words = line.split_whitespace();
            let told: Decimal = words.find_map(|word| word.parse().ok()).unwrap();
            let height: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            let blocks = recording.blocks.iter().filter(|block| block.header.number <= height);
            let at = blocks.clone().last().unwrap().header.timestamp;
            let seen: Vec<Seen<'_>> = blocks
                .flat_map(|block| {
                    let logs = block.transactions.iter().flat_map(|transaction| &transaction.logs);
                    logs.map(|log| Seen { number: block.header.number, at: block.header.timestamp, log })
                })
                .collect();
            assert!(seen.iter().all(|one| one.number <= height));
            let held = if campaign.contains("-95") {
                in_vault(&seen, vault, weighted, [weth, tkn])
            } else {
                reserves(&seen, pair, weth < tkn)
            };
            let tvl_usd = whole(held[0]) * weth_usd(&seen) + whole(held[1]) * tkn_usd(&seen, crowd, at);
            near(told, apr_percent(millions, tvl_usd), line);
            compared += 1;
        }
    }
    assert_eq!(compared, 6);
}

/// rWETH and rTKN by the pair's last Sync.
fn reserves(seen: &[Seen<'_>], pair: Address, weth_first: bool) -> [U256; 2] {
    let last = seen.iter().rev().find(|one| one.is(pair, "Sync(uint256,uint256)")).unwrap();
    let stated = [last.word(0), last.word(1)];
    if weth_first { stated } else { [stated[1], stated[0]] }
}

/// rWETH and rTKN as the Vault's joins, exits and swaps add up to.
fn in_vault(seen: &[Seen<'_>], vault: Address, pool: Address, tokens: [Address; 2]) -> [U256; 2] {
    let mut held: BTreeMap<Address, I256> = BTreeMap::new();
    let is_its = |one: &&Seen<'_>| one.log.topics.get(1).is_some_and(|id: &B256| id[..20] == pool[..]);
    for one in seen.iter().filter(is_its) {
        if one.is(vault, "PoolBalanceChanged(bytes32,address,address[],int256[],uint256[])") {
            // Heads at words 0 to 2, then two tokens and two deltas, each after its length.
            for index in 0..2 {
                let token = Address::from_word(B256::from(one.word(4 + index)));
                *held.entry(token).or_default() += one.signed(7 + index);
            }
        } else if one.is(vault, "Swap(bytes32,address,address,uint256,uint256)") {
            let token = |topic: usize| Address::from_word(one.log.topics[topic]);
            *held.entry(token(2)).or_default() += one.signed(0);
            *held.entry(token(3)).or_default() -= one.signed(1);
        }
    }
    tokens.map(|token| held[&token].unsigned_abs())
}

//! Small cases counted by hand, of a pool with shares: 1200 units in 120 seconds, in runs of 30.
//!
//! Seconds count from the start of a day, whose length every run's length divides.

use accrual_rewards::accrue::When;
use accrual_rewards::campaign::{Campaign, Scoring, Version, Window};
use accrual_rewards::ledger::{Change, FeeStep, Trade};
use accrual_rewards::ownership::{Move, Owner, StakeIndex, VaultIndex};
use accrual_rewards::unit::{Amount, Liquidity, Tick, UnixSeconds};
use alloy_primitives::U256;

use super::history;

/// What happens.
#[derive(Clone, Copy)]
pub(crate) enum What {
    /// A stake has so much, and belongs to an account.
    Hold(u32, u128, u8),
    /// A stake has so much, and belongs to the vault's shareholders.
    HoldByVault(u32, u128),
    /// An account has so many shares of the vault.
    Shares(u8, u128),
    /// A trade brought a unit of liquidity so much in fees.
    Trade(u64),
}
use What::{Hold, HoldByVault, Shares, Trade as Traded};

/// An override.
#[derive(Clone, Copy)]
pub(crate) struct Later {
    since: u64,
    window: (u64, u64),
    blacklist: &'static [u8],
}

pub(crate) struct Case {
    pub(crate) name: &'static str,
    scoring: Scoring,
    window: (u64, u64),
    blacklist: &'static [u8],
    later: Option<Later>,
    happens: Vec<(u64, What)>,
    /// As of so many seconds: what was emitted, rounded down, and the rows.
    pub(crate) figures: Vec<(u64, u64, Vec<Row>)>,
}

/// With this stake this account earned so much, as a fraction.
pub(crate) type Row = (u32, u8, &'static str);

fn base(name: &'static str, scoring: Scoring) -> Case {
    Case {
        name,
        scoring,
        window: (0, 120),
        blacklist: &[],
        later: None,
        happens: Vec::new(),
        figures: Vec::new(),
    }
}

pub(crate) fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds(history::start().0.at.0 + seconds)
}

impl Case {
    pub(crate) fn campaign(&self) -> Campaign {
        let window = |(starts, ends)| Window { starts_at: at(starts), ends_at: at(ends) };
        let accounts = |numbers: &[u8]| numbers.iter().copied().map(history::account).collect();
        let day = history::day(self.scoring, 1_200);
        let version = |later: Later| Version {
            since: at(later.since),
            window: window(later.window),
            weights: day.weights,
            out_of_range: false,
            blacklist: accounts(later.blacklist),
            whitelist: [].into(),
        };
        Campaign {
            window: window(self.window),
            run_seconds: Some(30),
            blacklist: accounts(self.blacklist),
            versions: self.later.map(version).into_iter().collect(),
            ..day
        }
    }

    pub(crate) fn moves(&self) -> Vec<(When, Move)> {
        let happens = self.happens.iter().map(|(seconds, what)| one(*seconds, *what));
        std::iter::once(history::start()).chain(happens).collect()
    }
}

fn one(seconds: u64, what: What) -> (When, Move) {
    let account = |number| Owner::Account(history::account(number));
    match what {
        Hold(stake, liquidity, number) => {
            history::hold(seconds, StakeIndex(stake), liquidity, account(number))
        }
        HoldByVault(stake, liquidity) => {
            history::hold(seconds, StakeIndex(stake), liquidity, Owner::Vault(VaultIndex(0)))
        }
        Shares(number, shares) => {
            let (when, _) = history::hold(seconds, StakeIndex(0), 0, account(0));
            let (vault, shares) = (VaultIndex(0), Liquidity(shares));
            (when, Move::Shares { vault, member: account(number), shares })
        }
        Traded(growth) => {
            let (when, _) = history::hold(seconds, StakeIndex(0), 0, account(0));
            let Move::Pool(Change::Price(price)) = history::start().1 else { unreachable!("it is a price") };
            let step = FeeStep { growth0_x128: U256::ZERO, growth1_x128: U256::from(growth), tick: Tick(0) };
            let trade = Trade {
                price: accrual_rewards::ledger::PriceChange { from: Some(Tick(0)), ..*price },
                amount0: Amount::ZERO,
                amount1: Amount(U256::from(2)),
                steps: Some(vec![step]),
            };
            (when, Move::Pool(Change::Trade(trade.into())))
        }
    }
}

pub(crate) fn cases() -> Vec<Case> {
    [per_block(), time_weighted(), swap_weighted(), overridden()].into_iter().flatten().collect()
}

fn per_block() -> Vec<Case> {
    vec![Case {
        blacklist: &[2],
        happens: vec![(0, Shares(1, 3)), (0, Shares(2, 1)), (0, HoldByVault(0, 8)), (0, Hold(1, 6, 3))],
        figures: vec![
            (60, 600, vec![(0, 1, "300"), (1, 3, "300")]),
            (200, 1200, vec![(0, 1, "600"), (1, 3, "600")]),
        ],
        ..base("an excluded shareholder's part goes to all others, in the vault or not", Scoring::PerBlock)
    }]
}

fn time_weighted() -> Vec<Case> {
    let scoring = Scoring::TimeWeighted;
    vec![
        Case {
            happens: vec![(0, Hold(0, 100, 1)), (0, Hold(1, 100, 2)), (15, Hold(1, 0, 2))],
            figures: vec![
                (20, 200, vec![(0, 1, "800/7"), (1, 2, "600/7")]),
                (30, 300, vec![(0, 1, "200"), (1, 2, "100")]),
                (60, 600, vec![(0, 1, "500"), (1, 2, "100")]),
            ],
            ..base("a run pays by the ratio of integrals, up to now while it runs", scoring)
        },
        Case {
            happens: vec![(35, Hold(0, 1, 1))],
            figures: vec![(30, 300, vec![]), (60, 600, vec![(0, 1, "300")])],
            ..base("a run that nobody is in is lost, one that somebody comes to is all theirs", scoring)
        },
        Case {
            window: (20, 140),
            happens: vec![(0, Hold(0, 1, 1)), (25, Hold(1, 3, 2))],
            figures: vec![(30, 100, vec![(0, 1, "40"), (1, 2, "60")])],
            ..base("the first run begins with the window", scoring)
        },
    ]
}

fn swap_weighted() -> Vec<Case> {
    let scoring = Scoring::SwapWeighted;
    vec![
        Case {
            happens: vec![(0, Hold(0, 1, 1)), (10, Traded(7)), (40, Hold(1, 3, 2)), (100, Traded(9))],
            figures: vec![
                (100, 1000, vec![(0, 1, "300")]),
                (101, 1010, vec![(0, 1, "955/2"), (1, 2, "1065/2")]),
                (120, 1200, vec![(0, 1, "525"), (1, 2, "675")]),
            ],
            ..base("runs without a trade wait for the next with one, which pays by its own scores", scoring)
        },
        Case {
            happens: vec![(0, Hold(0, 1, 1)), (30, Traded(1))],
            figures: vec![(30, 300, vec![]), (31, 310, vec![(0, 1, "310")])],
            ..base(
                "a trade at a boundary belongs to the later run, one in the block asked for to none yet",
                scoring,
            )
        },
        Case {
            happens: vec![(0, Hold(0, 1, 1)), (120, Traded(1))],
            figures: vec![(120, 1200, vec![]), (500, 1200, vec![])],
            ..base("a trade when all is over pays nobody", scoring)
        },
        Case {
            happens: vec![(0, Hold(0, 2, 1)), (5, Traded(5)), (6, Hold(0, 2, 2)), (7, Traded(15))],
            figures: vec![(30, 300, vec![(0, 1, "75"), (0, 2, "225")])],
            ..base("fees go to whoever stood behind the position when they came", scoring)
        },
        Case {
            window: (60, 180),
            happens: vec![(0, Hold(0, 1, 1)), (50, Traded(1)), (70, Traded(1))],
            figures: vec![(70, 100, vec![]), (90, 300, vec![(0, 1, "300")])],
            ..base("a trade before the window is none", scoring)
        },
        Case {
            happens: vec![(0, Hold(0, 1, 1)), (10, Traded(0)), (40, Traded(1))],
            figures: vec![(30, 300, vec![]), (60, 600, vec![(0, 1, "600")])],
            ..base("a run whose trades bring no fee waits", scoring)
        },
        Case {
            blacklist: &[1],
            happens: vec![(0, Hold(0, 1, 1)), (10, Traded(1)), (35, Hold(1, 1, 2)), (40, Traded(1))],
            figures: vec![(30, 300, vec![]), (60, 600, vec![(1, 2, "600")])],
            ..base("a run whose fees are all excluded ones' waits", scoring)
        },
    ]
}

fn overridden() -> Vec<Case> {
    let both = vec![(0, Hold(0, 1, 1)), (0, Hold(1, 1, 2))];
    vec![
        Case {
            later: Some(Later { since: 60, window: (0, 180), blacklist: &[1] }),
            happens: both.clone(),
            figures: vec![
                (60, 600, vec![(0, 1, "300"), (1, 2, "300")]),
                (90, 750, vec![(0, 1, "300"), (1, 2, "450")]),
                (180, 1200, vec![(0, 1, "300"), (1, 2, "900")]),
            ],
            ..base("what is left spreads over what is left of the new window", Scoring::PerBlock)
        },
        Case {
            later: Some(Later { since: 60, window: (0, 60), blacklist: &[] }),
            happens: both.clone(),
            figures: vec![(500, 600, vec![(0, 1, "300"), (1, 2, "300")])],
            ..base("a window that has ended pays no more", Scoring::PerBlock)
        },
        Case {
            later: Some(Later { since: 60, window: (100, 200), blacklist: &[] }),
            happens: both.clone(),
            figures: vec![
                (99, 600, vec![(0, 1, "300"), (1, 2, "300")]),
                (150, 900, vec![(0, 1, "450"), (1, 2, "450")]),
            ],
            ..base("a window that begins later pays nothing until then", Scoring::PerBlock)
        },
        Case {
            later: Some(Later { since: 45, window: (0, 120), blacklist: &[1] }),
            happens: both,
            figures: vec![(60, 600, vec![(0, 1, "225"), (1, 2, "375")])],
            ..base("an override cuts the run that it falls into", Scoring::TimeWeighted)
        },
        Case {
            later: Some(Later { since: 45, window: (0, 165), blacklist: &[] }),
            happens: vec![(0, Hold(0, 1, 1)), (50, Traded(1))],
            figures: vec![(45, 450, vec![]), (60, 543, vec![(0, 1, "2175/4")])],
            ..base("what waits outlasts an override", Scoring::SwapWeighted)
        },
    ]
}

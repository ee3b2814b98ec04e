//! Who stands behind a holder: tables of what happens, and of who owns what then, and by which way.

mod faults;
mod seen;
mod tracked;

use accrual_rewards::ownership::{StakeIndex, VaultIndex};

use seen::Step::{Block, Hold, Move as Shares, Stake, Unstake};
use seen::*;

#[test]
fn without_wrappers_the_holder_owns() {
    check(vec![
        Case {
            name: "a holder",
            wrappers: vec![],
            steps: vec![Hold(0, NOBODY, 5), Hold(0, ANN, 5), Hold(1, BOB, 7)],
            owners: vec![(0, ANN, 5, &[]), (1, BOB, 7, &[])],
        },
        Case {
            name: "handed over, and some taken out",
            wrappers: vec![],
            steps: vec![Hold(0, ANN, 5), Hold(0, BOB, 5), Hold(0, BOB, 3)],
            owners: vec![(0, BOB, 3, &[])],
        },
        Case {
            name: "what an unknown contract says of itself changes nothing",
            wrappers: vec![],
            steps: vec![Hold(0, GAUGE, 5), Stake(GAUGE, 0, ANN), Shares(VAULT, NOBODY, ANN, 1)],
            owners: vec![(0, GAUGE, 5, &[])],
        },
    ]);
}

#[test]
fn a_gauge_that_takes_nfts() {
    check(vec![
        Case {
            name: "the transfer alone makes it the gauge's own",
            wrappers: vec![nft_gauge()],
            steps: vec![Hold(0, ANN, 5), Hold(0, GAUGE, 5), Block],
            owners: vec![(0, GAUGE, 5, &[])],
        },
        Case {
            name: "the deposit gives it to the depositor",
            wrappers: vec![nft_gauge()],
            steps: vec![Hold(0, ANN, 5), Hold(0, GAUGE, 5), Stake(GAUGE, 0, ANN), Block],
            owners: vec![(0, ANN, 5, &[GAUGE])],
        },
        Case {
            name: "liquidity that changes while staked is the depositor's",
            wrappers: vec![nft_gauge()],
            steps: vec![Hold(0, ANN, 5), Hold(0, GAUGE, 5), Stake(GAUGE, 0, ANN), Hold(0, GAUGE, 9)],
            owners: vec![(0, ANN, 9, &[GAUGE])],
        },
        Case {
            name: "between the transfer back and the gauge's word it is already back",
            wrappers: vec![nft_gauge()],
            steps: vec![Hold(0, ANN, 5), Hold(0, GAUGE, 5), Stake(GAUGE, 0, ANN), Hold(0, ANN, 5)],
            owners: vec![(0, ANN, 5, &[])],
        },
        Case {
            name: "taken back, transfer first",
            wrappers: vec![nft_gauge()],
            steps: vec![
                Hold(0, ANN, 5),
                Hold(0, GAUGE, 5),
                Stake(GAUGE, 0, ANN),
                Block,
                Hold(0, ANN, 5),
                Unstake(GAUGE, 0, ANN),
                Block,
            ],
            owners: vec![(0, ANN, 5, &[])],
        },
        Case {
            name: "taken back, transfer last",
            wrappers: vec![nft_gauge()],
            steps: vec![
                Hold(0, ANN, 5),
                Hold(0, GAUGE, 5),
                Stake(GAUGE, 0, ANN),
                Block,
                Unstake(GAUGE, 0, ANN),
                Hold(0, ANN, 5),
                Block,
            ],
            owners: vec![(0, ANN, 5, &[])],
        },
        Case {
            name: "sold and staked by another",
            wrappers: vec![nft_gauge()],
            steps: vec![
                Hold(0, ANN, 5),
                Hold(0, GAUGE, 5),
                Stake(GAUGE, 0, ANN),
                Hold(0, ANN, 5),
                Unstake(GAUGE, 0, ANN),
                Hold(0, BOB, 5),
                Hold(0, GAUGE, 5),
                Stake(GAUGE, 0, BOB),
                Block,
            ],
            owners: vec![(0, BOB, 5, &[GAUGE])],
        },
        Case {
            name: "a gauge that stakes in a gauge, and says so after",
            wrappers: vec![nft_gauge(), nft_farm()],
            steps: vec![
                Hold(0, ANN, 5),
                Hold(0, FARM, 5),
                Hold(0, GAUGE, 5),
                Stake(GAUGE, 0, FARM),
                Stake(FARM, 0, ANN),
                Block,
            ],
            owners: vec![(0, ANN, 5, &[GAUGE, FARM])],
        },
        Case {
            name: "a gauge that says so before it stakes in a gauge",
            wrappers: vec![nft_gauge(), nft_farm()],
            steps: vec![
                Hold(0, ANN, 5),
                Hold(0, FARM, 5),
                Stake(FARM, 0, ANN),
                Hold(0, GAUGE, 5),
                Stake(GAUGE, 0, FARM),
                Block,
            ],
            owners: vec![(0, ANN, 5, &[GAUGE, FARM])],
        },
        Case {
            name: "two gauges that name each other as depositor: none is passed twice",
            wrappers: vec![nft_gauge(), nft_farm()],
            steps: vec![
                Hold(0, FARM, 5),
                Hold(0, GAUGE, 5),
                Stake(GAUGE, 0, FARM),
                Stake(FARM, 0, GAUGE),
                Block,
            ],
            owners: vec![(0, GAUGE, 5, &[GAUGE, FARM])],
        },
        Case {
            name: "the depositor is a vault, and one of its shareholders goes by another name",
            wrappers: vec![nft_gauge(), vault(), remap(BOB, CAT)],
            steps: vec![
                Shares(VAULT, NOBODY, ANN, 1),
                Shares(VAULT, NOBODY, BOB, 3),
                Hold(0, VAULT, 8),
                Hold(0, GAUGE, 8),
                Stake(GAUGE, 0, VAULT),
            ],
            owners: vec![(0, ANN, 2, &[GAUGE, VAULT]), (0, CAT, 6, &[GAUGE, VAULT, BOB])],
        },
    ]);
}

#[test]
fn a_gauge_that_takes_shares() {
    let staked =
        || vec![Hold(0, GAUGE, 10), Shares(GAUGE, NOBODY, ANN, 6), Shares(GAUGE, NOBODY, BOB, 4), Block];
    let then = |more: &[Step]| [staked(), more.to_vec()].concat();
    check(vec![
        Case {
            name: "each depositor has what it deposited",
            wrappers: vec![share_gauge()],
            steps: staked(),
            owners: vec![(0, ANN, 6, &[GAUGE]), (0, BOB, 4, &[GAUGE])],
        },
        Case {
            name: "what nobody deposited is the gauge's own",
            wrappers: vec![share_gauge()],
            steps: then(&[Hold(0, GAUGE, 13), Block]),
            owners: vec![(0, GAUGE, 3, &[]), (0, ANN, 6, &[GAUGE]), (0, BOB, 4, &[GAUGE])],
        },
        Case {
            name: "on the way out the shares move before the gauge says so",
            wrappers: vec![share_gauge()],
            steps: then(&[Hold(0, GAUGE, 8), Hold(1, ANN, 2)]),
            owners: vec![(0, ANN, 6, &[GAUGE]), (0, BOB, 4, &[GAUGE]), (1, ANN, 2, &[])],
        },
        Case {
            name: "and once it has, all is as it was",
            wrappers: vec![share_gauge()],
            steps: then(&[Hold(0, GAUGE, 8), Hold(1, ANN, 2), Shares(GAUGE, ANN, NOBODY, 2), Block]),
            owners: vec![(0, ANN, 4, &[GAUGE]), (0, BOB, 4, &[GAUGE]), (1, ANN, 2, &[])],
        },
        Case {
            name: "a gauge that is a token: deposits change hands",
            wrappers: vec![share_gauge()],
            steps: then(&[Shares(GAUGE, ANN, CAT, 6), Block]),
            owners: vec![(0, BOB, 4, &[GAUGE]), (0, CAT, 6, &[GAUGE])],
        },
        Case {
            name: "deposits that are told before the shares",
            wrappers: vec![share_gauge()],
            steps: vec![Shares(GAUGE, NOBODY, ANN, 6), Hold(0, GAUGE, 6), Block],
            owners: vec![(0, ANN, 6, &[GAUGE])],
        },
        Case {
            name: "Aura: a proxy holds the gauge's token, a reward pool says for whom",
            wrappers: vec![share_gauge(), proxied()],
            steps: then(&[
                Shares(GAUGE, BOB, PROXY, 4),
                Shares(VAULT, NOBODY, BOB, 1),
                Shares(VAULT, NOBODY, CAT, 3),
                Block,
            ]),
            owners: vec![(0, ANN, 6, &[GAUGE]), (0, BOB, 1, &[GAUGE, VAULT]), (0, CAT, 3, &[GAUGE, VAULT])],
        },
        Case {
            name: "another name, for a depositor and for the gauge",
            wrappers: vec![share_gauge(), remap(ANN, CAT), remap(GAUGE, BOB)],
            steps: then(&[Hold(0, GAUGE, 11)]),
            owners: vec![(0, BOB, 1, &[GAUGE]), (0, BOB, 4, &[GAUGE]), (0, CAT, 6, &[GAUGE, ANN])],
        },
    ]);
}

#[test]
fn a_vault() {
    check(vec![
        Case {
            name: "pro rata",
            wrappers: vec![vault()],
            steps: vec![
                Hold(0, VAULT, 8),
                Hold(1, VAULT, 16),
                Shares(VAULT, NOBODY, ANN, 4),
                Shares(VAULT, ANN, BOB, 1),
            ],
            owners: vec![
                (0, ANN, 6, &[VAULT]),
                (0, BOB, 2, &[VAULT]),
                (1, ANN, 12, &[VAULT]),
                (1, BOB, 4, &[VAULT]),
            ],
        },
        Case {
            name: "burnt shares are no shares",
            wrappers: vec![vault()],
            steps: vec![
                Hold(0, VAULT, 8),
                Shares(VAULT, NOBODY, ANN, 4),
                Shares(VAULT, NOBODY, BOB, 4),
                Shares(VAULT, BOB, NOBODY, 4),
            ],
            owners: vec![(0, ANN, 8, &[VAULT])],
        },
        Case {
            name: "its own shares are the vault's own account",
            wrappers: vec![vault()],
            steps: vec![Hold(0, VAULT, 8), Shares(VAULT, NOBODY, ANN, 4), Shares(VAULT, ANN, VAULT, 1)],
            owners: vec![(0, VAULT, 2, &[VAULT]), (0, ANN, 6, &[VAULT])],
        },
        Case {
            name: "a transfer to oneself",
            wrappers: vec![vault()],
            steps: vec![Hold(0, VAULT, 8), Shares(VAULT, NOBODY, ANN, 4), Shares(VAULT, ANN, ANN, 4)],
            owners: vec![(0, ANN, 8, &[VAULT])],
        },
        Case {
            name: "a vault in a vault",
            wrappers: vec![vault(), outer()],
            steps: vec![
                Hold(0, OUTER, 8),
                Shares(OUTER, NOBODY, ANN, 1),
                Shares(OUTER, NOBODY, VAULT, 3),
                Shares(VAULT, NOBODY, BOB, 1),
                Shares(VAULT, NOBODY, CAT, 1),
            ],
            owners: vec![(0, ANN, 2, &[OUTER]), (0, BOB, 3, &[OUTER, VAULT]), (0, CAT, 3, &[OUTER, VAULT])],
        },
        Case {
            name: "the shares that would close a circle stay with their holder",
            wrappers: vec![vault(), outer()],
            steps: vec![
                Hold(0, OUTER, 8),
                Hold(1, VAULT, 8),
                Shares(OUTER, NOBODY, VAULT, 1),
                Shares(VAULT, NOBODY, OUTER, 3),
                Shares(VAULT, NOBODY, ANN, 1),
            ],
            owners: vec![
                (0, OUTER, 6, &[OUTER, VAULT]),
                (0, ANN, 2, &[OUTER, VAULT]),
                (1, OUTER, 6, &[VAULT]),
                (1, ANN, 2, &[VAULT]),
            ],
        },
        Case {
            name: "once the circle is open again, they lead on",
            wrappers: vec![vault(), outer()],
            steps: vec![
                Hold(0, VAULT, 8),
                Shares(OUTER, NOBODY, VAULT, 1),
                Shares(VAULT, NOBODY, OUTER, 4),
                Shares(VAULT, OUTER, NOBODY, 4),
                Shares(OUTER, VAULT, BOB, 1),
                Shares(VAULT, NOBODY, OUTER, 4),
            ],
            owners: vec![(0, BOB, 8, &[VAULT, OUTER])],
        },
        Case {
            name: "two shareholders that are one account by name",
            wrappers: vec![vault(), remap(ANN, BOB)],
            steps: vec![
                Hold(0, VAULT, 8),
                Hold(1, ANN, 1),
                Shares(VAULT, NOBODY, ANN, 1),
                Shares(VAULT, NOBODY, BOB, 2),
                Shares(VAULT, NOBODY, CAT, 1),
            ],
            owners: vec![(0, BOB, 6, &[VAULT, ANN]), (0, CAT, 2, &[VAULT]), (1, BOB, 1, &[ANN])],
        },
        Case {
            name: "another name is asked once, and leads to no wrapper",
            wrappers: vec![vault(), remap(ANN, BOB), remap(BOB, CAT), remap(CAT, VAULT)],
            steps: vec![Shares(VAULT, NOBODY, ANN, 1), Hold(0, ANN, 2), Hold(1, BOB, 3), Hold(2, CAT, 4)],
            owners: vec![(0, BOB, 2, &[ANN]), (1, CAT, 3, &[BOB]), (2, VAULT, 4, &[CAT])],
        },
    ]);
}

#[test]
fn past_owners_keep_their_way() {
    let steps = [
        Hold(0, ANN, 5),
        Hold(0, GAUGE, 5),
        Stake(GAUGE, 0, ANN),
        Unstake(GAUGE, 0, ANN),
        Hold(0, BOB, 5),
        Hold(0, VAULT, 5),
        Shares(VAULT, NOBODY, ANN, 1),
        Hold(0, CAT, 5),
    ];
    let mut seen = Seen::play(&[nft_gauge(), vault()], &steps).unwrap();
    let via = |seen: &Seen, through, account| seen.ownership.via(StakeIndex(0), through, account);
    assert_eq!(via(&seen, None, ANN), [GAUGE], "staked until it was sold");
    assert_eq!(via(&seen, None, BOB), [NOBODY; 0], "held it itself");
    assert_eq!(via(&seen, Some(VaultIndex(0)), ANN), [VAULT], "as a shareholder");
    assert_eq!(via(&seen, None, CAT), [NOBODY; 0], "holds it now");
    for step in [Hold(0, ANN, 5), Hold(0, BOB, 5)] {
        seen.step(step).unwrap();
    }
    assert_eq!(via(&seen, None, ANN), [NOBODY; 0], "held it itself at last");
}

//! What contradicts what: each is a sentence, and nothing is counted.

use accrual_rewards::pool::Wrapper;

use super::seen::Step::{Block, Hold, Move as Shares, Stake, Unstake};
use super::seen::*;

#[test]
fn contradictions_are_sentences() {
    let cases: Vec<(Vec<Wrapper>, Vec<Step>, &str)> = vec![
        (
            vec![nft_gauge()],
            vec![Hold(0, ANN, 5), Stake(GAUGE, 0, ANN)],
            "is staked in gauge 0x0000000000000000000000000000000000000061, but 0x00000000000000000000000000000000000000AA",
        ),
        (
            vec![nft_gauge()],
            vec![Hold(0, ANN, 5), Hold(0, GAUGE, 5), Stake(GAUGE, 0, ANN), Stake(GAUGE, 0, ANN)],
            "for the second time",
        ),
        (
            vec![nft_gauge()],
            vec![Hold(0, ANN, 5), Hold(0, GAUGE, 5), Stake(GAUGE, 0, BOB)],
            "but it had it from",
        ),
        (
            vec![nft_gauge()],
            vec![Hold(0, ANN, 5), Hold(0, GAUGE, 5), Stake(GAUGE, 0, ANN), Unstake(GAUGE, 0, BOB)],
            "but it had it from",
        ),
        (vec![nft_gauge()], vec![Hold(0, ANN, 5), Unstake(GAUGE, 0, ANN)], "is not staked there"),
        (vec![nft_gauge()], vec![Stake(GAUGE, 0, ANN)], "is not known"),
        (
            vec![nft_gauge()],
            vec![Hold(0, ANN, 5), Hold(0, GAUGE, 5), Stake(GAUGE, 0, ANN), Block, Hold(0, ANN, 5), Block],
            "is staked in gauge",
        ),
        (
            vec![share_gauge()],
            vec![Hold(0, GAUGE, 5), Shares(GAUGE, NOBODY, ANN, 5), Block, Hold(0, GAUGE, 4), Block],
            "5 shares are deposited in gauge 0x0000000000000000000000000000000000000061, but it held 4",
        ),
        (vec![share_gauge()], vec![Shares(GAUGE, NOBODY, ANN, 5), Block], "but it held 0"),
        (
            vec![share_gauge()],
            vec![Hold(0, GAUGE, 5), Shares(GAUGE, ANN, NOBODY, 1)],
            "gives away 1 shares of 0x0000000000000000000000000000000000000061 but holds 0",
        ),
        (
            vec![vault()],
            vec![Shares(VAULT, NOBODY, ANN, u128::MAX), Shares(VAULT, NOBODY, BOB, 1)],
            "pass 128 bits",
        ),
        (vec![share_gauge()], vec![Hold(0, ANN, u128::MAX), Hold(1, GAUGE, 1)], "liquidity passes 128 bits"),
    ];
    for (wrappers, steps, sentence) in cases {
        let fault = Seen::play(&wrappers, &steps).err().unwrap_or_else(|| panic!("no fault: {sentence}"));
        assert!(fault.to_string().contains(sentence), "{fault}");
    }
}

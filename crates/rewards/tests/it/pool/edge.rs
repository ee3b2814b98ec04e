//! The rare cases that generated histories must not miss.

/// A case worth having; `every_edge_is_generated` counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edge {
    PriceOnTickFromAbove,
    PriceOneBelowTick,
    ManyTicksCrossed,
    EverybodyLeft,
    PriceNearMin,
    PriceNearMax,
    FeesButNoToken0,
    Poke,
    BurnInPart,
    BurnToNothing,
    RefillAfterNothing,
    HolderUnknownForAWhile,
    HandedToSelf,
    HandedToOther,
    HandedToExcluded,
    HandedBack,
    SeveralInABlock,
    BornAndGoneInABlock,
    BlocksOfEqualTime,
    IdleForLong,
    SharedRange,
    HeldInThePool,
    LiquidityOfOne,
    LiquidityOf2Pow99,
    CampaignOverBeforeTheFirstEvent,
    CampaignAfterTheLastEvent,
    StartBetweenBlocks,
    EndBetweenBlocks,
    WindowEndsOnABlock,
    Blacklisted,
    Whitelisted,
    AZeroWeight,
    OutOfRangeCounts,
    OutOfRangeDoesNot,
    BudgetOfOne,
    BudgetOf2Pow126,
}

impl Edge {
    pub(crate) const LAST: Self = Self::BudgetOf2Pow126;
}

//! What Merkl says of itself: a user's total against its campaigns, its own page against the campaign's list, and the roots
//! that the API names against those that the Distributor was given.
//!
//! None of it needs a figure of ours. A lag is not a lie: what may be explained by one side having been read earlier is a
//! [`RootsVerdict`] and no [`Alarm`].

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use super::compare::Alarm;
use super::side::Theirs;
use crate::distributor::Trees;
use crate::unit::{Amount, BlockNumber, UnixSeconds};

/// How far one side may be behind the other: answers are kept for a while on their way.
pub const LAG_SECONDS: u64 = 3_600;

/// What was read of Merkl beside a campaign's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// Accounts whose own pages were read.
    pub users: Vec<TheirUser>,
    /// The Distributor's roots as the API tells them.
    pub roots: Option<TheirRoots>,
    /// What was asked and not told, each as a sentence.
    pub not_told: Vec<String>,
}

/// What an account's own page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TheirUser {
    /// Whose page it is.
    pub account: Address,
    /// What it has of the campaign, roots and pending together; nothing where the page does not name it.
    pub of_campaign: Amount,
    /// Token by token.
    pub tokens: Vec<UserToken>,
}

/// What an account's page says of one token, roots and pending together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserToken {
    /// The token; `None` where the page does not name it.
    pub token: Option<Address>,
    /// Their name for the root that it is in: one token may be in several.
    pub root: Option<String>,
    /// In all, as they say.
    pub total: Amount,
    /// Its campaigns, added up.
    pub parts: Amount,
}

/// The roots that the API tells of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TheirRoots {
    /// What claims are paid by.
    pub live: B256,
    /// The newest.
    pub tree: B256,
    /// The one before.
    pub last_tree: B256,
    /// Until when the newest may be disputed.
    pub dispute_ends_at: UnixSeconds,
    /// Earlier ones, each with its time.
    pub listed: Vec<(UnixSeconds, B256)>,
}

/// The Distributor as its logs tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRoots {
    /// The block up to which they are read.
    pub through: BlockNumber,
    /// Its time.
    pub at: UnixSeconds,
    /// The trees after it.
    pub trees: Trees,
    /// Every root that it was given, in order.
    pub given: Vec<(UnixSeconds, B256)>,
}

/// How their roots and the chain's stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootsVerdict {
    /// They are the same.
    Same,
    /// They tell an older tree than the Distributor has.
    Behind,
    /// They tell a tree that was given after the block that is read here.
    Ahead,
    /// They cannot both be right.
    Differ,
    /// The Distributor is not read, or had no tree yet.
    Unread,
}

/// What was looked at beside a campaign's figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// Accounts whose own pages were held against the list.
    pub users_count: u64,
    /// The roots, where they were told.
    pub roots: Option<RootsCheck>,
    /// What was asked and not told.
    pub not_told: Vec<String>,
}

/// Their roots beside the chain's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootsCheck {
    /// How they stand to each other.
    pub verdict: RootsVerdict,
    /// What they say that claims are paid by.
    pub theirs: B256,
    /// What the Distributor pays by; `None` where its logs do not tell.
    pub on_chain: Option<B256>,
    /// As of which block of it.
    pub block: Option<BlockNumber>,
    /// Roots of their list that the Distributor had not been given by then. Whether they list a root by the time when it was
    /// computed or sent, and whether each is sent, is not documented, so that this alone is no alarm.
    #[serde(default)]
    pub listed_not_given: u64,
}

impl RootsVerdict {
    /// The name used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Differ => "differ",
            Self::Unread => "unread",
        }
    }
}

/// Holds what they say against itself and against the chain.
pub fn check(theirs: &Theirs, beside: &Beside, chain: Option<&ChainRoots>) -> (Checks, Vec<Alarm>) {
    let mut alarms = Vec::new();
    for user in &beside.users {
        users(theirs, user, &mut alarms);
    }
    let roots = beside.roots.as_ref().map(|roots| {
        let (verdict, found) = held(roots, chain);
        alarms.extend(found);
        let on_chain = chain.and_then(|chain| chain.trees.live(chain.at));
        let listed_not_given = chain.map_or(0, |chain| listed_not_given(roots, chain));
        let block = chain.map(|chain| chain.through);
        RootsCheck { verdict, theirs: roots.live, on_chain, block, listed_not_given }
    });
    let users_count = u64::try_from(beside.users.len()).unwrap_or(u64::MAX);
    (Checks { users_count, roots, not_told: beside.not_told.clone() }, alarms)
}

fn users(theirs: &Theirs, user: &TheirUser, alarms: &mut Vec<Alarm>) {
    let TheirUser { account, of_campaign, .. } = *user;
    let listed = theirs.computed(account);
    if listed != of_campaign {
        alarms.push(Alarm::UserRowDiffers { account, listed, told: of_campaign });
    }
    for UserToken { token, total, parts, .. } in user.tokens.iter().filter(|one| one.total != one.parts) {
        alarms.push(Alarm::UserTotalDiffers { account, token: *token, total: *total, parts: *parts });
    }
}

/// What the list names from the first log that is read on, but for what may come with the next block.
fn listed_not_given(theirs: &TheirRoots, chain: &ChainRoots) -> u64 {
    let Some((first_at, _)) = chain.given.first().copied() else { return 0 };
    let is_read = |at: UnixSeconds| first_at <= at && at.0.saturating_add(LAG_SECONDS) <= chain.at.0;
    let is_given = |root: B256| chain.given.iter().any(|(_, given)| *given == root);
    let strangers = theirs.listed.iter().filter(|(at, root)| is_read(*at) && !is_given(*root));
    u64::try_from(strangers.count()).unwrap_or(u64::MAX)
}

fn held(theirs: &TheirRoots, chain: Option<&ChainRoots>) -> (RootsVerdict, Vec<Alarm>) {
    let Some((chain, tree)) = chain.and_then(|chain| Some((chain, chain.trees.tree()?))) else {
        return (RootsVerdict::Unread, Vec::new());
    };
    let Some((first_at, _)) = chain.given.first().copied() else { return (RootsVerdict::Unread, Vec::new()) };
    let given: BTreeMap<B256, UnixSeconds> = chain.given.iter().map(|(at, root)| (*root, *at)).collect();
    let mut alarms: Vec<Alarm> = Vec::new();
    let unknown = |root: B256| Alarm::RootNotOnChain { root, block: chain.through };

    let differs = Alarm::LiveRootDiffers {
        theirs: theirs.live,
        on_chain: chain.trees.live(chain.at),
        block: chain.through,
    };
    let verdict = if theirs.tree == tree {
        if !live_fits(theirs, chain, tree) {
            alarms.push(differs);
        }
        if chain.trees.last_tree().is_some_and(|last| last != theirs.last_tree) {
            alarms.push(unknown(theirs.last_tree));
        }
        RootsVerdict::Same
    } else if given.contains_key(&theirs.tree) || theirs.dispute_ends_at < first_at {
        // The newest tree has been there for longer than an answer is kept: nobody can claim by what they tell.
        let since = chain.given.iter().rev().find(|(_, root)| *root == tree).map_or(chain.at, |(at, _)| *at);
        if chain.at.since(since) > LAG_SECONDS {
            alarms.push(differs);
        }
        RootsVerdict::Behind
    } else if theirs.dispute_ends_at <= chain.at {
        // Its time to be disputed was over before our block, so that our block would have it.
        alarms.push(unknown(theirs.tree));
        RootsVerdict::Differ
    } else {
        RootsVerdict::Ahead
    };
    (if alarms.is_empty() { verdict } else { worse(verdict) }, alarms)
}

/// With the same newest tree: while its time for disputes lasts by our block, it may have ended by the time they were asked.
fn live_fits(theirs: &TheirRoots, chain: &ChainRoots, tree: B256) -> bool {
    let is_over = chain.trees.live(chain.at) == Some(tree);
    theirs.live == tree || (!is_over && chain.trees.last_tree().is_none_or(|last| last == theirs.live))
}

/// With an alarm, being ahead is no excuse, and nothing is the same.
fn worse(verdict: RootsVerdict) -> RootsVerdict {
    match verdict {
        RootsVerdict::Same | RootsVerdict::Ahead => RootsVerdict::Differ,
        other => other,
    }
}

//! What they say of themselves beside a campaign's list: accounts' own pages, and roots.

use accrual_rewards::reconcile::TheirRow;
use accrual_rewards::reconcile::beside::{Beside, TheirRoots, TheirUser, UserToken};
use accrual_rewards::unit::{Amount, UnixSeconds};
use alloy_primitives::{Address, B256};

use super::{Also, Reader, row};
use crate::source::{MerklError, Source};
use crate::wire::{UserChain, UserReward};

/// Campaigns of one token on a page of an account's.
const BREAKDOWNS_OF_A_PAGE: usize = 100;
/// More pages of one account are not read.
const PAGES_MAX: usize = 50;
/// How long before and after the instant that they have computed roots are asked for.
const ROOTS_BEFORE_SECONDS: u64 = 7 * 86_400;
const ROOTS_AFTER_SECONDS: u64 = 86_400;

impl<S: Source> Reader<S> {
    pub(super) async fn beside(
        &self,
        campaign: B256,
        rows: &[TheirRow],
        computed_until: u64,
        also: Also<'_>,
    ) -> Result<Beside, MerklError> {
        let mut beside = Beside::default();
        for account in whom(rows, also) {
            let user = self.page_of(account, campaign).await;
            match told(user, &mut beside)? {
                Some(user) => beside.users.push(user),
                // Whoever refuses one page refuses the others too.
                None => break,
            }
        }
        if also.roots {
            let roots = self.their_roots(computed_until).await;
            beside.roots = told(roots, &mut beside)?.flatten();
        }
        Ok(beside)
    }

    async fn page_of(&self, account: Address, campaign: B256) -> Result<TheirUser, MerklError> {
        let mut user = TheirUser { account, of_campaign: Amount::ZERO, tokens: Vec::new() };
        for page in 0..PAGES_MAX {
            let path = self.user_path(account, page);
            let malformed = |why: String| MerklError::Malformed { path: path.clone(), why };
            let chains: Vec<UserChain> = self.ask(&path).await?;
            let mut is_last = true;
            for reward in chains.into_iter().flat_map(|chain| chain.rewards) {
                is_last &= reward.breakdowns.len() < BREAKDOWNS_OF_A_PAGE;
                user.add(reward, campaign).map_err(malformed)?;
            }
            if is_last {
                break;
            }
        }
        Ok(user)
    }

    async fn their_roots(&self, computed_until: u64) -> Result<Option<TheirRoots>, MerklError> {
        let Some(live) = self.live_roots().await? else { return Ok(None) };
        let from = UnixSeconds(computed_until.saturating_sub(ROOTS_BEFORE_SECONDS));
        let to = UnixSeconds(computed_until.saturating_add(ROOTS_AFTER_SECONDS));
        let listed = self.roots(from, to).await?;
        Ok(Some(TheirRoots {
            live: live.live,
            tree: live.tree,
            last_tree: live.last_tree,
            dispute_ends_at: UnixSeconds(live.end_of_dispute_period),
            listed: listed.into_iter().map(|root| (UnixSeconds(root.timestamp), root.root)).collect(),
        }))
    }
}

/// Those that were asked for by name, and those that are credited most; each once.
fn whom(rows: &[TheirRow], also: Also<'_>) -> Vec<Address> {
    let mut largest: Vec<&TheirRow> = rows.iter().collect();
    largest.sort_by_key(|row| std::cmp::Reverse((row.amount.0.saturating_add(row.pending.0), row.account)));
    let mut accounts: Vec<Address> = also.accounts.to_vec();
    for row in largest {
        if accounts.len() >= also.users_max.max(also.accounts.len()) {
            break;
        }
        if !accounts.contains(&row.account) {
            accounts.push(row.account);
        }
    }
    accounts
}

/// What was told; what was refused, was not kept or is in another shape is noted instead. Silence is an error: whoever asks
/// again goes on from there.
fn told<T>(answer: Result<T, MerklError>, beside: &mut Beside) -> Result<Option<T>, MerklError> {
    match answer {
        Ok(told) => Ok(Some(told)),
        Err(error @ MerklError::NoAnswer { .. }) => Err(error),
        Err(error) => {
            beside.not_told.push(error.to_string());
            Ok(None)
        }
    }
}

trait Add {
    fn add(&mut self, reward: UserReward, campaign: B256) -> Result<(), String>;
}

impl Add for TheirUser {
    /// Takes in a page of one token.
    fn add(&mut self, reward: UserReward, campaign: B256) -> Result<(), String> {
        let account = self.account;
        let UserReward { token, root, amount, pending, accrual, breakdowns } = reward;
        let total = computed(&row(account, String::new(), amount, None, pending, accrual)?)?;
        let mut parts = Amount::ZERO;
        for breakdown in breakdowns {
            let is_of_campaign = breakdown.campaign_id == campaign;
            let part = computed(&breakdown.row(account)?)?;
            parts = sum(account, parts, part)?;
            if is_of_campaign {
                self.of_campaign = sum(account, self.of_campaign, part)?;
            }
        }
        let token = token.address;
        match self.tokens.iter_mut().find(|one| (one.token, &one.root) == (token, &root)) {
            // The next page of the same token repeats its total.
            Some(known) => known.parts = sum(account, known.parts, parts)?,
            None => self.tokens.push(UserToken { token, root, total, parts }),
        }
        Ok(())
    }
}

fn computed(row: &TheirRow) -> Result<Amount, String> {
    sum(row.account, row.amount, row.pending)
}

fn sum(account: Address, one: Amount, other: Amount) -> Result<Amount, String> {
    one.checked_add(other).ok_or_else(|| format!("what {account} has comes to more than 256 bits hold"))
}

//! What was found, as configuration: `[[tokens]]`, `[[pools]]` and `[[campaigns]]`, each with where it was announced.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write;

use accrual_api::view::Rfc3339;
use accrual_indexer::decode::merkl::{CampaignData, Concentrated};
use accrual_indexer::discover::{Announcement, FoundPool, Override, Place};
use accrual_rewards::id::Venue;
use accrual_rewards::unit::UnixSeconds;
use alloy_primitives::Address;

/// The text so far.
#[derive(Debug, Default)]
pub(super) struct Written {
    tokens: String,
    pools: String,
    campaigns: String,
    known_tokens: BTreeSet<Address>,
    known_pools: BTreeSet<Address>,
}

impl Written {
    pub(super) fn text(&self) -> String {
        let head =
            "# Found on chain by `accrual discover`. Hold it against what you know before you use it.\n";
        let parts = [head, &self.tokens, &self.pools, &self.campaigns];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// A pool with its tokens, once.
    pub(super) fn pool(&mut self, found: &FoundPool) {
        let pool = &found.pool;
        if !self.known_pools.insert(pool.address) {
            return;
        }
        for (index, token) in pool.facts.tokens.iter().enumerate() {
            let symbol = found.symbols.get(index).cloned().flatten();
            self.token(*token, symbol, pool.facts.decimals.get(index).copied().flatten());
        }
        let text = &mut self.pools;
        line(text, "[[pools]]");
        line(text, &format!("id = {}", quoted(&pool_id(found))));
        if pool.venue == Venue::Erc20 {
            line(
                text,
                "# It answers as a token and as no pool that accrual knows: paid by balance, without price or reserves.",
            );
        }
        line(text, &format!("venue = {}", quoted(pool.venue.as_str())));
        line(text, &format!("address = {}", quoted(&pool.address.to_checksum(None))));
        if let Some(manager) = pool.position_manager {
            line(text, &format!("position_manager = {}", quoted(&manager.to_checksum(None))));
        }
        if let Some(vault) = pool.vault {
            line(text, &format!("vault = {}", quoted(&vault.to_checksum(None))));
        }
        if !found.created_block_is_known {
            line(
                text,
                "# Not announced in the blocks that were looked through. 0 is before everything, which only costs time.",
            );
        }
        line(text, &format!("created_block = {}", pool.created_block));
        if !pool.facts.weights_e18.is_empty() {
            let weights: Vec<String> = pool.facts.weights_e18.iter().map(ToString::to_string).collect();
            line(text, &format!("# weights, in parts of 10^18: {}", weights.join(", ")));
        }
        for wrapper in &pool.wrappers {
            line(text, "[[pools.wrappers]]");
            line(text, &format!("kind = {}", quoted(wrapper.kind.as_str())));
            line(text, &format!("address = {}", quoted(&wrapper.address.to_checksum(None))));
        }
        text.push('\n');
    }

    /// Whether the token was written.
    pub(super) fn knows_token(&self, address: Address) -> bool {
        self.known_tokens.contains(&address)
    }

    /// A token, once; not one that does not say what it is, since the file would need both.
    pub(super) fn token(&mut self, address: Address, symbol: Option<String>, decimals: Option<u8>) {
        let (Some(symbol), Some(decimals)) = (symbol, decimals) else { return };
        if !self.known_tokens.insert(address) {
            return;
        }
        let text = &mut self.tokens;
        line(text, "[[tokens]]");
        line(text, &format!("address = {}", quoted(&address.to_checksum(None))));
        line(text, &format!("symbol = {}", quoted(&symbol)));
        line(text, &format!("decimals = {decimals}\n"));
    }

    /// A campaign on a pool that was written.
    pub(super) fn campaign(&mut self, found: &Announcement, pool: &FoundPool) {
        let campaign = &found.campaign;
        let starts = UnixSeconds(u64::from(campaign.startTimestamp));
        let text = &mut self.campaigns;
        line(text, &format!("# Announced in {}.", place(found.place)));
        line(text, "[[campaigns]]");
        let day: String = Rfc3339(starts).to_string().chars().take(10).collect();
        let tail: String = campaign.campaignId.to_string().chars().skip(2).take(6).collect();
        line(text, &format!("id = {}", quoted(&format!("{}-{day}-{tail}", pool_id(pool)))));
        line(text, &format!("pool = {}", quoted(&pool_id(pool))));
        line(text, &format!("merkl_campaign_id = {}", quoted(&campaign.campaignId.to_string())));
        line(text, &format!("reward_token = {}", quoted(&campaign.rewardToken.to_checksum(None))));
        line(text, "# Net of Merkl's fee, as the event has it.");
        line(text, &format!("budget_units = {}", quoted(&campaign.amount.to_string())));
        line(text, &format!("starts_at = {}", quoted(&Rfc3339(starts).to_string())));
        line(text, &format!("ends_at = {}", quoted(&Rfc3339(end(starts, campaign.duration)).to_string())));
        line(
            text,
            "# Which scoring Merkl uses is not on chain: see the documentation, and compare with `report --scoring`.",
        );
        line(text, "scoring = \"per_block\"");
        if let Ok(data) = &found.data {
            terms(text, data);
        }
        for one in &found.overrides {
            version(text, one);
        }
        text.push('\n');
    }

    /// A campaign that cannot be followed, and why.
    pub(super) fn left_out(&mut self, found: &Announcement, why: &str) {
        let campaign = &found.campaign;
        let text = &mut self.campaigns;
        line(
            text,
            &format!("# Left out: campaign {} of type {},", campaign.campaignId, campaign.campaignType),
        );
        line(text, &format!("# announced in {}:", place(found.place)));
        line(text, &format!("# {why}.\n"));
    }
}

/// Why a campaign of such data is not written.
pub(super) fn unreadable(data: &CampaignData) -> &'static str {
    match data {
        CampaignData::Hash(_) => {
            "its data is the hash of a configuration that lies with Merkl; take the pool and the lists from there"
        }
        CampaignData::Elsewhere { .. } => "it pays for something on another chain",
        CampaignData::Other(_) => "accrual does not compute campaigns of this type",
        CampaignData::Concentrated(_) | CampaignData::Token(_) => "it names no pool",
    }
}

fn terms(text: &mut String, data: &CampaignData) {
    let (whitelist, blacklist) = match data {
        CampaignData::Concentrated(terms) => {
            concentrated(text, terms);
            (&terms.whitelist, &terms.blacklist)
        }
        CampaignData::Token(terms) => (&terms.whitelist, &terms.blacklist),
        _ => return,
    };
    line(text, &format!("blacklist = {}", list(blacklist)));
    line(text, &format!("whitelist = {}", list(whitelist)));
}

fn concentrated(text: &mut String, terms: &Concentrated) {
    let [fees, token0, token1] = terms.weights;
    line(text, &format!("weights = {{ fees = {fees}, token0 = {token0}, token1 = {token1} }}"));
    line(text, &format!("out_of_range = {}", terms.out_of_range));
    if !terms.boosting.is_zero() {
        let boosting = terms.boosting.to_checksum(None);
        line(text, &format!("# It boosts holders of {boosting}, which accrual does not follow."));
    }
}

fn version(text: &mut String, one: &Override) {
    let starts = UnixSeconds(u64::from(one.campaign.startTimestamp));
    line(text, &format!("# Overridden in {}.", place(one.place)));
    line(text, "[[campaigns.versions]]");
    line(text, &format!("since = {}", quoted(&Rfc3339(one.since).to_string())));
    line(text, &format!("starts_at = {}", quoted(&Rfc3339(starts).to_string())));
    line(text, &format!("ends_at = {}", quoted(&Rfc3339(end(starts, one.campaign.duration)).to_string())));
    if let Ok(data) = &one.data {
        terms(text, data);
    }
}

fn end(starts: UnixSeconds, duration_seconds: u32) -> UnixSeconds {
    UnixSeconds(starts.0 + u64::from(duration_seconds))
}

fn place(place: Place) -> String {
    format!("block {}, transaction {}", place.block, place.transaction)
}

/// The venue, the symbols and the beginning of the address: readable, and no two pools have the same.
fn pool_id(found: &FoundPool) -> String {
    let symbols = found.symbols.iter().flatten().map(String::as_str);
    let name = std::iter::once(found.pool.venue.as_str()).chain(symbols).collect::<Vec<_>>().join("-");
    let plain: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').take(40).collect();
    let address: String = format!("{:x}", found.pool.address).chars().take(6).collect();
    format!("{}-{address}", plain.to_lowercase())
}

fn list(accounts: &[Address]) -> String {
    let quoted: Vec<String> = accounts.iter().map(|account| quoted(&account.to_checksum(None))).collect();
    format!("[{}]", quoted.join(", "))
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes all that is written");
}

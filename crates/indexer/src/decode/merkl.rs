//! Decodes what Merkl's DistributionCreator announces: campaigns, their overrides, and the data that says what for.
//!
//! Nobody checks the data but Merkl's engine, so nothing in it is trusted: a word that cannot be what it stands for is an
//! error that names it. The forms are those of `facts/merkl.md` 3.4.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol;
use alloy::sol_types::{SolEvent, SolValue};

use crate::decode::DecodeError;
use crate::source::RawLog;

sol! {
    /// A campaign as its contract stores it (merkl-contracts `CampaignParameters`).
    #[derive(Debug, PartialEq, Eq)]
    struct CampaignParameters {
        bytes32 campaignId;
        address creator;
        address rewardToken;
        uint256 amount;
        uint32 campaignType;
        uint32 startTimestamp;
        uint32 duration;
        bytes campaignData;
    }

    #[derive(Debug, PartialEq, Eq)]
    event NewCampaign(CampaignParameters campaign);
    #[derive(Debug, PartialEq, Eq)]
    event CampaignOverride(bytes32 campaignId, CampaignParameters campaign);
}

/// What a log of the creator announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announced {
    /// A campaign begins.
    New(CampaignParameters),
    /// A campaign is another one from this block on.
    Override(B256, CampaignParameters),
}

/// What a campaign pays for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CampaignData {
    /// Liquidity of a concentrated pool (type 2).
    Concentrated(Concentrated),
    /// Balances of a token (types 1 and 18).
    Token(TokenHeld),
    /// Something on another chain.
    Elsewhere {
        /// That chain.
        chain_id: u32,
        /// What for, there.
        data: Box<CampaignData>,
    },
    /// Only the hash of a configuration, which lies with Merkl.
    Hash(B256),
    /// A type that accrual does not compute.
    Other(u32),
}

/// The terms of a campaign of type 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concentrated {
    /// The pool.
    pub pool: Address,
    /// Parts of the budget, as far as their sum counts: by fees, token0 and token1.
    pub weights: [u32; 3],
    /// Whether positions out of range have a share of the token parts.
    pub out_of_range: bool,
    /// Whose holders are boosted; zero for nobody.
    pub boosting: Address,
    /// The only accounts with a share, when not empty.
    pub whitelist: Vec<Address>,
    /// Accounts with no share.
    pub blacklist: Vec<Address>,
}

/// The terms of a campaign of types 1 and 18.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHeld {
    /// The token.
    pub token: Address,
    /// The only accounts with a share, when not empty.
    pub whitelist: Vec<Address>,
    /// Accounts with no share.
    pub blacklist: Vec<Address>,
}

/// Campaign data that is not what its type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("word {word} of the campaign's data ({name}) is {what}")]
pub struct DataError {
    word: usize,
    name: &'static str,
    what: String,
}

/// The four bytes that end data for another chain.
const ELSEWHERE: [u8; 4] = [0xc0; 4];
/// No list of a campaign is longer.
const LIST_MAX: usize = 10_000;
/// Weights are parts of 10,000, and nobody needs finer ones than this.
const WEIGHT_MAX: u64 = 1_000_000;

/// Topics of the creator's logs that are read.
pub const TOPICS: [B256; 2] = [NewCampaign::SIGNATURE_HASH, CampaignOverride::SIGNATURE_HASH];

/// Reads a log of the DistributionCreator; `None` for one of another kind.
///
/// # Errors
/// A known topic with content that does not parse, or an override that speaks of two campaigns.
pub fn announced(log: &RawLog) -> Result<Option<Announced>, DecodeError> {
    match log.topics.first().copied() {
        Some(NewCampaign::SIGNATURE_HASH) => {
            Ok(Some(Announced::New(parse::<NewCampaign>(log, "NewCampaign")?.campaign)))
        }
        Some(CampaignOverride::SIGNATURE_HASH) => {
            let CampaignOverride { campaignId, campaign } = parse(log, "CampaignOverride")?;
            Ok(Some(Announced::Override(campaignId, campaign)))
        }
        _ => Ok(None),
    }
}

fn parse<E: SolEvent>(log: &RawLog, name: &'static str) -> Result<E, DecodeError> {
    E::decode_raw_log_validate(log.topics.iter().copied(), &log.data)
        .map_err(|error| DecodeError::new(log, name, error.to_string()))
}

/// The id that the contract gives a campaign: everything of it but the amount (`facts/merkl.md` 3.2).
pub fn campaign_id(chain_id: u64, campaign: &CampaignParameters) -> B256 {
    let CampaignParameters {
        creator, rewardToken, campaignType, startTimestamp, duration, campaignData, ..
    } = campaign;
    let packed = (
        U256::from(chain_id),
        *creator,
        *rewardToken,
        *campaignType,
        *startTimestamp,
        *duration,
        campaignData.clone(),
    );
    keccak256(packed.abi_encode_packed())
}

/// What a campaign of this type pays for.
///
/// # Errors
/// Which word is not what it should be.
pub fn campaign_data(campaign_type: u32, data: &Bytes) -> Result<CampaignData, DataError> {
    if let Ok(hash) = B256::try_from(data.as_ref()) {
        return Ok(CampaignData::Hash(hash));
    }
    let words = Words(data);
    if data.ends_with(&ELSEWHERE) && data.len() % 32 == 4 {
        let words = Words(&data[..data.len() - ELSEWHERE.len()]);
        let chain_id = words.number(0, "compute chain", u64::from(u32::MAX))?;
        let inner = Bytes::copy_from_slice(words.bytes(1, "data for that chain")?);
        let data = Box::new(campaign_data(campaign_type, &inner)?);
        return Ok(CampaignData::Elsewhere { chain_id: small(chain_id), data });
    }
    match campaign_type {
        1 | 18 => token(&words).map(CampaignData::Token),
        2 => concentrated(&words).map(CampaignData::Concentrated),
        other => Ok(CampaignData::Other(other)),
    }
}

/// Ten or twelve head words; the first offset, in word 7, says which.
fn concentrated(words: &Words<'_>) -> Result<Concentrated, DataError> {
    let head = words.number(7, "offset of the whitelist", u64::from(u32::MAX))?;
    if head != 10 * 32 && head != 12 * 32 {
        return Err(DataError {
            word: 7,
            name: "offset of the whitelist",
            what: format!("{head}: neither form begins its lists there"),
        });
    }
    let weight = |word, name| words.number(word, name, WEIGHT_MAX).map(small);
    let weights =
        [weight(1, "weight of fees")?, weight(2, "weight of token0")?, weight(3, "weight of token1")?];
    if weights == [0; 3] {
        return Err(DataError {
            word: 1,
            name: "weights",
            what: "all zero: nobody could be paid".to_owned(),
        });
    }
    Ok(Concentrated {
        pool: words.address(0, "pool")?,
        weights,
        out_of_range: words.number(4, "out of range", 1)? == 1,
        boosting: words.address(5, "boosting address")?,
        whitelist: words.addresses(7, "whitelist")?,
        blacklist: words.addresses(8, "blacklist")?,
    })
}

fn token(words: &Words<'_>) -> Result<TokenHeld, DataError> {
    Ok(TokenHeld {
        token: words.address(0, "target token")?,
        whitelist: words.addresses(1, "whitelist")?,
        blacklist: words.addresses(2, "blacklist")?,
    })
}

fn small(number: u64) -> u32 {
    u32::try_from(number).expect("it was held against a bound below 2^32")
}

/// ABI-encoded values, read word by word.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn word(&self, index: usize, name: &'static str) -> Result<&'a [u8; 32], DataError> {
        let missing =
            || DataError { word: index, name, what: format!("missing: there are {} bytes", self.0.len()) };
        let begin = index.checked_mul(32).ok_or_else(missing)?;
        let slice = begin.checked_add(32).and_then(|end| self.0.get(begin..end)).ok_or_else(missing)?;
        slice.try_into().map_err(|_| missing())
    }

    fn number(&self, index: usize, name: &'static str, max: u64) -> Result<u64, DataError> {
        let value = U256::from_be_bytes(*self.word(index, name)?);
        u64::try_from(value).ok().filter(|number| *number <= max).ok_or_else(|| DataError {
            word: index,
            name,
            what: format!("{value}, above {max}"),
        })
    }

    fn address(&self, index: usize, name: &'static str) -> Result<Address, DataError> {
        let word = self.word(index, name)?;
        if word[..12] != [0; 12] {
            let what = format!("{}, too large for an address", B256::from(*word));
            return Err(DataError { word: index, name, what });
        }
        Ok(Address::from_slice(&word[12..]))
    }

    /// The word at which what `index` points to begins, and its length.
    fn list(&self, index: usize, name: &'static str, max: usize) -> Result<(usize, usize), DataError> {
        let offset = self.number(index, name, u64::from(u32::MAX))?;
        let astray = |what: String| DataError { word: index, name, what };
        let offset = usize::try_from(offset).map_err(|_| astray(format!("the offset {offset}")))?;
        if offset % 32 != 0 || offset >= self.0.len() {
            return Err(astray(format!("the offset {offset}, which is not in the {} bytes", self.0.len())));
        }
        let at = offset / 32;
        let length = self.number(at, name, u64::try_from(max).unwrap_or(u64::MAX))?;
        Ok((at + 1, usize::try_from(length).map_err(|_| astray(format!("a length of {length}")))?))
    }

    fn addresses(&self, index: usize, name: &'static str) -> Result<Vec<Address>, DataError> {
        let (begin, length) = self.list(index, name, LIST_MAX)?;
        (begin..begin + length).map(|word| self.address(word, name)).collect()
    }

    fn bytes(&self, index: usize, name: &'static str) -> Result<&'a [u8], DataError> {
        let (begin, length) = self.list(index, name, self.0.len())?;
        let begin = begin * 32;
        self.0.get(begin..begin + length).ok_or_else(|| DataError {
            word: index,
            name,
            what: format!("{length} bytes long, more than there are"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POOL: Address = Address::repeat_byte(0x11);
    const ANN: Address = Address::repeat_byte(0xa1);
    const BEN: Address = Address::repeat_byte(0xb2);

    fn word(number: u64) -> Vec<u8> {
        U256::from(number).to_be_bytes::<32>().to_vec()
    }

    fn address(address: Address) -> Vec<u8> {
        address.into_word().to_vec()
    }

    /// Ten head words: pool, weights 4000/3000/3000, in range only, no boost; whitelist of nobody, blacklist of Ann.
    fn ten_words() -> Bytes {
        let head = [
            address(POOL),
            word(4000),
            word(3000),
            word(3000),
            word(0),
            address(Address::ZERO),
            word(0),
            word(0x140), // the whitelist begins behind ten words
            word(0x160),
            word(0x1a0),
        ];
        // whitelist: none; blacklist: one; url: empty
        let lists = [word(0), word(1), address(ANN), word(0)];
        head.concat().into_iter().chain(lists.concat()).collect::<Vec<_>>().into()
    }

    /// Twelve head words, as the app wrote them in 2025: two more lists, and out of range paid.
    fn twelve_words() -> Bytes {
        let head = [
            address(POOL),
            word(2000),
            word(4000),
            word(4000),
            word(1),
            address(Address::ZERO),
            word(0),
            word(0x180), // the whitelist begins behind twelve words
            word(0x1e0),
            word(0x200),
            word(0x220),
            word(0x240),
        ];
        // whitelist: two; blacklist, url, hooks, extra: none
        let lists = [word(2), address(ANN), address(BEN), word(0), word(0), word(0), word(0)];
        head.concat().into_iter().chain(lists.concat()).collect::<Vec<_>>().into()
    }

    /// Type 1: the target token, two lists, and four things that are not read.
    fn token_words() -> Bytes {
        let head =
            [address(POOL), word(0xe0), word(0x100), word(0x160), word(0x180), word(0x1a0), word(0x1c0)];
        let lists = [word(0), word(2), address(ANN), address(BEN), word(0), word(0), word(0), word(0)];
        head.concat().into_iter().chain(lists.concat()).collect::<Vec<_>>().into()
    }

    fn elsewhere(inner: &Bytes) -> Bytes {
        let mut data = (U256::from(42161), inner.clone()).abi_encode_params();
        data.extend(ELSEWHERE);
        data.into()
    }

    fn ten() -> CampaignData {
        CampaignData::Concentrated(Concentrated {
            pool: POOL,
            weights: [4000, 3000, 3000],
            out_of_range: false,
            boosting: Address::ZERO,
            whitelist: vec![],
            blacklist: vec![ANN],
        })
    }

    #[test]
    fn every_form_of_campaign_data() {
        let twelve = CampaignData::Concentrated(Concentrated {
            pool: POOL,
            weights: [2000, 4000, 4000],
            out_of_range: true,
            boosting: Address::ZERO,
            whitelist: vec![ANN, BEN],
            blacklist: vec![],
        });
        let token =
            CampaignData::Token(TokenHeld { token: POOL, whitelist: vec![], blacklist: vec![ANN, BEN] });
        let there = CampaignData::Elsewhere { chain_id: 42161, data: Box::new(ten()) };
        let hash = B256::repeat_byte(7);
        let cases = [
            ("ten words", 2, ten_words(), ten()),
            ("twelve words", 2, twelve_words(), twelve),
            ("a token", 1, token_words(), token.clone()),
            ("a token, newer", 18, token_words(), token),
            ("another chain", 2, elsewhere(&ten_words()), there),
            ("a hash", 2, hash.to_vec().into(), CampaignData::Hash(hash)),
            ("a type of its own", 12, ten_words(), CampaignData::Other(12)),
        ];
        for (name, campaign_type, data, expected) in cases {
            assert_eq!(campaign_data(campaign_type, &data), Ok(expected), "{name}");
        }
    }

    #[test]
    fn data_that_lies_is_told_by_its_word() {
        let with = |at: usize, word: Vec<u8>| {
            let mut data = ten_words().to_vec();
            data[at * 32..(at + 1) * 32].copy_from_slice(&word);
            Bytes::from(data)
        };
        let cases = [
            ("cut short", Bytes::from(ten_words()[..300].to_vec()), 7, "not in the"),
            ("no bytes", Bytes::new(), 7, "missing"),
            ("a dirty address", with(0, vec![0xff; 32]), 0, "too large for an address"),
            ("a weight past all bounds", with(2, vec![0xff; 32]), 2, "above 1000000"),
            ("eleven words", with(7, word(0x160)), 7, "neither form"),
            ("a list outside", with(8, word(0x8000)), 8, "not in the"),
            ("an offset between words", with(8, word(0x161)), 8, "not in the"),
            ("a list of millions", with(11, word(10_000_000)), 11, "above 10000"),
            ("a truth of two", with(4, word(2)), 4, "above 1"),
        ];
        for (name, data, word, words) in cases {
            let error = campaign_data(2, &data).expect_err(name);
            assert!(error.word == word && error.to_string().contains(words), "{name}: {error}");
        }
    }

    #[test]
    fn an_id_is_made_of_everything_but_the_amount() {
        let campaign = CampaignParameters {
            campaignId: B256::ZERO,
            creator: ANN,
            rewardToken: BEN,
            amount: U256::from(5),
            campaignType: 2,
            startTimestamp: 1_749_142_800,
            duration: 1_209_600,
            campaignData: ten_words(),
        };
        let dearer = CampaignParameters { amount: U256::from(6), ..campaign.clone() };
        let longer = CampaignParameters { duration: 1, ..campaign.clone() };
        let id = |campaign| campaign_id(8453, campaign);
        assert_eq!(id(&campaign), id(&dearer));
        assert!(id(&campaign) != id(&longer) && id(&campaign) != campaign_id(1, &campaign));
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(campaign_type in 0_u32..20, data in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = campaign_data(campaign_type, &data.into());
        }

        #[test]
        fn a_changed_word_never_panics(at in 0_usize..14, word in prop_oneof![
            any::<[u8; 32]>(),
            (0_u64..700).prop_map(|number| U256::from(number).to_be_bytes::<32>()),
        ]) {
            let mut data = ten_words().to_vec();
            data[at * 32..(at + 1) * 32].copy_from_slice(&word);
            let _ = campaign_data(2, &Bytes::from(data.clone()));
            let _ = campaign_data(1, &data.into());
        }
    }
}

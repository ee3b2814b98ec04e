//! What tokens say of themselves, asked once and kept: their symbols and decimals.
//!
//! A symbol is a stranger's choice, and kept as `accrual_rewards::symbol` makes it harmless. What a contract does not say,
//! or not sensibly, stays unknown.

use std::collections::BTreeSet;
use std::time::Duration;

use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::Venue;
use accrual_rewards::symbol::harmless;
use accrual_rewards::tracker::Pool;
use accrual_store::{Db, StoreError, TokenRow, pools, tokens};
use alloy::primitives::{Address, Bytes, U256};
use alloy::sol;
use alloy::sol_types::{SolCall, SolType, sol_data};
use futures::StreamExt;
use tokio::time::timeout;

use crate::source::LogSource;

sol! {
    function symbol() external view returns (string);
    function decimals() external view returns (uint8);
}

/// ERC-20 allows 255, but a whole token of more than 10^60 units does not exist.
const DECIMALS_MAX: u8 = 60;
const ASKED_AT_ONCE: usize = 8;
/// An answer is worth no longer wait: the chain can be followed without it.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Stores the pools' tokens, and asks each token that is not fully known yet, the campaigns' reward tokens too. A node
/// that does not answer leaves a token unknown until the next time.
///
/// # Errors
/// The database's own.
pub async fn learn(
    source: &dyn LogSource,
    db: &Db,
    chain_id: u64,
    pools: &[Pool],
    campaigns: &[Campaign],
) -> Result<(), StoreError> {
    set_pairs(db, pools).await?;
    let stored = tokens::list(db, chain_id).await?;
    let known = |address: Address| {
        stored
            .iter()
            .any(|token| token.address == address && token.symbol.is_some() && token.decimals.is_some())
    };
    let own = pools.iter().filter(|pool| pool.venue == Venue::Erc20).map(|pool| pool.address);
    let of_pools = pools.iter().flat_map(|pool| pool.facts.tokens.iter().copied()).chain(own);
    let wanted: BTreeSet<Address> =
        of_pools.chain(campaigns.iter().map(|campaign| campaign.reward_token)).collect();
    let unknown: Vec<Address> = wanted.into_iter().filter(|address| !known(*address)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let asked = unknown.into_iter().map(|address| ask(source, chain_id, address));
    let answers: Vec<TokenRow> = futures::stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await;
    for token in &answers {
        if token.symbol.is_none() || token.decimals.is_none() {
            let (address, symbol) = (token.address, token.symbol.is_some());
            tracing::warn!(token = %address, symbol, decimals = token.decimals, "a token does not say all of symbol() and decimals(): [[tokens]] can");
        }
    }
    tokens::learn(db, &answers).await
}

/// Stores which two tokens each pool holds, where that is not stored yet. Pools with more say so in their facts alone.
async fn set_pairs(db: &Db, pools: &[Pool]) -> Result<(), StoreError> {
    let stored = pools::list(db).await?;
    for pool in pools {
        let [token0, token1] = pool.facts.tokens[..] else { continue };
        let is_stored = stored
            .iter()
            .any(|row| row.pool == pool.id && row.token0 == Some(token0) && row.token1 == Some(token1));
        if !is_stored {
            pools::set_tokens(db, &pool.id, token0, token1).await?;
        }
    }
    Ok(())
}

/// A token's symbol, made harmless; `None` when it does not say one.
pub(crate) async fn symbol_of(source: &dyn LogSource, token: Address) -> Option<String> {
    symbol(&view(source, token, symbolCall {}.abi_encode()).await?)
}

/// A token's decimals, as it says itself; `None` when it does not, or not sensibly.
pub(crate) async fn decimals_of(source: &dyn LogSource, token: Address) -> Option<u8> {
    decimals(&view(source, token, decimalsCall {}.abi_encode()).await?)
}

async fn ask(source: &dyn LogSource, chain_id: u64, address: Address) -> TokenRow {
    let (symbol_said, decimals_said) = tokio::join!(
        view(source, address, symbolCall {}.abi_encode()),
        view(source, address, decimalsCall {}.abi_encode()),
    );
    TokenRow {
        chain_id,
        address,
        symbol: symbol_said.as_ref().and_then(symbol),
        decimals: decimals_said.as_ref().and_then(decimals),
    }
}

/// The answer of a view; `None` when it reverts, or when no node answers in time.
async fn view(source: &dyn LogSource, token: Address, input: Vec<u8>) -> Option<Bytes> {
    match timeout(ANSWER_LIMIT, source.call(token, Bytes::from(input), None)).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            tracing::warn!(%error, %token, "a token could not be asked");
            None
        }
        Err(_) => {
            tracing::warn!(%token, "a token was asked in vain for {} s", ANSWER_LIMIT.as_secs());
            None
        }
    }
}

/// The symbol in an answer, made harmless: a `string`, or a `bytes32` as old tokens have it.
fn symbol(output: &Bytes) -> Option<String> {
    let said = match <[u8; 32]>::try_from(output.as_ref()) {
        Ok(word) => word.split(|byte| *byte == 0).next().map(<[u8]>::to_vec)?,
        // A string's bytes need not be UTF-8, so they are read as what they are.
        Err(_) => sol_data::Bytes::abi_decode(output).ok()?.to_vec(),
    };
    harmless(&String::from_utf8_lossy(&said))
}

/// The decimals in an answer, when they can be a token's.
fn decimals(output: &Bytes) -> Option<u8> {
    let word = <[u8; 32]>::try_from(output.as_ref()).ok()?;
    u8::try_from(U256::from_be_bytes(word)).ok().filter(|decimals| *decimals <= DECIMALS_MAX)
}

#[cfg(test)]
mod tests {
    use accrual_rewards::unit::BlockNumber;
    use accrual_store::Header;
    use async_trait::async_trait;

    use super::*;
    use crate::source::{Heads, LogQuery, RawLog, SourceError};

    /// A node on which each token answers everything in its own way.
    struct Node;

    const SILENT: Address = Address::repeat_byte(1);
    const REFUSED: Address = Address::repeat_byte(2);
    const REVERTS: Address = Address::repeat_byte(3);
    /// Answers the number 18 to everything.
    const EIGHTEEN: Address = Address::repeat_byte(4);

    #[async_trait]
    impl LogSource for Node {
        async fn call(
            &self,
            to: Address,
            _: Bytes,
            _: Option<BlockNumber>,
        ) -> Result<Option<Bytes>, SourceError> {
            let (url, method, what) = ("node".to_owned(), "eth_call", "nonsense".to_owned());
            match to {
                SILENT => std::future::pending().await,
                REFUSED => Err(SourceError::BadAnswer { url, method, what }),
                REVERTS => Ok(None),
                _ => Ok(Some(U256::from(18).to_be_bytes::<32>().to_vec().into())),
            }
        }
        async fn chain_id(&self) -> Result<u64, SourceError> {
            unreachable!("only calls are made")
        }
        async fn heads(&self) -> Result<Heads, SourceError> {
            unreachable!("only calls are made")
        }
        async fn headers(&self, _: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
            unreachable!("only calls are made")
        }
        async fn logs(&self, _: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
            unreachable!("only calls are made")
        }
        async fn has_code(&self, _: Address) -> Result<bool, SourceError> {
            unreachable!("tokens are not asked for their code")
        }

        async fn wait_for_block(&self) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_does_not_answer_is_unknown() {
        for (address, decimals) in [(SILENT, None), (REFUSED, None), (REVERTS, None), (EIGHTEEN, Some(18))] {
            let token = timeout(2 * ANSWER_LIMIT, ask(&Node, 1, address)).await.expect("nobody waits longer");
            assert_eq!(token, TokenRow { chain_id: 1, address, symbol: None, decimals });
        }
    }

    fn string(bytes: &[u8]) -> Bytes {
        sol_data::Bytes::abi_encode(bytes).into()
    }

    fn word(bytes: &[u8]) -> Bytes {
        let mut word = [0; 32];
        word[..bytes.len()].copy_from_slice(bytes);
        word.to_vec().into()
    }

    #[test]
    fn symbols_are_made_harmless() {
        let far = [&[0xff; 32][..], &[0; 64]].concat();
        let cases: &[(&str, Bytes, Option<&str>)] = &[
            ("a string", string(b"TMAI"), Some("TMAI")),
            ("a currency sign", string("USD₮0".as_bytes()), Some("USD₮0")),
            ("letters of old Europe", string("Ξ Đ µ".as_bytes()), Some("Ξ Đ ?")),
            ("old style", word(b"MKR"), Some("MKR")),
            ("old style, all 32", word(&[b'x'; 32]), Some("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")),
            ("old style with a tail", word(b"MKR\0junk"), Some("MKR")),
            ("10 kB", string(&[b'A'; 10_240]), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
            ("control characters", string(b"A\x1b[2J\x07B\0C"), Some("A?[2J?B?C")),
            ("right to left", string("US\u{202e}CD\u{200f}".as_bytes()), Some("US?CD?")),
            ("Hebrew letters", string("\u{5d0}B".as_bytes()), Some("?B")),
            ("joined to its neighbour", string("e\u{301}\u{200d}".as_bytes()), Some("e??")),
            ("no UTF-8", string(b"A\xff\xfeB"), Some("A??B")),
            ("spaces around", string(b" \n USDC \t"), Some("USDC")),
            ("empty", string(b""), None),
            ("old style, empty", word(b""), None),
            ("blanks", string(b"   "), None),
            ("an offset out of it", far.into(), None),
            ("without padding", Bytes::from(string(b"TMAI")[..68].to_vec()), Some("TMAI")),
            ("cut short", Bytes::from(string(b"TMAI")[..67].to_vec()), None),
            ("no answer", Bytes::new(), None),
        ];
        for (name, output, expected) in cases {
            assert_eq!(symbol(output).as_deref(), *expected, "{name}");
        }
    }

    #[test]
    fn decimals_are_believed_up_to_sixty() {
        let number = |value: U256| Bytes::from(value.to_be_bytes::<32>().to_vec());
        let cases = [
            ("none", number(U256::ZERO), Some(0)),
            ("most", number(U256::from(18)), Some(18)),
            ("the largest", number(U256::from(60)), Some(60)),
            ("too many", number(U256::from(61)), None),
            ("past a byte", number(U256::from(256 + 18)), None),
            ("all ones", number(U256::MAX), None),
            ("a byte", Bytes::from_static(&[18]), None),
            ("two words", vec![0; 64].into(), None),
            ("no answer", Bytes::new(), None),
        ];
        for (name, output, expected) in cases {
            assert_eq!(decimals(&output), expected, "{name}");
        }
    }
}

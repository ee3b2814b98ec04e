//! Reads what a node says when it does not answer.
//!
//! Providers agree neither on codes nor on words (`facts/protocols.md` 6.1), and the same code -32005 is a rate limit
//! with one and a result limit with another. So the words decide first, the code second.

use crate::plan::Suggestion;

/// What a refusal means for the next question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Ask for fewer blocks.
    TooWide(Option<Suggestion>),
    /// Ask again later.
    Busy,
    /// The node does not have the blocks yet.
    Behind,
    /// The node does not have the blocks or their state any more.
    Pruned,
    /// Asking again would not help.
    Final,
}

const BEHIND: [&str; 6] = [
    "blockoutofrange",
    "block height is",
    "beyond current head",
    "header not found",
    "unknown block",
    "after last block",
];
const PRUNED: [&str; 8] = [
    "missing trie node",
    "pruned",
    "pruning",
    "historical state",
    "state is not available",
    "state not available",
    "state histories haven't been",
    "exceeds maximum proof window",
];
const BUSY: [&str; 10] = [
    "rate limit",
    "rate-limit",
    "ratelimit",
    "too many requests",
    "request limit reached",
    "credits",
    "quota",
    "compute units per second",
    "throughput",
    "temporarily unavailable",
];
const TOO_MANY_RESULTS: [&str; 6] =
    ["results", "response size", "too big", "too many logs", "max logs", "response is too large"];
const TOO_WIDE: [&str; 7] =
    ["range", "blocks", "limited to", "too wide", "too large", "timeout", "timed out"];

/// What `message` with `code` means for a question about `width` blocks that begins at block `first`.
pub fn read(code: i64, message: &str, first: u64, width: u64) -> Refusal {
    let words = message.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|word| words.contains(word));
    // EIP-4444 gave its number to what is asked of a node that has dropped it.
    if code == 4444 || says(&PRUNED) {
        Refusal::Pruned
    } else if says(&BEHIND) {
        Refusal::Behind
    } else if says(&BUSY) {
        Refusal::Busy
    } else if says(&TOO_MANY_RESULTS) {
        Refusal::TooWide(suggested_range(&words, first, width))
    } else if says(&TOO_WIDE) {
        Refusal::TooWide(suggested_range(&words, first, width).or_else(|| suggested_width(&words, width)))
    } else if code == -32005 {
        // "Limit exceeded" without a word of which: narrowing makes progress in either case.
        if width > 1 { Refusal::TooWide(None) } else { Refusal::Busy }
    } else if code == 429 || code == -32016 || code == -32007 {
        Refusal::Busy
    } else {
        Refusal::Final
    }
}

/// "[0x10, 0x20]" or "10-20" that begins where we asked and is shorter.
fn suggested_range(words: &str, first: u64, width: u64) -> Option<Suggestion> {
    let numbers = numbers(words);
    numbers
        .windows(2)
        .find(|pair| pair[0] == first && pair[1] >= first && pair[1] - first + 1 < width)
        .map(|pair| Suggestion::WidthNow(pair[1] - first + 1))
}

/// The smallest number in the text that is not more than what we asked: "range 9999 exceeds limit of 2000".
fn suggested_width(words: &str, width: u64) -> Option<Suggestion> {
    numbers(words).into_iter().filter(|number| (2..=width).contains(number)).min().map(Suggestion::WidthMax)
}

/// Every number in the text: decimal, with thousands commas, or hexadecimal.
fn numbers(words: &str) -> Vec<u64> {
    let separators = |c: char| !(c.is_ascii_alphanumeric() || c == ',');
    words
        .split(separators)
        .flat_map(|token| if is_thousands(token) { vec![token] } else { token.split(',').collect() })
        .filter_map(|token| match token.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => token.replace(',', "").parse().ok(),
        })
        .collect()
}

/// `10,000` and not `0x1,0x2` or `10,20`.
fn is_thousands(token: &str) -> bool {
    let mut groups = token.split(',');
    let head = groups.next().is_some_and(|head| (1..=3).contains(&head.len()));
    let digits = token.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
    head && digits && groups.all(|group| group.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_we_know_of() {
        use Refusal::{Behind, Busy, Final, Pruned, TooWide};
        use Suggestion::{WidthMax, WidthNow};
        let cases: &[(i64, &str, Refusal)] = &[
            (-32000, "block range too large", TooWide(None)),
            (-32000, "please limit the query to at most 1000 blocks", TooWide(Some(WidthMax(1000)))),
            (
                -32602,
                "query exceeds max results 20000, retry with the range 100-180",
                TooWide(Some(WidthNow(81))),
            ),
            (-32602, "query exceeds max results 20000, retry with the range 100-10099", TooWide(None)),
            (-32602, "query exceeds max block range 5000", TooWide(Some(WidthMax(5000)))),
            (
                -32600,
                "You can make eth_getLogs requests with up to a 10 block range. Based on your parameters, this block range should work: [0x64, 0x6d]",
                TooWide(Some(WidthNow(10))),
            ),
            (
                -32602,
                "Log response size exceeded. this block range should work: [0x64,0x7f]",
                TooWide(Some(WidthNow(28))),
            ),
            (
                -32005,
                "query returned more than 10000 results. Try with this block range [0x64, 0x65].",
                TooWide(Some(WidthNow(2))),
            ),
            (-32005, "query returned more than 10000 results", TooWide(None)),
            (-32602, "range 9999 exceeds limit of 2000", TooWide(Some(WidthMax(2000)))),
            (-32614, "eth_getLogs is limited to a 10,000 range", TooWide(Some(WidthMax(10_000)))),
            (-32000, "block range is too wide", TooWide(None)),
            (35, "ranges over 10000 blocks are not supported on freetier", TooWide(Some(WidthMax(10_000)))),
            (-32701, "exceed maximum block range: 50000", TooWide(None)),
            (-32000, "Block range limit exceeded.", TooWide(None)),
            (-32000, "exceeds the range allowed for your plan (10000 > 2000)", TooWide(Some(WidthMax(2000)))),
            (-32000, "eth_getLogs limited to 1024 block(s)", TooWide(Some(WidthMax(1024)))),
            (-32000, "range 10000 is bigger than range limit 2000", TooWide(Some(WidthMax(2000)))),
            (-32000, "query timeout exceeded", TooWide(None)),
            (-32005, "limit exceeded", TooWide(None)),
            (-32005, "daily request count exceeded, request rate limited", Busy),
            (429, "Too Many Requests", Busy),
            (-32016, "rate limit exceeded", Busy),
            (-32007, "100/second request limit reached", Busy),
            (-32602, "BlockOutOfRangeError: block height is 10 but requested was 20", Behind),
            (-32000, "header not found", Behind),
            (-32000, "missing trie node 3a5f (path ) state 0x3a5f is not available, not found", Pruned),
            (4444, "pruned history unavailable", Pruned),
            (4444, "history is gone", Pruned),
            (-32000, "history has been pruned for this block", Pruned),
            (-32000, "required historical state unavailable (reexec=128)", Pruned),
            (-32000, "old data not available due to pruning", Pruned),
            (-32000, "distance to target block exceeds maximum proof window", Pruned),
            (-32601, "the method eth_getLogs does not exist", Final),
        ];
        for (code, message, expected) in cases {
            assert_eq!(read(*code, message, 100, 10_000), *expected, "{message}");
        }
    }

    #[test]
    fn a_single_block_with_a_bare_limit_is_a_rate_limit() {
        assert_eq!(read(-32005, "limit exceeded", 100, 1), Refusal::Busy);
    }
}

//! Events of one pool in one row of `event_packs`, in their binary form.
//!
//! A row for each event costs 245 bytes and two entries of indexes; in packs of some hundred it is some 60 bytes and next to
//! no index. Packs hold whole blocks, so that a block's number alone says where one ends.

use std::ops::Range;

use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde_json::Value;

/// A pack is closed with the block in which it reaches so many events.
const EVENTS: usize = 256;

/// Cuts `events`, in chain order, into the packs that they are stored as.
pub(crate) fn cut(events: &[PlacedEvent]) -> Vec<Range<usize>> {
    let mut packs = Vec::new();
    let mut start = 0;
    for end in 1..=events.len() {
        let ends_block = events.get(end).is_none_or(|next| next.block_number != events[end - 1].block_number);
        if ends_block && (end - start >= EVENTS || end == events.len()) {
            packs.push(start..end);
            start = end;
        }
    }
    packs
}

/// The bytes of a pack.
pub(crate) fn write(events: &[PlacedEvent]) -> Vec<u8> {
    postcard::to_allocvec(events).expect("an event is made of texts and numbers")
}

/// The events of a pack, or what is wrong with it.
pub(crate) fn read(packed: &[u8]) -> Result<Vec<PlacedEvent>, String> {
    postcard::from_bytes(packed).map_err(|error| format!("packed is no list of events ({error})"))
}

/// The same of a pack of before, which was a text: base64 of its bytes, or JSON.
pub(crate) fn read_text(body: &str) -> Result<Vec<PlacedEvent>, String> {
    if body.starts_with('[') {
        return read_json(body);
    }
    read(&BASE64.decode(body).map_err(|error| format!("body is no base64 ({error})"))?)
}

/// A pack of before the binary form, in which an event's kind stood among its fields.
fn read_json(body: &str) -> Result<Vec<PlacedEvent>, String> {
    let wrong = |error: serde_json::Error| format!("body is no list of events ({error})");
    let cells: Vec<(u64, u32, u64, Value)> = serde_json::from_str(body).map_err(wrong)?;
    let mut events = Vec::with_capacity(cells.len());
    for (number, log_index, at, mut fields) in cells {
        let kind = fields.as_object_mut().and_then(|fields| fields.remove("kind"));
        let Some(Value::String(kind)) = kind else { return Err("body has an event of no kind".to_owned()) };
        let told = Value::Object([(kind, fields)].into_iter().collect());
        let event: PoolEvent = serde_json::from_value(told).map_err(wrong)?;
        events.push(PlacedEvent {
            block_number: BlockNumber(number),
            block_at: UnixSeconds(at),
            log_index,
            event,
        });
    }
    // They came from a table, in no order.
    events.sort_by_key(|event| (event.block_number, event.log_index));
    Ok(events)
}

#[cfg(test)]
mod tests {
    use accrual_rewards::event::PoolEvent;
    use accrual_rewards::unit::Amount;
    use alloy_primitives::U256;

    use super::*;

    fn flash(block: u64, log_index: u32) -> PlacedEvent {
        let event = PoolEvent::Flashed { paid0: Amount(U256::from(7)), paid1: Amount::ZERO };
        PlacedEvent { block_number: BlockNumber(block), block_at: UnixSeconds(2 * block), log_index, event }
    }

    #[test]
    fn packs_hold_whole_blocks() {
        let few: Vec<_> = (0..10).map(|i| flash(i / 3, 0)).collect();
        let many: Vec<_> = (0..1_000).map(|i| flash(i / 100, 0)).collect();
        let one_block: Vec<_> = (0..700).map(|i| flash(5, i)).collect();
        let cases = [
            ("none", &[][..], &[][..]),
            ("few", &few, &[(0, 10)]),
            ("many", &many, &[(0, 300), (300, 600), (600, 900), (900, 1_000)]),
            ("one block", &one_block, &[(0, 700)]),
        ];
        for (name, events, packs) in cases {
            let cut: Vec<_> = cut(events).into_iter().map(|pack| (pack.start, pack.end)).collect();
            assert_eq!(cut, packs, "{name}");
        }
    }

    #[test]
    fn a_pack_comes_back() {
        let events: Vec<_> = (0..300).map(|i| flash(u64::from(i / 3), i % 3)).collect();
        let packed = write(&events);
        assert!(packed.len() < 300 * 15, "{} bytes", packed.len());
        assert_eq!(read_text(&BASE64.encode(&packed)).as_ref(), Ok(&events), "as it was before");
        assert_eq!(read(&packed), Ok(events));
    }

    #[test]
    fn events_of_before_are_read() {
        let body = r#"[[9,4,18,{"kind":"flashed","paid0":"7","paid1":"0"}],[9,2,18,{"kind":"flashed","paid0":"7","paid1":"0"}]]"#;
        assert_eq!(read_text(body), Ok(vec![flash(9, 2), flash(9, 4)]));
    }

    #[test]
    fn what_is_damaged_says_so() {
        let whole = write(&[flash(1, 0), flash(1, 1)]);
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
        let cut = BASE64.encode(&whole[..6]);
        for body in ["", "*", "[1]", r#"[[1,2,3,{}]]"#, r#"[[1,2,3,{"kind":"none"}]]"#, &cut] {
            assert!(read_text(body).is_err(), "{body}");
        }
    }
}

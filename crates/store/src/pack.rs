//! Events of one pool in one row of `event_packs`, in their binary form.
//!
//! A row for each event costs 245 bytes and two entries of indexes; in packs of some hundred it is some 60 bytes and next to
//! no index. Packs hold whole blocks, so that a block's number alone says where one ends.

use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde_json::Value;

use crate::EventPlace;

/// A pack is closed with the block in which it reaches so many events.
const EVENTS: usize = 256;

/// Of one in a pack: most take less.
const EVENT_BYTES: usize = 64;

/// Events of one pool, all that some blocks have, as they are stored: a third of what they take as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    pub(crate) first: EventPlace,
    pub(crate) last: EventPlace,
    pub(crate) last_at: UnixSeconds,
    pub(crate) count: usize,
    pub(crate) bytes: Vec<u8>,
    /// A place that two of the events have.
    pub(crate) twice: Option<EventPlace>,
}

impl Pack {
    /// The packs of `events`, which are in chain order and all that their blocks have.
    ///
    /// # Panics
    /// As [`Packer::push`].
    pub fn of(events: &[PlacedEvent]) -> Vec<Self> {
        let mut packer = Packer::default();
        packer.push(events);
        packer.finish()
    }

    /// How many events it holds.
    pub fn count(&self) -> usize {
        self.count
    }

    fn whole(events: &[PlacedEvent]) -> Self {
        let places = || events.iter().map(EventPlace::from);
        assert!(places().is_sorted(), "events are in chain order");
        let twice = places().zip(places().skip(1)).find(|(one, next)| one == next);
        let (first, last) = (&events[0], &events[events.len() - 1]);
        Self {
            first: first.into(),
            last: last.into(),
            last_at: last.block_at,
            count: events.len(),
            bytes: postcard::to_extend(events, Vec::with_capacity(events.len() * EVENT_BYTES))
                .expect("an event is made of texts and numbers"),
            twice: twice.map(|(place, _)| place),
        }
    }
}

/// Packs events as they come, so that few of them lie in memory as they are. However they are cut, the packs are the same.
#[derive(Debug, Clone, Default)]
pub struct Packer {
    packs: Vec<Pack>,
    /// Those of a pack that is not full.
    open: Vec<PlacedEvent>,
    count: usize,
}

impl Packer {
    /// Takes up events that follow those before, and are all that their blocks have.
    ///
    /// # Panics
    /// When they are not in chain order: a mistake of ours.
    pub fn push(&mut self, mut events: &[PlacedEvent]) {
        self.count += events.len();
        while !events.is_empty() {
            let (pack, rest) = events.split_at(fits(self.open.len(), events));
            events = rest;
            let is_full = self.open.len() + pack.len() >= EVENTS;
            if is_full && self.open.is_empty() {
                self.packs.push(Pack::whole(pack));
                continue;
            }
            self.open.extend_from_slice(pack);
            if is_full {
                self.close();
            }
        }
    }

    /// How many events it holds.
    pub fn count(&self) -> usize {
        self.count
    }

    /// All packs, the last as full as it is.
    pub fn finish(mut self) -> Vec<Pack> {
        if !self.open.is_empty() {
            self.close();
        }
        self.packs
    }

    fn close(&mut self) {
        self.packs.push(Pack::whole(&self.open));
        self.open.clear();
    }
}

/// How many of `events` belong to a pack that holds so many already.
fn fits(held: usize, events: &[PlacedEvent]) -> usize {
    let missing = EVENTS - held;
    let Some(last) = events.get(missing - 1) else { return events.len() };
    missing + events[missing..].iter().take_while(|event| event.block_number == last.block_number).count()
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
    fn packs_hold_whole_blocks_however_they_come() {
        let few: Vec<_> = (0..10).map(|i| flash(i / 3, 0)).collect();
        let many: Vec<_> = (0..1_000).map(|i| flash(i / 100, 0)).collect();
        let one_block: Vec<_> = (0..700).map(|i| flash(5, i)).collect();
        let cases = [
            ("none", &[][..], &[][..]),
            ("few", &few, &[10]),
            ("many", &many, &[300, 300, 300, 100]),
            ("one block", &one_block, &[700]),
        ];
        for (name, events, counts) in cases {
            let packs = Pack::of(events);
            assert_eq!(packs.iter().map(Pack::count).collect::<Vec<_>>(), counts, "{name}");
            let read: Vec<_> = packs.iter().flat_map(|pack| read(&pack.bytes).unwrap()).collect();
            assert_eq!(read, events, "{name}");
            let blocks: Vec<_> = events.chunk_by(|a, b| a.block_number == b.block_number).collect();
            for blocks_at_once in 1..=blocks.len() {
                let mut packer = Packer::default();
                blocks.chunks(blocks_at_once).for_each(|blocks| packer.push(&blocks.concat()));
                assert_eq!(packer.count(), events.len(), "{name}");
                assert_eq!(packer.finish(), packs, "{name}, {blocks_at_once} blocks at once");
            }
        }
    }

    #[test]
    fn a_pack_says_what_is_in_it() {
        let events: Vec<_> = (0..300).map(|i| flash(u64::from(i / 3), i % 3)).collect();
        let pack = Pack::of(&events).remove(0);
        let place = |block, log_index| EventPlace { block_number: BlockNumber(block), log_index };
        assert_eq!((pack.first, pack.last), (place(0, 0), place(85, 2)));
        assert_eq!((pack.last_at, pack.count, pack.twice), (UnixSeconds(170), 258, None));
        assert!(pack.bytes.len() < 258 * 15, "{} bytes", pack.bytes.len());
        assert_eq!(read_text(&BASE64.encode(&pack.bytes)).unwrap(), events[..258], "as it was before");
        assert_eq!(Pack::of(&[flash(1, 0), flash(1, 1), flash(1, 1)])[0].twice, Some(place(1, 1)));
    }

    #[test]
    #[should_panic(expected = "events are in chain order")]
    fn what_is_out_of_order_is_not_packed() {
        Pack::of(&[flash(2, 0), flash(1, 0)]);
    }

    #[test]
    fn events_of_before_are_read() {
        let body = r#"[[9,4,18,{"kind":"flashed","paid0":"7","paid1":"0"}],[9,2,18,{"kind":"flashed","paid0":"7","paid1":"0"}]]"#;
        assert_eq!(read_text(body), Ok(vec![flash(9, 2), flash(9, 4)]));
    }

    #[test]
    fn what_is_damaged_says_so() {
        let whole = Pack::of(&[flash(1, 0), flash(1, 1)]).remove(0).bytes;
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
        let cut = BASE64.encode(&whole[..6]);
        for body in ["", "*", "[1]", r#"[[1,2,3,{}]]"#, r#"[[1,2,3,{"kind":"none"}]]"#, &cut] {
            assert!(read_text(body).is_err(), "{body}");
        }
    }
}

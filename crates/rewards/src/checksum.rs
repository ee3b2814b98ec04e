//! Addresses as people read them: EIP-55, whose capitals come from a hash of the digits.

use std::cell::RefCell;
use std::fmt;

use alloy_primitives::Address;

/// How many texts a thread keeps: as many as a byte has values.
const KEPT: usize = 256;

type Text = [u8; 42];

thread_local! {
    /// The texts that were written last, each at the place that its address' last byte tells.
    static WRITTEN: RefCell<[Option<(Address, Text)>; KEPT]> = const { RefCell::new([None; KEPT]) };
}

/// An address as EIP-55 writes it.
///
/// An answer names the same few pools, tokens, managers and accounts over and over, and to hash them anew each time was a
/// third of what the handler of a short one cost. So each thread keeps what it wrote last, in 16 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksummed(pub Address);

impl Checksummed {
    fn text(self) -> Text {
        let place = usize::from(self.0[19]);
        WRITTEN.with_borrow_mut(|written| match written[place] {
            Some((address, text)) if address == self.0 => text,
            _ => {
                let text = hashed(&self.0);
                written[place] = Some((self.0, text));
                text
            }
        })
    }
}

fn hashed(address: &Address) -> Text {
    address.to_checksum_buffer(None).as_str().as_bytes().try_into().expect("0x and forty digits")
}

impl fmt::Display for Checksummed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).expect("digits and letters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each place is written by one address after another, and read in between.
    #[test]
    fn a_text_is_its_own_address_text() {
        let numbered = |number: u64| Address::left_padding_from(&number.to_be_bytes());
        for round in 0..3 {
            for number in (0..4_000_u64).map(|number| number * (round + 1)) {
                for address in [numbered(number), numbered(number % 7), Address::repeat_byte(0xa1)] {
                    assert_eq!(Checksummed(address).to_string(), address.to_checksum(None));
                }
            }
        }
    }
}

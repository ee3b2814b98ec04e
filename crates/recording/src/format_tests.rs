use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::example;
use crate::model::Meta;

#[test]
fn a_recording_survives_writing_and_reading() {
    let recording = example::recording();
    let file = recording.write().unwrap();
    assert_eq!(Recording::read(&file).unwrap(), recording);
    assert_eq!(recording.write().unwrap(), file, "the same recording gives the same bytes");
}

#[test]
fn no_cut_is_read() {
    let small = example::recording().write().unwrap();
    for length in 0..small.len() {
        assert!(Recording::read(&small[..length]).is_err(), "{length} of {} bytes were read", small.len());
    }
    let step = crate::REHEARSAL.len() / 40;
    for length in (0..crate::REHEARSAL.len()).step_by(step) {
        assert!(Recording::read(&crate::REHEARSAL[..length]).is_err(), "{length} bytes were read");
    }
}

#[test]
fn no_flip_changes_what_is_read() {
    let recording = example::recording();
    let file = recording.write().unwrap();
    for position in 0..file.len() {
        for bit in [0, 3, 7] {
            let mut flipped = file.clone();
            flipped[position] ^= 1 << bit;
            // A bit of gzip's own header may mean nothing; then what is read is still what was written.
            if let Ok(read) = Recording::read(&flipped) {
                assert_eq!(read, recording, "bit {bit} of byte {position}");
            }
        }
    }
}

/// What a forger writes has a good checksum.
#[test]
fn a_forged_body_gives_an_error_or_a_chain() {
    let mut recording = example::recording();
    recording.blocks.truncate(4);
    let body = postcard::to_stdvec(&recording).unwrap();
    for position in 0..body.len() {
        for value in [0x00, 0x7f, 0xff] {
            let mut forged = body.clone();
            forged[position] = value;
            if let Ok(recording) = decode(&forged) {
                let _ = check_chain(&recording.blocks);
            }
        }
    }
}

#[test]
fn what_is_no_recording_says_why() {
    let good = example::recording();
    let file = good.write().unwrap();
    let with = |change: fn(&mut Recording)| {
        let mut recording = good.clone();
        change(&mut recording);
        packed(&postcard::to_stdvec(&recording).unwrap())
    };
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("nothing", vec![], "no accrual recording"),
        ("something else", b"{\"jsonrpc\":\"2.0\"}".to_vec(), "no accrual recording"),
        ("a later format", [b"accr.rec\x02\x00".as_slice(), &file[HEAD_BYTES..]].concat(), "format 2"),
        ("bytes after the end", [file.as_slice(), b"x"].concat(), "damaged"),
        (
            "fields after the last",
            packed(&[postcard::to_stdvec(&good).unwrap(), vec![0]].concat()),
            "damaged",
        ),
        ("no blocks", with(|recording| recording.blocks.clear()), "no blocks"),
        (
            "a gap",
            with(|recording| drop(recording.blocks.remove(3))),
            "block 104 is not the child of block 102",
        ),
        ("time backwards", with(|recording| recording.blocks[5].header.timestamp = 1), "block 105 is older"),
        (
            "five topics",
            with(|recording| {
                recording.blocks[2].transactions[0].logs[0].topics = vec![example::word(1); 5];
            }),
            "a log of block 102 has more than 4 topics",
        ),
        (
            "endless gas",
            with(|recording| recording.blocks[1].transactions[0].gas_used = u64::MAX),
            "impossible amounts",
        ),
    ];
    for (name, bytes, expected) in cases {
        let error = Recording::read(&bytes).expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn a_file_that_inflates_without_end_is_refused() {
    let zeros = vec![0; usize::try_from(INFLATED_BYTES_MAX).unwrap() + 1];
    let error = Recording::read(&packed(&zeros)).unwrap_err();
    assert!(matches!(error, RecordingError::TooLarge), "{error}");
}

#[test]
fn the_bundled_rehearsal_says_what_it_is() {
    let Meta { chain_id, rehearsal, config_toml, .. } = Recording::read(crate::REHEARSAL).unwrap().meta;
    assert_eq!(chain_id, 8453);
    assert!(rehearsal.is_some_and(|sentence| sentence.contains("rehearsal")));
    assert!(config_toml.contains("[[campaigns]]"));
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut gzip =
        GzEncoder::new([MAGIC.as_slice(), &FORMAT_VERSION.to_le_bytes()].concat(), Compression::fast());
    gzip.write_all(body).unwrap();
    gzip.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A forger's body may claim any length of any list: no more is kept than its bytes hold.
    #[test]
    fn a_body_of_any_bytes_is_an_error_or_a_chain(
        noise in vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        gone in 0_usize..9,
        good in any::<bool>(),
    ) {
        let mut body = if good { postcard::to_stdvec(&example::recording()).unwrap() } else { Vec::new() };
        let at = at.index(body.len() + 1);
        let end = (at + gone).min(body.len());
        body.splice(at..end, noise);
        if let Ok(recording) = Recording::read(&packed(&body)) {
            prop_assert_eq!(Recording::read(&recording.write().unwrap()).unwrap(), recording);
        }
    }

    #[test]
    fn a_file_of_any_bytes_is_refused(noise in vec(any::<u8>(), 0..300), begins_well in any::<bool>()) {
        let head = if begins_well { [MAGIC.as_slice(), &FORMAT_VERSION.to_le_bytes()].concat() } else { Vec::new() };
        prop_assert!(Recording::read(&[head, noise].concat()).is_err());
    }
}

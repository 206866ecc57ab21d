//! base64url, ULIDs, times: one value, one spelling (spec 1.1, 1.2, 6.1).

use chancery_base::{Millis, Rng, Ulid, b64, digest, hex};
use proptest::prelude::*;

struct Counting;

impl Rng for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
    }
}

#[test]
fn base64url_has_no_padding() {
    assert_eq!(b64::encode([0xff; 2]), "__8");
    assert!(b64::decode("__8=").is_err());
}

#[test]
fn hex_is_lower_case_and_of_whole_bytes() {
    assert_eq!(hex::encode([0x00, 0x9a, 0xff]), "009aff");
    assert_eq!(hex::decode("009aff").unwrap(), [0x00, 0x9a, 0xff]);
    assert_eq!(hex::decode_array("009aff"), Ok([0x00, 0x9a, 0xff]));
    for text in ["009AFF", "009af", "0x9aff", " 09aff", "009afg", "é9aff"] {
        assert!(hex::decode(text).is_err(), "{text}");
    }
    assert!(hex::decode_array::<2>("009aff").is_err());
    assert!(hex::decode_array::<4>("009aff").is_err());
}

#[test]
fn base64url_refuses_the_standard_alphabet() {
    assert!(b64::decode("-_-_").is_ok());
    assert!(b64::decode("+/+/").is_err());
}

#[test]
fn base64url_refuses_white_space() {
    for text in [" __8", "__8\n", "__ 8", "_\t_8"] {
        assert!(b64::decode(text).is_err(), "{text:?}");
    }
}

#[test]
fn base64url_refuses_left_over_bits() {
    assert!(b64::decode("__8").is_ok());
    assert!(b64::decode("__9").is_err());
    assert!(b64::decode_array::<2>("__9").is_err());
}

#[test]
fn base64url_of_a_fixed_length_refuses_shorter_and_longer() {
    let text = b64::encode([7; 32]);
    assert_eq!(text.len(), 43);
    assert_eq!(b64::decode_array::<32>(&text), Ok([7; 32]));
    assert!(b64::decode_array::<31>(&text).is_err());
    assert!(b64::decode_array::<33>(&text).is_err());
    assert!(b64::decode_array::<32>(&b64::encode([7; 64])).is_err());
}

#[test]
fn the_standard_alphabet_needs_its_padding() {
    assert_eq!(b64::decode_standard("//8=").as_deref(), Ok(&[0xff, 0xff][..]));
    assert!(b64::decode_standard("//8").is_err());
}

#[test]
fn the_hash_of_nothing_is_the_one_of_the_spec() {
    assert_eq!(digest::sha256_b64(""), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
}

/// The values for the empty input and for `abc` that other implementations of BLAKE3 are tested with.
#[test]
fn blake3_is_blake3_of_all_parts() {
    let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    let abc = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
    assert_eq!(hex(digest::blake3([])), empty);
    assert_eq!(hex(digest::blake3([b"abc".as_slice()])), abc);
    assert_eq!(hex(digest::blake3([b"a".as_slice(), b"", b"bc"])), abc);
}

#[test]
fn a_ulid_is_upper_case() {
    assert!("01HF7YAT00W6W7CM7N3W5FDXTB".parse::<Ulid>().is_ok());
    assert!("01hf7yat00w6w7cm7n3w5fdxtb".parse::<Ulid>().is_err());
}

#[test]
fn a_ulid_has_none_of_the_letters_that_look_like_digits() {
    for letter in ["I", "L", "O", "U"] {
        assert!(
            format!("01HF7YAT00W6W7CM7N3W5FDXT{letter}").parse::<Ulid>().is_err(),
            "{letter}"
        );
    }
}

#[test]
fn a_ulid_has_26_digits() {
    for text in [
        "",
        "01HF7YAT00W6W7CM7N3W5FDXT",
        "01HF7YAT00W6W7CM7N3W5FDXTBB",
        "01HF7YAT00W6W7CM7N3W5FDXTÄ",
    ] {
        assert!(text.parse::<Ulid>().is_err(), "{text}");
    }
}

#[test]
fn a_ulid_does_not_overflow_its_time() {
    assert!("7ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<Ulid>().is_ok());
    assert!("8ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<Ulid>().is_err());
}

#[test]
fn the_first_administrator_has_the_ulid_of_zeros() {
    assert_eq!("00000000000000000000000000".parse(), Ok(Ulid::NIL));
}

#[test]
fn a_new_ulid_holds_the_time_and_the_random_bytes() {
    let ulid = Ulid::generate(Millis(1_700_000_000_123), &Counting);
    assert_eq!(ulid.timestamp(), Millis(1_700_000_000_123));
    assert_eq!(&ulid.to_bytes()[6..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn a_time_is_written_with_milliseconds_and_z() {
    assert_eq!(Millis(1_795_243_401_000).to_rfc3339(), "2026-11-21T06:43:21.000Z");
    assert_eq!(Millis(-1).to_rfc3339(), "1969-12-31T23:59:59.999Z");
}

#[test]
fn a_time_is_read_in_the_forms_of_both_originals() {
    let expected = Some(Millis(1_795_243_472_775));
    assert_eq!(Millis::parse_rfc3339("2026-11-21T06:44:32.775342348+00:00"), expected);
    assert_eq!(Millis::parse_rfc3339("2026-11-21T06:44:32.775Z"), expected);
    assert_eq!(Millis::parse_rfc3339("2026-11-21T08:14:32.775+01:30"), expected);
    assert_eq!(Millis::parse_rfc3339("2026-11-21T04:44:32.775-02:00"), expected);
}

#[test]
fn a_text_that_is_no_time_is_none() {
    for text in [
        "",
        "now",
        "2026-11-21",
        "2026-11-21T06:44:32",
        "2026-11-21 06:44:32Z",
        "2026-11-21T06:44Z",
        "2026-11-21T06:44:32.Z",
        "2026-11-21T06:44:32,5Z",
        "2026-11-21T06:44:32.5",
        "2026-11-21T06:44:32+1:00",
        "2026-11-21T06:44:32+24:00",
        "2026-11-21T06:44:32Z[UTC]",
        "2026-11-21T06:44:32Z ",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "+026-01-01T00:00:00Z",
        "2026-01-01T00:00:0ßZ",
    ] {
        assert_eq!(Millis::parse_rfc3339(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn what_base64url_reads_it_writes_back(text in ".{0,40}") {
        if let Ok(bytes) = b64::decode(&text) {
            prop_assert_eq!(b64::encode(bytes), text);
        }
    }

    #[test]
    fn bytes_survive_base64url(bytes: Vec<u8>) {
        prop_assert_eq!(b64::decode(&b64::encode(&bytes)), Ok(bytes));
    }

    #[test]
    fn a_ulid_survives_its_text_and_sorts_as_it(a: [u8; 16], b: [u8; 16]) {
        let (a, b) = (Ulid::from_bytes(a), Ulid::from_bytes(b));
        prop_assert_eq!(a.to_string().parse(), Ok(a));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
    }

    #[test]
    fn what_is_read_as_a_ulid_is_written_back(text in "[0-9A-Za-z]{26}|.{0,30}") {
        if let Ok(ulid) = text.parse::<Ulid>() {
            prop_assert_eq!(ulid.to_string(), text);
        }
    }

    #[test]
    fn times_are_written_as_the_calendar_library_writes_them(ms in -377_705_023_201_000_i64..=253_402_207_200_999) {
        let library = jiff::Timestamp::from_millisecond(ms).unwrap();
        prop_assert_eq!(Millis(ms).to_rfc3339(), format!("{library:.3}"));
    }

    #[test]
    fn a_time_of_our_age_survives_its_text(ms in -62_167_219_200_000_i64..=253_402_207_200_999) {
        prop_assert_eq!(Millis::parse_rfc3339(&Millis(ms).to_rfc3339()), Some(Millis(ms)));
    }

    #[test]
    fn any_time_can_be_written(ms: i64) {
        prop_assert!(Millis(ms).to_rfc3339().ends_with('Z'));
    }

    #[test]
    fn times_are_read_as_the_calendar_library_reads_them(
        text in "(19[789][0-9]|20[0-9]{2})-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])T([01][0-9]|2[0-4]):[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][01][0-9]:[0-5][0-9])",
    ) {
        let library = text.parse::<jiff::Timestamp>().ok().map(|ts| ts.as_millisecond()).filter(|ms| *ms >= 0);
        prop_assert_eq!(Millis::parse_rfc3339(&text).map(|ms| ms.0).filter(|ms| *ms >= 0), library);
    }

    #[test]
    fn reading_a_time_never_panics(text in "\\PC{0,40}", digits in "[0-9TZ:.+-]{19,40}") {
        let _ = (Millis::parse_rfc3339(&text), Millis::parse_rfc3339(&digits));
    }
}

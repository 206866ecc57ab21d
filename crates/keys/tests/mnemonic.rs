//! What is taken for the words of a wallet, and that they are not printed.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

use chancery_base::Rng;
use chancery_keys::{AccountIndex, Mnemonic, MnemonicError};

const WORDS: &str = "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length";

struct Fixed;

impl Rng for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0x7f);
    }
}

fn refused(text: &str) -> MnemonicError {
    let error = Mnemonic::parse(text).unwrap_err();
    for word in ["hamster", "causes", "diagram", "picnic"] {
        assert!(!format!("{error} {error:?}").contains(word), "{error}");
    }
    error
}

#[test]
fn people_may_type_them_in_capitals_and_on_lines() {
    let typed = format!("  {}\n", WORDS.to_uppercase().replace(' ', " \n\t"));
    assert_eq!(Mnemonic::parse(&typed).unwrap().words().as_str(), WORDS);
}

#[test]
fn what_is_no_mnemonic_says_why_without_quoting_a_word() {
    assert_eq!(refused(""), MnemonicError::Words);
    assert_eq!(refused(&WORDS[..WORDS.rfind(' ').unwrap()]), MnemonicError::Words);
    assert_eq!(refused(&format!("{WORDS} zoo")), MnemonicError::Words);
    let twelve = "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic";
    assert_eq!(refused(twelve), MnemonicError::Words);
    assert_eq!(refused(&WORDS.replace("cause", "causes")), MnemonicError::Unknown(5));
    assert_eq!(refused(&WORDS.replace("length", "zoo")), MnemonicError::Checksum);
    assert_eq!(
        refused(&WORDS.replace("hamster diagram", "diagram hamster")),
        MnemonicError::Checksum
    );
    assert_eq!(refused(&format!("{WORDS}{}", " ".repeat(2000))), MnemonicError::Words);
    // a letter that only looks like one
    assert_eq!(refused(&WORDS.replace("word", "wоrd")), MnemonicError::Unknown(20));
}

#[test]
fn new_words_are_made_of_the_randomness_that_is_passed_in() {
    // the vector of BIP-39 for this entropy
    let words = "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title";
    assert_eq!(Mnemonic::generate(&Fixed).unwrap().words().as_str(), words);
}

#[test]
fn neither_words_nor_seed_nor_keys_print_themselves() {
    let mnemonic = Mnemonic::parse(WORDS).unwrap();
    let seed = mnemonic.seed();
    let evm = seed.evm(AccountIndex::FIRST).unwrap();
    let shown = format!("{mnemonic:?} {seed:?} {evm:?} {:?}", seed.ed25519(AccountIndex::FIRST));
    assert_eq!(shown, "Mnemonic(..) Seed(..) EvmKey(..) SecretKey(..)");
}

//! The 24 words that a wallet can be brought back from (BIP-39).

use std::fmt;

use bip39::Language;
use chancery_base::{Category, ErrorCode, Rng};
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of entropy behind 24 words.
pub const ENTROPY_BYTES: usize = 32;
/// How many words: the others that BIP-39 knows are not taken, so one wallet has one form.
pub const WORDS: usize = 24;
/// Bytes of a text that are looked at: 24 words of at most 8 letters with spaces fit four times.
pub const MAX_TEXT_BYTES: usize = 1024;

/// 24 English words. Wiped when dropped and never printed.
pub struct Mnemonic(bip39::Mnemonic);

/// What all accounts of a wallet are derived from: 64 bytes, wiped when dropped.
pub struct Seed(pub(crate) Zeroizing<[u8; 64]>);

/// Why a text is no mnemonic. None of them quotes a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MnemonicError {
    /// Another number of words.
    #[error("a mnemonic has 24 words")]
    Words,
    /// A word that is not on the English list.
    #[error("word {0} is not on the list of BIP-39")]
    Unknown(usize),
    /// All words are on the list, and do not belong together.
    #[error("the words do not belong together: one of them is wrong, or they are in another order")]
    Checksum,
}

impl ErrorCode for MnemonicError {
    fn code(&self) -> &'static str {
        "KEYS_MNEMONIC_INVALID"
    }

    fn category(&self) -> Category {
        Category::Input
    }
}

impl Mnemonic {
    /// New words from 32 random bytes.
    ///
    /// # Errors
    /// None that can happen: any 32 bytes are 24 words.
    pub fn generate(rng: &dyn Rng) -> Result<Self, MnemonicError> {
        let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
        rng.fill(entropy.as_mut_slice());
        Self::from_entropy(&entropy)
    }

    /// The words for this entropy.
    ///
    /// # Errors
    /// None that can happen: any 32 bytes are 24 words.
    pub fn from_entropy(entropy: &[u8; ENTROPY_BYTES]) -> Result<Self, MnemonicError> {
        bip39::Mnemonic::from_entropy_in(Language::English, entropy)
            .map(Self)
            .map_err(|_| MnemonicError::Words)
    }

    /// Reads 24 words. Case and the space between them do not matter: people type them.
    ///
    /// # Errors
    /// [`MnemonicError`].
    pub fn parse(text: &str) -> Result<Self, MnemonicError> {
        if text.len() > MAX_TEXT_BYTES || text.split_whitespace().count() != WORDS {
            return Err(MnemonicError::Words);
        }
        // as large as it becomes: growing would leave copies behind
        let mut plain = Zeroizing::new(String::with_capacity(text.len() + WORDS));
        for word in text.split_whitespace() {
            if !plain.is_empty() {
                plain.push(' ');
            }
            plain.extend(word.chars().map(|c| c.to_ascii_lowercase()));
        }
        bip39::Mnemonic::parse_in_normalized(Language::English, &plain)
            .map(Self)
            .map_err(|error| match error {
                bip39::Error::UnknownWord(at) => MnemonicError::Unknown(at + 1),
                bip39::Error::BadWordCount(_) => MnemonicError::Words,
                _ => MnemonicError::Checksum,
            })
    }

    /// The 32 bytes behind the words.
    #[must_use]
    pub fn to_entropy(&self) -> Zeroizing<[u8; ENTROPY_BYTES]> {
        let (mut padded, length) = self.0.to_entropy_array();
        let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
        // there are 24 words, so it is 32 bytes
        for (to, from) in entropy.iter_mut().zip(padded.iter().take(length)) {
            *to = *from;
        }
        padded.zeroize();
        entropy
    }

    /// The words, a space between them. Whoever has them has the wallet.
    #[must_use]
    pub fn words(&self) -> Zeroizing<String> {
        let mut words = Zeroizing::new(String::with_capacity(WORDS * 9));
        for word in self.0.words() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
        words
    }

    /// The seed, without a passphrase of its own: 2048 rounds of PBKDF2-HMAC-SHA512, some milliseconds.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.seed_with("")
    }

    fn seed_with(&self, passphrase: &str) -> Seed {
        Seed(Zeroizing::new(self.0.to_seed_normalized(passphrase)))
    }
}

impl Seed {
    /// The 64 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Mnemonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mnemonic(..)")
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use chancery_base::hex;

    use super::*;

    /// Entropy, words and seed of all vectors of 24 words that BIP-39 names (github.com/trezor/python-mnemonic,
    /// vectors.json), whose passphrase is TREZOR.
    const OFFICIAL: [[&str; 3]; 8] = [
        [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
            "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8",
        ],
        [
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
            "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title",
            "bc09fca1804f7e69da93c2f2028eb238c227f2e9dda30cd63699232578480a4021b146ad717fbb7e451ce9eb835f43620bf5c514db0f8add49f5d121449d3e87",
        ],
        [
            "8080808080808080808080808080808080808080808080808080808080808080",
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless",
            "c0c519bd0e91a2ed54357d9d1ebef6f5af218a153624cf4f2da911a0ed8f7a09e2ef61af0aca007096df430022f7a2b6fb91661a9589097069720d015e4e982f",
        ],
        [
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
            "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e1613912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05a69890ad",
        ],
        [
            "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c",
            "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length",
            "64c87cde7e12ecf6704ab95bb1408bef047c22db4cc7491c4271d170a1b213d20b385bc1588d9c7b38f1b39d415665b8a9030c9ec653d75e65f847d8fc1fc440",
        ],
        [
            "9f6a2878b2520799a44ef18bc7df394e7061a224d2c33cd015b157d746869863",
            "panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside",
            "72be8e052fc4919d2adf28d5306b5474b0069df35b02303de8c1729c9538dbb6fc2d731d5f832193cd9fb6aeecbc469594a70e3dd50811b5067f3b88b28c3e8d",
        ],
        [
            "066dca1a2bb7e8a1db2832148ce9933eea0f3ac9548d793112d9a95c9407efad",
            "all hour make first leader extend hole alien behind guard gospel lava path output census museum junior mass reopen famous sing advance salt reform",
            "26e975ec644423f4a4c4f4215ef09b4bd7ef924e85d1d17c4cf3f136c2863cf6df0a475045652c57eb5fb41513ca2a2d67722b77e954b4b3fc11f7590449191d",
        ],
        [
            "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f",
            "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold",
            "01f5bced59dec48e362f2c45b5de68b9fd6c92c6634f44d6d40aab69056506f0e35524a518034ddc1192e1dacd32c1ed3eaa3c3b131c88ed8e7e54c49a5d0998",
        ],
    ];

    #[test]
    fn the_official_vectors_of_24_words() {
        for [entropy, words, seed] in OFFICIAL {
            let entropy = hex::decode_array(entropy).unwrap();
            let mnemonic = Mnemonic::from_entropy(&entropy).unwrap();
            assert_eq!(mnemonic.words().as_str(), words);
            assert_eq!(hex::encode(mnemonic.seed_with("TREZOR").as_bytes()), seed);
            let read = Mnemonic::parse(words).unwrap();
            assert_eq!(*read.to_entropy(), entropy);
        }
    }
}

//! A text that is said in one epoch and comes after the commit that ends it: members keep the keys of three past epochs, and
//! read it. Official clients up to 5 do not when a leaf before its sender's was empty in its epoch. They look the sender up
//! in a list of that epoch's members by its place in the tree, and the list leaves empty places out; so they hold the
//! signature against somebody else's key, or find nobody, and pass over the text for good.
//!
//! Needs the SDKs ([`Sdk::find`]): the tests are skipped without them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use chancery_tests::{
    skip,
    xmtp::{Client, Generation, Network, Party, Sdk, comes_to},
};

/// A group whose members have the leaves 0 to 3: its maker, one who is going to leave, one who says something, and a reader.
struct Stage {
    net: Network,
    parties: [Party; 4],
    group: String,
}

const MAKER: usize = 0;
const LEAVER: usize = 1;
const SPEAKER: usize = 2;
const READER: usize = 3;

impl Stage {
    /// With official clients of one generation, and a reader of ours if `ours`.
    fn set(sdk: &Sdk, generation: Generation, ours: bool) -> Self {
        let net = Network::start(sdk.clone());
        let driver = net.driver(generation);
        let [maker, leaver, speaker] = ["maker", "leaver", "speaker"].map(|name| Party::from(driver.client(name)));
        let reader = if ours {
            net.ours("reader").into()
        } else {
            driver.client("reader").into()
        };
        let parties = [maker, leaver, speaker, reader];
        let group = parties[MAKER].new_group(&[]);
        for party in &parties[1..] {
            // one after the other, so that their leaves are
            parties[MAKER].add(&group, party.inbox_id());
            comes_to(party, &group);
        }
        let stage = Self { net, parties, group };
        for party in &stage.parties {
            // who says something the first time renews its keys before, which is a commit
            party.sync_all();
            party.send(&stage.group, "hello");
        }
        stage.all_read();
        stage
    }

    fn all_read(&self) {
        for party in &self.parties {
            party.sync_all();
        }
    }

    fn maker(&self) -> &Client {
        match &self.parties[MAKER] {
            Party::Official(client) => client,
            Party::Ours(_) => panic!("the maker is official"),
        }
    }

    /// The speaker says something while it does not know of a commit of the maker's. Who has it in the end?
    fn overtaken(&self, text: &str) -> [bool; 4] {
        self.all_read();
        self.parties[MAKER].rename(&self.group, text);
        self.parties[SPEAKER].send(&self.group, text);
        self.all_read();
        let envelopes = self.net.envelopes(&self.group);
        let envelope = envelopes.iter().rfind(|one| !one.is_commit).unwrap();
        assert!(self.maker().was_overtaken(&self.group, envelope), "{envelopes:?}");
        let has = |party: &Party| party.texts(&self.group).iter().any(|one| one == text);
        std::array::from_fn(|number| has(&self.parties[number]))
    }

    /// The same in epochs with all members, and in one with an empty leaf.
    fn play(&self) -> [bool; 4] {
        assert_eq!(self.overtaken("all are here"), [true; 4]);
        self.parties[MAKER].remove(&self.group, self.parties[LEAVER].inbox_id());
        self.all_read();
        // an empty leaf alone does no harm
        self.parties[SPEAKER].send(&self.group, "one is gone");
        self.all_read();
        for reader in [MAKER, READER] {
            let texts = self.parties[reader].texts(&self.group);
            assert!(texts.iter().any(|text| text == "one is gone"), "{texts:?}");
        }
        self.overtaken("too late")
    }
}

#[test]
fn among_themselves_official_clients_up_to_5_lose_what_is_overtaken_behind_an_empty_leaf() {
    let Some(sdk) = Sdk::find() else {
        skip!("{}", Sdk::MISSING);
    };
    for generation in Generation::ALL {
        let has = Stage::set(&sdk, generation, false).play();
        let reads = generation > Generation::Five;
        assert_eq!(has, [reads, false, true, reads], "{generation:?}");
    }
}

#[test]
fn ours_reads_what_is_overtaken_behind_an_empty_leaf() {
    let Some(sdk) = Sdk::find() else {
        skip!("{}", Sdk::MISSING);
    };
    let [_, _, speaker, reader] = Stage::set(&sdk, Generation::Five, true).play();
    assert!(speaker && reader, "the speaker and ours: {speaker}, {reader}");
}

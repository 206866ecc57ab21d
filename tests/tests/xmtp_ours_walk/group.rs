//! What the walk knows of a group: who should be where, and what everybody should have.

use std::collections::BTreeSet;

use chancery_tests::xmtp::Said;

use super::WALKERS;

/// Where a group should be.
pub(crate) struct Group {
    pub(crate) id: String,
    /// Who made it: never leaves, and may do everything.
    pub(crate) maker: usize,
    pub(crate) members: BTreeSet<usize>,
    pub(crate) admins: BTreeSet<usize>,
    /// Of each walker, the step at which it last joined, and the one at which it last read.
    pub(crate) joined: [usize; WALKERS],
    pub(crate) read: [usize; WALKERS],
    /// Step and walker of each that may have been a commit.
    pub(crate) commits: Vec<(usize, usize)>,
    /// None after a race, which anybody may have won.
    pub(crate) name: Option<String>,
    pub(crate) sent: Vec<Sent>,
    /// Who is in which leaf of the tree from an epoch on.
    leaves: Vec<(u64, Vec<Option<usize>>)>,
}

/// A text.
pub(crate) struct Sent {
    pub(crate) said: Said,
    pub(crate) walker: usize,
    /// Who was in the group then.
    pub(crate) members: BTreeSet<usize>,
    /// When its sender last read. Who joined later cannot read it.
    pub(crate) known_since: usize,
    /// Whether its sender had read all before.
    pub(crate) fresh: bool,
    /// Whether others said something at the same time: then each has its own opinion on the order.
    pub(crate) raced: bool,
    /// Whether its sender knows that the network has it.
    pub(crate) sure: bool,
}

impl Group {
    /// A group whose members came into it in the order of `leaves`.
    pub(crate) fn new(id: String, leaves: &[usize]) -> Self {
        Self {
            id,
            maker: leaves[0],
            members: leaves.iter().copied().collect(),
            admins: BTreeSet::new(),
            joined: [0; WALKERS],
            read: [0; WALKERS],
            commits: Vec::new(),
            name: Some("a group".to_owned()),
            sent: Vec::new(),
            leaves: vec![(0, leaves.iter().copied().map(Some).collect())],
        }
    }

    /// Somebody is in from `epoch` on: in the first leaf that is empty (RFC 9420, 12.1.1).
    pub(crate) fn joins(&mut self, walker: usize, epoch: u64) {
        self.members.insert(walker);
        let mut leaves = self.leaves_at(epoch).to_vec();
        match leaves.iter_mut().find(|leaf| leaf.is_none()) {
            Some(empty) => *empty = Some(walker),
            None => leaves.push(Some(walker)),
        }
        self.leaves.push((epoch, leaves));
    }

    /// Somebody is out from `epoch` on.
    pub(crate) fn is_removed(&mut self, walker: usize, epoch: u64) {
        self.members.remove(&walker);
        let mut leaves = self.leaves_at(epoch).to_vec();
        for leaf in &mut leaves {
            leaf.take_if(|one| *one == walker);
        }
        self.leaves.push((epoch, leaves));
    }

    /// Whether a leaf before that of `walker` was empty in `epoch`.
    pub(crate) fn is_behind_an_empty_leaf(&self, walker: usize, epoch: u64) -> bool {
        let before = self.leaves_at(epoch).iter().take_while(|leaf| **leaf != Some(walker));
        before.into_iter().any(Option::is_none)
    }

    fn leaves_at(&self, epoch: u64) -> &[Option<usize>] {
        let at = self.leaves.partition_point(|(from, _)| *from <= epoch);
        &self.leaves[at - 1].1
    }
}

//! Tests the decisions against a model of the kernel, in which opens begin, end and fail at any moment, also while the
//! broker acts. At no moment do two users hold a device; at the end it is offered to all of them again.

use super::{
    Claims, Device, Nodes, Unwatched, Watch,
    program::{Number, Slot, bit, holder, opened},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A node in a user's /dev: the number of references to it, and whether it is watched.
#[derive(Default)]
struct Node {
    number: Number,
    references: u32,
    named: bool,
    watched: bool,
}

/// An open that the program has allowed: the user and the node. It may still succeed or fail.
struct Open(Slot, usize);

#[derive(Default)]
struct Kernel {
    random: u64,
    busy: bool,
    names: BTreeMap<(Slot, String), usize>,
    hidden: BTreeMap<(Slot, usize), usize>,
    kept: Vec<(Slot, usize)>,
    nodes: Vec<Node>,
    words: [u64; 4],
    grants: BTreeMap<Number, (usize, u32)>,
    opens: Vec<Open>,
    ends: VecDeque<Watch>,
}

const DEVICES: [(&str, Number); 2] = [("hwrng", (10, 183)), ("vport0p1", (250, 1))];
/// Other sets of devices: one device under another name, another device of the same name, and both with names swapped.
const OTHERS: [&[(&str, Number)]; 5] = [
    &DEVICES,
    &[("hwrng", (10, 183)), ("vport7p1", (250, 1))],
    &[("vport0p1", (250, 2)), ("hwrng", (10, 183))],
    &[("vport0p1", (10, 183)), ("hwrng", (250, 1))],
    &[("vport0p1", (250, 2))],
];
const GRANTED: u32 = 0b101;

impl Kernel {
    fn below(&mut self, limit: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % limit
    }

    /// The users do something at random, or nothing.
    fn users(&mut self) {
        if !self.busy {
            return;
        }
        match self.below(8) {
            0..2 => self.open(),
            // a handle (`O_PATH`): the user keeps it, opens it later, or closes it
            6 => {
                if let Some((slot, node)) = self.any() {
                    self.nodes[node].references += 1;
                    self.kept.push((slot, node));
                }
            }
            7 if !self.kept.is_empty() => {
                let at = self.below(self.kept.len());
                let (slot, node) = self.kept[at];
                if self.below(2) == 0 {
                    self.open_node(slot, node);
                } else {
                    self.kept.swap_remove(at);
                    self.nodes[node].references -= 1;
                    self.end(node);
                }
            }
            2..4 if !self.opens.is_empty() => {
                let at = self.below(self.opens.len());
                let Open(_, node) = self.opens.swap_remove(at);
                self.nodes[node].references -= 1;
                self.end(node);
            }
            _ => {}
        }
    }

    /// A user opens a device, or only tests whether that is possible: the program counts both.
    fn open(&mut self) {
        if let Some((slot, node)) = self.any() {
            self.open_node(slot, node);
        }
    }

    /// Any node that its user sees.
    fn any(&mut self) -> Option<(Slot, usize)> {
        let at = self.below(self.names.len().max(1));
        self.names.iter().nth(at).map(|((slot, _), node)| (*slot, *node))
    }

    fn open_node(&mut self, slot: Slot, node: usize) {
        let (index, granted) = self.grants[&self.nodes[node].number];
        if granted & bit(slot) == 0 {
            return;
        }
        if let Some(word) = opened(self.words[index], slot) {
            self.words[index] = word;
            self.nodes[node].references += 1;
            self.opens.push(Open(slot, node));
            self.one_at_most();
        }
    }

    fn one_at_most(&self) {
        for &number in self.grants.keys() {
            let have: BTreeSet<Slot> =
                self.opens.iter().filter(|open| self.nodes[open.1].number == number).map(|open| open.0).collect();
            assert!(have.len() < 2, "{number:?} is open by {have:?}");
        }
    }

    fn end(&mut self, node: usize) {
        let Node { references: 0, named: false, watched: true, .. } = self.nodes[node] else { return };
        self.nodes[node].watched = false;
        self.ends.push_back(node as Watch);
    }
}

impl Kernel {
    /// The node that has the device's name, and whether it is that device's: another device may have the name now.
    fn shown(&self, slot: Slot, device: &Device) -> Option<(usize, bool)> {
        let node = *self.names.get(&(slot, device.name.to_string()))?;
        Some((node, self.nodes[node].number == device.number))
    }

    fn unnamed(&mut self, node: Option<usize>) {
        if let Some(node) = node {
            self.nodes[node].named = false;
            self.end(node);
        }
    }

    fn make(&mut self, device: &Device, fails: usize) -> Option<usize> {
        if self.busy && self.below(fails) == 0 {
            return None;
        }
        self.nodes.push(Node { number: device.number, named: true, ..Node::default() });
        Some(self.nodes.len() - 1)
    }
}

impl Nodes for Kernel {
    fn show(&mut self, slot: Slot, index: usize, device: &Device) {
        self.users();
        if self.shown(slot, device).is_none()
            && let Some(node) = self.hidden.remove(&(slot, index)).or_else(|| self.make(device, 20))
        {
            self.names.insert((slot, device.name.to_string()), node);
        }
        self.users();
    }

    fn hide(&mut self, slot: Slot, index: usize, device: &Device) {
        self.users();
        if let Some((node, true)) = self.shown(slot, device) {
            self.names.remove(&(slot, device.name.to_string()));
            let old = self.hidden.insert((slot, index), node);
            self.unnamed(old);
        }
        self.users();
    }

    fn renew(&mut self, slot: Slot, index: usize, device: &Device, shown: bool) {
        self.users();
        let old = self.shown(slot, device);
        if old.is_none_or(|(_, own)| own) {
            self.names.remove(&(slot, device.name.to_string()));
            if shown && let Some(new) = self.make(device, 50) {
                self.names.insert((slot, device.name.to_string()), new);
            }
            self.unnamed(old.map(|(node, _)| node));
        }
        let hidden = self.hidden.remove(&(slot, index));
        self.unnamed(hidden);
        self.users();
    }

    fn watch(&mut self, slot: Slot, index: usize, device: &Device) -> Result<Watch, Unwatched> {
        self.users();
        let shown = self.shown(slot, device).filter(|(_, own)| *own).map(|(node, _)| node);
        let node = shown.or_else(|| self.hidden.get(&(slot, index)).copied());
        node.into_iter().for_each(|node| self.nodes[node].watched = true);
        self.users();
        let failed = self.busy && self.below(50) == 0;
        if failed { Err(Unwatched::Failed) } else { node.map(|node| node as Watch).ok_or(Unwatched::Absent) }
    }

    fn word(&self, index: usize) -> u64 {
        self.words[index]
    }

    fn release(&mut self, index: usize, word: u64) -> bool {
        self.users();
        let free = self.words[index] == word;
        if free {
            self.words[index] = 0;
        }
        self.users();
        free
    }

    fn grant(&mut self, index: usize, number: Number, slots: u32) -> bool {
        self.grants.insert(number, (index, slots));
        self.users();
        true
    }
}

fn plug(claims: &mut Claims, kernel: &mut Kernel, devices: &[(&str, Number)]) {
    claims.begin();
    for (name, number) in devices {
        assert!(claims.found(name, *number, GRANTED, kernel));
    }
    claims.end(kernel);
}

/// One turn of the broker: it handles its events, and looks at the words.
fn turn(claims: &mut Claims, kernel: &mut Kernel) {
    while let Some(watch) = kernel.ends.pop_front() {
        claims.gone(watch, kernel);
    }
    claims.look(kernel);
}

fn sees(kernel: &Kernel, slot: Slot, name: &str) -> bool {
    kernel.names.contains_key(&(slot, name.to_owned()))
}

#[test]
fn the_first_user_owns_a_device_until_its_last_open_file_is_closed() {
    let (mut claims, mut kernel) = (Claims::default(), Kernel::default());
    plug(&mut claims, &mut kernel, &DEVICES);
    assert!(sees(&kernel, 1, "hwrng") && sees(&kernel, 3, "hwrng") && !sees(&kernel, 2, "hwrng"));
    for _ in 0..2 {
        let node = kernel.names[&(1, "hwrng".to_owned())];
        kernel.words[0] = opened(kernel.words[0], 1).unwrap();
        kernel.nodes[node].references += 1;
        kernel.opens.push(Open(1, node));
        turn(&mut claims, &mut kernel);
        assert_eq!(opened(kernel.words[0], 3), None);
        assert!(sees(&kernel, 1, "hwrng") && !sees(&kernel, 3, "hwrng") && sees(&kernel, 3, "vport0p1"));
    }
    while let Some(Open(_, node)) = kernel.opens.pop() {
        assert_eq!(holder(kernel.words[0]), 1);
        kernel.nodes[node].references -= 1;
        kernel.end(node);
        turn(&mut claims, &mut kernel);
    }
    turn(&mut claims, &mut kernel);
    assert_eq!(kernel.words[0], 0);
    assert!(sees(&kernel, 1, "hwrng") && sees(&kernel, 3, "hwrng"));
}

#[test]
fn a_device_that_was_claimed_but_not_opened_is_freed() {
    let (mut claims, mut kernel) = (Claims::default(), Kernel::default());
    plug(&mut claims, &mut kernel, &DEVICES);
    kernel.words[1] = opened(0, 3).unwrap();
    turn(&mut claims, &mut kernel);
    turn(&mut claims, &mut kernel);
    assert_eq!(kernel.words[1], 0);
    assert!(sees(&kernel, 1, "vport0p1") && sees(&kernel, 3, "vport0p1"));
}

#[test]
fn an_unplugged_device_disappears_and_later_comes_back_for_all() {
    let (mut claims, mut kernel) = (Claims::default(), Kernel::default());
    plug(&mut claims, &mut kernel, &DEVICES);
    let node = kernel.names[&(3, "vport0p1".to_owned())];
    kernel.words[1] = opened(0, 3).unwrap();
    kernel.nodes[node].references += 1;
    turn(&mut claims, &mut kernel);
    plug(&mut claims, &mut kernel, &DEVICES[..1]);
    assert!(!sees(&kernel, 1, "vport0p1") && !sees(&kernel, 3, "vport0p1") && sees(&kernel, 1, "hwrng"));
    // the old file is still open when the device comes back under another name
    plug(&mut claims, &mut kernel, &[DEVICES[0], ("vport7p1", DEVICES[1].1)]);
    assert!(sees(&kernel, 3, "vport7p1") && !sees(&kernel, 1, "vport7p1"));
    kernel.nodes[node].references -= 1;
    kernel.end(node);
    (0..3).for_each(|_| turn(&mut claims, &mut kernel));
    assert!(sees(&kernel, 1, "vport7p1") && kernel.words[1] == 0);
}

#[test]
fn no_order_of_events_gives_a_device_to_two_users_or_loses_it() {
    for seed in 0..2000 {
        let (mut claims, mut kernel) = (Claims::default(), Kernel { random: seed, busy: true, ..Kernel::default() });
        plug(&mut claims, &mut kernel, &DEVICES);
        for _ in 0..300 {
            match kernel.below(8) {
                0 => plug(&mut claims, &mut kernel, &DEVICES[..1]),
                1 => {
                    let others = OTHERS[kernel.below(OTHERS.len())];
                    plug(&mut claims, &mut kernel, others);
                }
                2..5 => turn(&mut claims, &mut kernel),
                _ => kernel.users(),
            }
        }
        kernel.busy = false;
        while let Some((_, node)) = kernel.kept.pop() {
            kernel.nodes[node].references -= 1;
            kernel.end(node);
        }
        while let Some(Open(_, node)) = kernel.opens.pop() {
            kernel.nodes[node].references -= 1;
            kernel.end(node);
        }
        plug(&mut claims, &mut kernel, &DEVICES);
        (0..20).for_each(|_| turn(&mut claims, &mut kernel));
        assert_eq!(kernel.words, [0; 4], "seed {seed}");
        assert_eq!(kernel.names.len(), 2 * DEVICES.len(), "seed {seed}: {:?}", kernel.names);
        for ((slot, name), node) in &kernel.names {
            let number = DEVICES.iter().find(|(other, _)| other == name).map(|(_, number)| *number);
            assert_eq!(number, Some(kernel.nodes[*node].number), "seed {seed}: {name} of {slot}");
        }
    }
}

#[test]
fn devices_beyond_the_limit_are_not_offered() {
    let (mut claims, mut kernel) = (Claims::default(), Kernel::default());
    let added = (0..100).filter(|minor| claims.found("x", (1, *minor), 0, &mut kernel)).count();
    assert_eq!(added, super::MAX_DEVICES);
}

//! Which user holds which device: the decisions of the broker. The kernel enforces them.
//!
//! ```text
//! free ──(a user opens it; the kernel's program decides at once)──> held ──(its last open file is closed)──> free
//! ```
//!
//! 1. The kernel's program (`program`) gives a free device to the user who opens it, so two users never hold it at the
//!    same time. The broker only hides it from the other users, and releases it.
//! 2. When is the last open file closed? A list of descriptors cannot tell: a descriptor may be on its way through a
//!    socket, or the file may only be mapped. But the node in a `/dev` stays in memory as long as anything refers to
//!    it, including a pending open. When a node without a name is gone, inotify reports it (`IN_DELETE_SELF`). So the
//!    broker replaces the holder's node by a new one of the same name (by none if the device is gone), and waits for
//!    the end of the old one. It watches each node before it removes the node's name. A hidden node keeps a name
//!    outside of every /dev, because a process that kept a handle (`O_PATH`) can still open it like a visible one.
//! 3. The device is free if its word has not changed since before the node was replaced: then nobody has begun to open
//!    the new node. The broker releases it by compare-and-exchange of that word. Otherwise it replaces the new node,
//!    too.
//! 4. If the broker dies, no device is released or hidden any more. The kernel's program continues to work.

pub mod program;
#[cfg(test)]
mod tests;

use heapless::{String, Vec};

use self::program::{Number, Slot, bit, holder};

/// The maximum number of users with devices: each slot is a bit. Further users get no devices.
pub const MAX_USERS: usize = 32;
/// The maximum number of devices, counted by device number, that were ever plugged in. Further ones are not offered.
pub const MAX_DEVICES: usize = 64;
/// Nodes of one device that have no name but are still open. There is more than one only if it was unplugged meanwhile.
const MAX_OLD: usize = 4;

/// A device's name below /dev.
pub type Name = String<32>;

/// The number that inotify gives to a watched node.
pub type Watch = i32;

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name below /dev.
    pub name: Name,
    /// Its device number.
    pub number: Number,
    /// The slots of the users who may open it.
    granted: u32,
    /// Whether it is plugged in.
    present: bool,
    seen: bool,
    /// The slot of the user who holds it; 0 if nobody does.
    holder: Slot,
    /// The value of the word before the holder's node was last replaced.
    since: u64,
    /// Nodes that were replaced and are still open.
    old: Vec<Watch, MAX_OLD>,
}

/// Why a node is not watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwatched {
    /// There is no node.
    Absent,
    /// The watch failed.
    Failed,
}

/// The effects that the decisions need.
pub trait Nodes {
    /// Shows the user's node in the user's /dev, and makes it if there is none. If that fails, the next look tries
    /// again.
    fn show(&mut self, slot: Slot, index: usize, device: &Device);
    /// Hides the node. It stays, because the user may still have a way to it: it is then opened like a visible one.
    fn hide(&mut self, slot: Slot, index: usize, device: &Device);
    /// Removes the name of the user's node. With `shown`, a new node takes its place; otherwise the next `show` makes
    /// it.
    fn renew(&mut self, slot: Slot, index: usize, device: &Device, shown: bool);
    /// Watches the user's node, shown or hidden, and reports when it is gone.
    ///
    /// # Errors
    /// When there is no node, or it cannot be watched.
    fn watch(&mut self, slot: Slot, index: usize, device: &Device) -> Result<Watch, Unwatched>;
    /// The word of the device.
    fn word(&self, index: usize) -> u64;
    /// Makes the device free if its word still has that value.
    fn release(&mut self, index: usize, word: u64) -> bool;
    /// Tells the kernel's program who may open the device. False if that failed; then the program does not know the
    /// device.
    fn grant(&mut self, index: usize, number: Number, slots: u32) -> bool;
}

/// All devices that any user may open.
#[derive(Debug, Default)]
pub struct Claims(Vec<Device, MAX_DEVICES>);

impl Claims {
    /// Call this before a look at the devices that are plugged in.
    pub fn begin(&mut self) {
        self.0.iter_mut().for_each(|device| device.seen = false);
    }

    /// Adds one device that is plugged in and that these users may open. False if there is no room for it.
    pub fn found(&mut self, name: &str, number: Number, granted: u32, nodes: &mut impl Nodes) -> bool {
        let Ok(name) = Name::try_from(name) else { return false };
        let Some(index) = self.0.iter().position(|device| device.number == number) else {
            let (old, since) = (Vec::new(), 0);
            let new = Device { name, number, granted, present: false, seen: true, holder: 0, since, old };
            return self.0.push(new).is_ok();
        };
        if let Some(device) = self.0.get_mut(index) {
            if device.present && (device.name != name || device.granted != granted) {
                // another device came before the broker heard that the first was gone
                device.vanish(index, nodes);
            }
            (device.name, device.granted, device.seen) = (name, granted, true);
        }
        true
    }

    /// Call this after that look. Devices that were not found are gone. Only then are new ones shown, because they may
    /// have the name of one that is gone.
    pub fn end(&mut self, nodes: &mut impl Nodes) {
        for (index, device) in self.0.iter_mut().enumerate().filter(|(_, device)| device.present && !device.seen) {
            device.vanish(index, nodes);
        }
        for (index, device) in self.0.iter_mut().enumerate().filter(|(_, device)| device.seen) {
            if !device.present {
                device.appear(index, nodes);
            } else if device.holder == 0 {
                // users to whom it could not be shown when it was plugged in
                all(device.granted).for_each(|slot| nodes.show(slot, index, device));
            }
        }
    }

    /// Call this when the kernel's program has let a user open a device.
    pub fn look(&mut self, nodes: &mut impl Nodes) {
        for (index, device) in self.0.iter_mut().enumerate() {
            device.settle(index, nodes);
        }
    }

    /// Call this when a watched node is gone.
    pub fn gone(&mut self, watch: Watch, nodes: &mut impl Nodes) {
        for (index, device) in self.0.iter_mut().enumerate() {
            if let Some(at) = device.old.iter().position(|old| *old == watch) {
                device.old.swap_remove(at);
                device.settle(index, nodes);
            }
        }
    }
}

impl Device {
    /// It was plugged in.
    fn appear(&mut self, index: usize, nodes: &mut impl Nodes) {
        // without a program that knows it, every user who sees the device could open it
        self.present = nodes.grant(index, self.number, self.granted);
        match self.holder {
            _ if !self.present => {}
            0 => all(self.granted).for_each(|slot| nodes.show(slot, index, self)),
            _ => self.replace(index, nodes),
        }
    }

    /// Goes on as far as possible without further events.
    fn settle(&mut self, index: usize, nodes: &mut impl Nodes) {
        let word = nodes.word(index);
        if self.holder == 0 {
            if holder(word) == 0 {
                return;
            }
            // the word of a held device is never 0
            (self.holder, self.since) = (holder(word), 0);
            let others = self.granted & !bit(self.holder);
            all(others).for_each(|slot| nodes.hide(slot, index, self));
        } else if !self.old.is_empty() {
            return;
        } else if word == self.since && nodes.release(index, word) {
            let last = core::mem::take(&mut self.holder);
            if self.present {
                all(self.granted).for_each(|slot| nodes.show(slot, index, self));
            } else {
                nodes.hide(last, index, self);
            }
            return;
        }
        self.replace(index, nodes);
    }

    /// Replaces the holder's node (or removes it if the device is gone), and waits for the end of the old node.
    fn replace(&mut self, index: usize, nodes: &mut impl Nodes) {
        let since = nodes.word(index);
        let full = self.old.is_full();
        match if full { Err(Unwatched::Failed) } else { nodes.watch(self.holder, index, self) } {
            Ok(watch) => {
                let _ = self.old.push(watch);
            }
            // the node was never made, because there was no room for it
            Err(Unwatched::Absent) => {}
            // the device stays held until this works; another device may get its name meanwhile
            Err(Unwatched::Failed) => {
                if !self.present {
                    nodes.hide(self.holder, index, self);
                }
                return;
            }
        }
        self.since = since;
        let shown = self.present && self.granted & bit(self.holder) != 0;
        nodes.renew(self.holder, index, self, shown);
        if self.old.is_empty() {
            self.settle(index, nodes);
        }
    }

    /// It was unplugged.
    fn vanish(&mut self, index: usize, nodes: &mut impl Nodes) {
        nodes.grant(index, self.number, 0);
        self.present = false;
        if self.holder != 0 {
            return self.replace(index, nodes);
        }
        // a user may have opened it just before
        self.settle(index, nodes);
        if self.holder == 0 {
            all(self.granted).for_each(|slot| nodes.hide(slot, index, self));
        }
    }
}

/// All slots of a set.
fn all(slots: u32) -> impl Iterator<Item = Slot> {
    (1..=32).filter(move |slot| slots & bit(*slot) != 0)
}

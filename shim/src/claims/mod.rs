//! Who has which device: the broker's decisions, over what the kernel enforces.
//!
//! ```text
//! free ──(a user opens it: the kernel's program, at once)──> held ──(the last open file of it is gone)──> free
//! ```
//!
//! 1. Taking a device is the kernel's work (`program`), so no two users ever have it. The broker only hides it from the
//!    others, and gives it back.
//! 2. When is the last open file gone? No list of descriptors tells: one may be on its way through a socket, or be a
//!    mapping. But a node in a `/dev` stays in memory as long as anything refers to it, a pending open too, and inotify
//!    says when it goes (`IN_DELETE_SELF`, after it has no name any more). So the holder's node is replaced by a new one
//!    of the same name, or by none where the device is gone, and the end of the old one awaited. No node loses its name
//!    unwatched: hidden ones keep one, outside of every /dev, for whoever kept a handle (`O_PATH`) opens them as if they
//!    were seen.
//! 3. The device is free if the word has not changed since before the node was replaced: then nobody has begun to open
//!    the new one. It is given back by compare-and-exchange of that word. Else the new node is replaced in turn.
//! 4. A broker that dies gives nothing back and hides nothing; the kernel's part goes on.

pub mod program;
#[cfg(test)]
mod tests;

use heapless::{String, Vec};

use self::program::{Number, Slot, bit, holder};

/// Users with devices, beyond whom nobody gets any: a slot is a bit.
pub const MAX_USERS: usize = 32;
/// Devices that were ever there, by number; more are not offered.
pub const MAX_DEVICES: usize = 64;
/// Nodes of one device that are gone by name but still open; more than one only if it was unplugged meanwhile.
const MAX_OLD: usize = 4;

/// A device's name below /dev.
pub type Name = String<32>;

/// What inotify calls a watched node.
pub type Watch = i32;

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name below /dev.
    pub name: Name,
    /// Its number.
    pub number: Number,
    /// The slots of those who may open it.
    granted: u32,
    /// Whether it is plugged in.
    present: bool,
    seen: bool,
    /// Who has it; 0: nobody.
    holder: Slot,
    /// The word, before the holder's node was last replaced.
    since: u64,
    /// Nodes that were replaced, and are still open.
    old: Vec<Watch, MAX_OLD>,
}

/// Why a node is not watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwatched {
    /// There is none.
    Absent,
    /// It cannot be.
    Failed,
}

/// What the decisions act on.
pub trait Nodes {
    /// Shows the user's node in the user's /dev; makes it if there is none. Where that fails the next look tries again.
    fn show(&mut self, slot: Slot, index: usize, device: &Device);
    /// Hides it. It stays, for the user may still have a way to it: then it is opened as if it were seen.
    fn hide(&mut self, slot: Slot, index: usize, device: &Device);
    /// Takes its name from the user's node, and shows a new one in its place, or none: the next `show` makes it.
    fn renew(&mut self, slot: Slot, index: usize, device: &Device, shown: bool);
    /// From here on the end of the user's node is told, shown or hidden.
    ///
    /// # Errors
    /// When there is none, or it cannot be watched.
    fn watch(&mut self, slot: Slot, index: usize, device: &Device) -> Result<Watch, Unwatched>;
    /// The device's word.
    fn word(&self, index: usize) -> u64;
    /// Makes the device free if its word is still that one.
    fn release(&mut self, index: usize, word: u64) -> bool;
    /// Tells the kernel's program who may open the device; false if that failed, and the program knows nothing of it.
    fn grant(&mut self, index: usize, number: Number, slots: u32) -> bool;
}

/// All devices that any user may open.
#[derive(Debug, Default)]
pub struct Claims(Vec<Device, MAX_DEVICES>);

impl Claims {
    /// Before a look at the devices that are plugged in.
    pub fn begin(&mut self) {
        self.0.iter_mut().for_each(|device| device.seen = false);
    }

    /// One of them, which these users may open. False if there is no room for it.
    pub fn found(&mut self, name: &str, number: Number, granted: u32, nodes: &mut impl Nodes) -> bool {
        let Ok(name) = Name::try_from(name) else { return false };
        let Some(index) = self.0.iter().position(|device| device.number == number) else {
            let (old, since) = (Vec::new(), 0);
            let new = Device { name, number, granted, present: false, seen: true, holder: 0, since, old };
            return self.0.push(new).is_ok();
        };
        if let Some(device) = self.0.get_mut(index) {
            if device.present && (device.name != name || device.granted != granted) {
                // another one came before the news that the first went
                device.vanish(index, nodes);
            }
            (device.name, device.granted, device.seen) = (name, granted, true);
        }
        true
    }

    /// After that look: what was not found is gone. Only then what was found is shown: it may have the name of what went.
    pub fn end(&mut self, nodes: &mut impl Nodes) {
        for (index, device) in self.0.iter_mut().enumerate().filter(|(_, device)| device.present && !device.seen) {
            device.vanish(index, nodes);
        }
        for (index, device) in self.0.iter_mut().enumerate().filter(|(_, device)| device.seen) {
            if !device.present {
                device.appear(index, nodes);
            } else if device.holder == 0 {
                // users to whom it could not be shown when it came
                all(device.granted).for_each(|slot| nodes.show(slot, index, device));
            }
        }
    }

    /// The kernel's program has let somebody open something.
    pub fn look(&mut self, nodes: &mut impl Nodes) {
        for (index, device) in self.0.iter_mut().enumerate() {
            device.settle(index, nodes);
        }
    }

    /// A node is gone for good.
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
        // what the programs do not know is opened by all who see it
        self.present = nodes.grant(index, self.number, self.granted);
        match self.holder {
            _ if !self.present => {}
            0 => all(self.granted).for_each(|slot| nodes.show(slot, index, self)),
            _ => self.replace(index, nodes),
        }
    }

    /// Goes on as far as it can without news.
    fn settle(&mut self, index: usize, nodes: &mut impl Nodes) {
        let word = nodes.word(index);
        if self.holder == 0 {
            if holder(word) == 0 {
                return;
            }
            // no word of a device that somebody has is 0
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

    /// Replaces the holder's node, or takes it away with the device, and awaits the end of what was there.
    fn replace(&mut self, index: usize, nodes: &mut impl Nodes) {
        let since = nodes.word(index);
        let full = self.old.is_full();
        match if full { Err(Unwatched::Failed) } else { nodes.watch(self.holder, index, self) } {
            Ok(watch) => {
                let _ = self.old.push(watch);
            }
            // it was never there: there was no room for it
            Err(Unwatched::Absent) => {}
            // it stays held until this works; another device may get its name meanwhile
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
        // somebody may have taken it just before
        self.settle(index, nodes);
        if self.holder == 0 {
            all(self.granted).for_each(|slot| nodes.hide(slot, index, self));
        }
    }
}

/// The slots of a set.
fn all(slots: u32) -> impl Iterator<Item = Slot> {
    (1..=32).filter(move |slot| slots & bit(*slot) != 0)
}

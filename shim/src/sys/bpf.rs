//! bpf(2): maps, the programs of `claims::program`, and the paths and memory by which processes share them. Shapes:
//! `union bpf_attr` (include/uapi/linux/bpf.h).
#![allow(unsafe_code)]

use core::{
    ptr,
    sync::atomic::{AtomicU64, Ordering},
};

use linux_raw_sys::general as raw;
use rustix::{
    fd::{AsRawFd, OwnedFd},
    io::{Errno, Result},
    mm::{MapFlags, ProtFlags},
};

use super::{call, opened};
use crate::{
    arch::atomic::exchange,
    claims::{MAX_DEVICES, program::Instructions},
};

const PAGE: usize = 4096;

/// Makes the call. `attr` is the member of the union for this command; it consists of numbers and addresses.
fn bpf<T>(command: usize, attr: &T) -> Result<usize> {
    // SAFETY: reads one `attr`, and the values at the addresses in it, which all come from references of the callers.
    unsafe { call(raw::__NR_bpf, [command, ptr::from_ref(attr) as usize, size_of::<T>(), 0, 0, 0]) }
}

/// A kind of map, with the flags it needs.
#[derive(Clone, Copy)]
pub enum Map {
    /// `BPF_MAP_TYPE_HASH`, keys and values of 64 bits.
    Hash,
    /// `BPF_MAP_TYPE_ARRAY` of 64 bits, which can be mapped.
    Words,
    /// `BPF_MAP_TYPE_RINGBUF` of a page.
    Ring,
}

/// Makes a map. A hash and an array have room for each device.
pub fn map(kind: Map) -> Result<OwnedFd> {
    const MMAPABLE: u32 = 1 << 10;
    let entries = MAX_DEVICES as u32;
    opened(bpf(
        0,
        &match kind {
            Map::Hash => [1_u32, 8, 8, entries, 0],
            Map::Words => [2, 4, 8, entries, MMAPABLE],
            Map::Ring => [27, 0, 0, PAGE as u32, 0],
        },
    )?)
}

/// Sets a value of a hash.
pub fn set(hash: &OwnedFd, key: u64, value: u64) -> Result<()> {
    let attr = [number(hash), ptr::from_ref(&key) as u64, ptr::from_ref(&value) as u64, 0];
    bpf(2, &attr).map(drop)
}

/// Loads a cgroup device program; the kernel's verifier refuses one that is not sound.
pub fn load(program: &Instructions) -> Result<OwnedFd> {
    const CGROUP_DEVICE: u64 = 15;
    let count = program.len() as u64;
    let attr = [count << 32 | CGROUP_DEVICE, program.as_ptr() as u64, c"MIT".as_ptr() as u64, 0, 0, 0];
    opened(bpf(5, &attr)?)
}

/// Pins a program at a path on a mounted bpf filesystem.
pub fn pin(program: &OwnedFd, path: &core::ffi::CStr) -> Result<()> {
    bpf(6, &[path.as_ptr() as u64, number(program)]).map(drop)
}

/// Opens a pinned program.
pub fn pinned(path: &core::ffi::CStr) -> Result<OwnedFd> {
    opened(bpf(7, &[path.as_ptr() as u64, 0])?)
}

/// How a program is attached.
#[derive(Clone, Copy)]
pub enum Attach {
    /// Replaces programs that were attached to this cgroup before, and those of the cgroups above.
    Alone = 0,
    /// The same, but a program that is attached to a cgroup below takes its place there: `BPF_F_ALLOW_OVERRIDE`.
    ChildrenMayReplace = 1,
}

/// Attaches the program to a cgroup: from here on it decides about opens there.
pub fn attach(program: &OwnedFd, cgroup: &OwnedFd, how: Attach) -> Result<()> {
    const CGROUP_DEVICE: u64 = 6;
    bpf(8, &[number(program) << 32 | number(cgroup), (how as u64) << 32 | CGROUP_DEVICE]).map(drop)
}

fn number(fd: &OwnedFd) -> u64 {
    fd.as_raw_fd().cast_unsigned().into()
}

/// The words of an array map. The programs change them at the same time.
pub struct Words(&'static [AtomicU64; MAX_DEVICES]);

impl Words {
    /// Maps the words into memory.
    pub fn of(map: &OwnedFd) -> Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new shared mapping of a page, which is never unmapped. Its first numbers are those of the array,
        // aligned, and others change them only with atomic operations of the same size.
        unsafe {
            let memory = rustix::mm::mmap(ptr::null_mut(), PAGE, protection, MapFlags::SHARED, map, 0)?;
            memory.cast::<[AtomicU64; MAX_DEVICES]>().as_ref().map(Self).ok_or(Errno::FAULT)
        }
    }

    /// A word.
    #[must_use]
    pub fn get(&self, index: usize) -> u64 {
        self.0.get(index).map_or(0, |word| word.load(Ordering::SeqCst))
    }

    /// Sets a word to 0 if it is still `was`.
    #[must_use]
    pub fn clear(&self, index: usize, was: u64) -> bool {
        self.0.get(index).is_some_and(|word| exchange(word, was, 0))
    }
}

/// A ring buffer map that is used only to be woken; its records are not read.
pub struct Ring {
    map: OwnedFd,
    consumed: &'static AtomicU64,
    produced: &'static AtomicU64,
}

impl Ring {
    /// Maps the two positions of the ring (kernel/bpf/ringbuf.c, `struct bpf_ringbuf`).
    pub fn of(map: OwnedFd) -> Result<Self> {
        // SAFETY: new shared mappings of a page each, never unmapped. Their first number is the position, which others
        // change only with atomic operations.
        let position = |protection, page: u64| unsafe {
            let memory = rustix::mm::mmap(ptr::null_mut(), PAGE, protection, MapFlags::SHARED, &map, page)?;
            memory.cast::<AtomicU64>().as_ref().ok_or(Errno::FAULT)
        };
        let consumed = position(ProtFlags::READ | ProtFlags::WRITE, 0)?;
        let produced = position(ProtFlags::READ, PAGE as u64)?;
        Ok(Self { map, consumed, produced })
    }

    /// Readable while there are records.
    #[must_use]
    pub fn descriptor(&self) -> &OwnedFd {
        &self.map
    }

    /// Discards all records.
    pub fn take(&self) {
        self.consumed.store(self.produced.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

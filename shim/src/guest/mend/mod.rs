//! `/mend`: finds out what is wrong with a users partition, and repairs it if possible. It also says what was wrong with
//! the kernel.
//!
//! It is a program of its own and not a part of `/setup`, because few boots need it. It logs what it finds. It starts
//! with all capabilities; e2fsck has none.
//!
//! | `/mend …` | does |
//! |---|---|
//! | `unclean DEVICE` | runs e2fsck as the state in the superblock requires |
//! | `damaged DEVICE` | logs why the kernel refuses it; if no reason is found, runs e2fsck over all of it |
//! | `why DEVICE` | only logs why |
//! | `panic -` | logs the kernel's last words before this boot, if it panicked |
//!
//! The exit status is the result of e2fsck, a `Fsck`.

mod e2fsck;
mod panic;

use rustix::fs::OFlags;

use crate::{
    ext4::{self, Check},
    fsck::Fsck,
    guest::{log::Log, place},
    probe::BLOCK,
    sys::{self, Start},
};

/// The program.
pub fn main(start: Start) -> ! {
    let mut words = start.arguments().skip(1).filter_map(|word| word.to_str().ok());
    let fsck = match (words.next(), words.next()) {
        (Some("panic"), _) => {
            panic::tell(&Log::PID1);
            Fsck::Clean
        }
        (Some(what), Some(device)) => mend(what, device, &Log::PID1),
        _ => Fsck::NeverBegan,
    };
    sys::exit(fsck.status())
}

fn mend(what: &str, device: &str, log: &Log) -> Fsck {
    let disk = match place::file(device, OFlags::RDONLY | OFlags::NONBLOCK) {
        Ok(disk) => disk,
        Err(errno) => {
            error!(log, "cannot read ", device, ": ", errno);
            return Fsck::NeverBegan;
        }
    };
    let mut read = |at, block: &mut [u8; BLOCK]| place::read_at(&disk, at, block);
    let check = if what == "unclean" {
        let mut block = [0; BLOCK];
        read(0, &mut block).and_then(|()| ext4::check(&block))
    } else if let Some(reason) = ext4::refused(&mut read) {
        error!(log, device, ": ", reason);
        return Fsck::NeverBegan;
    } else {
        (what == "damaged").then_some(Check::Full)
    };
    check.map_or(Fsck::Clean, |check| e2fsck::mend(device, check, log))
}

//! `/mend`: what is wrong with a users partition, and what can be done about it.
//!
//! A program, not a part of `/setup`, for few boots need it. It says in the log what it finds. It starts with all
//! capabilities; e2fsck has none.
//!
//! | `/mend …` | does | status 0 |
//! |---|---|---|
//! | `unclean DEVICE` | runs e2fsck as the superblock's state asks for it | nothing is left to mend |
//! | `why DEVICE` | says why the kernel refuses it | no reason is seen: it is damaged |
//! | `damaged DEVICE` | runs e2fsck over all of it | nothing is left to mend |
//!
//! The status is `HELD` where an e2fsck that cannot be killed still has the disk open.

mod e2fsck;

use rustix::fs::OFlags;

use crate::{
    ext4::{self, Check},
    guest::{log::Log, place},
    probe::BLOCK,
    sys::{self, Start},
};

/// The status after an e2fsck that does not end: nobody else may write to the disk.
pub const HELD: u8 = 2;

/// The program.
pub fn main(start: Start) -> ! {
    let mut words = start.arguments().skip(1).filter_map(|word| word.to_str().ok());
    let (Some(what), Some(device)) = (words.next(), words.next()) else { sys::exit(1) };
    let Ok(disk) = place::file(device, OFlags::RDONLY | OFlags::NONBLOCK) else { sys::exit(1) };
    let mut read = |at, block: &mut [u8; BLOCK]| place::read_at(&disk, at, block);
    let log = Log::PID1;
    let check = match what {
        "why" => match ext4::refused(&mut read) {
            Some(reason) => {
                error!(log, device, ": ", reason);
                sys::exit(1)
            }
            None => sys::exit(0),
        },
        "damaged" => Check::Full,
        _ => {
            let mut block = [0; BLOCK];
            match read(0, &mut block).and_then(|()| ext4::check(&block)) {
                Some(check) => check,
                None => sys::exit(0),
            }
        }
    };
    sys::exit(e2fsck::mend(device, check, &log))
}

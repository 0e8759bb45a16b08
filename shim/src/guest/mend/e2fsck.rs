//! e2fsck of the carbon copy, run on a users partition that is not clean, before the mount.
//!
//! A disk may come from an attacker, and e2fsck is 1.8 MiB of C. So it runs as nobody, without capabilities, under the
//! filter of a user's program, in namespaces and a cgroup of its own. Its root holds one file: the disk.

use linux_raw_sys::general::{CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS};
use rustix::{
    event::PollFlags,
    fd::{AsFd, OwnedFd},
    fs::{CWD, FileType, Gid, Mode, OFlags, Uid},
    io::{Errno, Result},
    pipe::PipeFlags,
    process::{Signal, WaitOptions},
};

use crate::{
    ext4::{self, Check},
    guards::Guards,
    guest::{
        execute::mount,
        log::Log,
        machine::uptime,
        mend::HELD,
        place::{self, Name},
        privilege,
    },
    layout,
    op::{Attr, User},
    say,
    say::Text,
    sys,
};

/// Seconds for both runs together, after which the partition is mounted as it is: a disk that hangs must not keep the
/// machine from booting.
const LIMIT: u64 = 3600;
/// Seconds between two lines that say that it goes on.
const PATIENCE: u8 = 10;
const NAMESPACES: u32 = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
/// nobody; it owns no home while this runs, for no user runs yet.
const NOBODY: u32 = 65534;
/// e2fsck's: something is left that was not mended (e2fsck(8), exit code).
const LEFT: i32 = 4;

/// Mends what can be mended: 0 if there is nothing left, as far as e2fsck knows. `guest::mend` has the table.
pub fn mend(device: &str, check: Check, log: &Log) -> u8 {
    if takes_no_writes(device) {
        return 1;
    }
    let until = uptime().saturating_add(LIMIT);
    error!(log, "checking the users partition: ", device, " is not clean");
    let result = match check {
        Check::Full => run(device, "e2fsck\0-fy\0/disk\0", until, log),
        Check::Preen => match run(device, "e2fsck\0-p\0/disk\0", until, log) {
            Ok(status) if status & LEFT != 0 => run(device, "e2fsck\0-fy\0/disk\0", until, log),
            result => result,
        },
    };
    match result {
        Ok(0..LEFT) => return 0,
        Err(Errno::BUSY) => {
            error!(log, "e2fsck of the users partition hangs; the partition is only read");
            return HELD;
        }
        Ok(status) => error!(log, "e2fsck did not mend all: status ", status.unsigned_abs(), "; used as it is"),
        Err(errno) => error!(log, "no e2fsck of the users partition: ", errno, "; used as it is"),
    }
    1
}

/// A medium that is write-protected stays as it is.
fn takes_no_writes(device: &str) -> bool {
    let mut attribute = Text::new();
    say!(&mut attribute, "/sys/class/block/", device.strip_prefix("/dev/").unwrap_or(device), "/ro");
    place::text(&attribute).is_some_and(|text| text.starts_with('1'))
}

/// Runs it to its end, at most until then: its exit status. `EBUSY` where it does not end, and has the disk open.
fn run(device: &str, arguments: &str, until: u64, log: &Log) -> Result<i32> {
    let program = place::file(layout::E2FSCK_ON_CARBON, OFlags::PATH)?;
    let group = Name::new(layout::E2FSCK_GROUP)?;
    match rustix::fs::mkdir(group.c(), Mode::RWXU) {
        Err(Errno::EXIST) => {}
        result => result?,
    }
    let folder = place::open(layout::E2FSCK_GROUP)?;
    let (ours, theirs) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let Some((pid, child)) = sys::fork_into(NAMESPACES, &folder)? else {
        let _ = become_it(device, &program, &theirs, arguments);
        sys::exit(127)
    };
    drop(theirs);
    let pid = rustix::process::Pid::from_raw(pid).ok_or(Errno::SRCH)?;
    let in_time = watch(&ours, until, log) && sys::ends_within(child.as_fd(), PATIENCE);
    if !in_time {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
        // it may hang in the kernel, at a disk that hangs
        if !sys::ends_within(child.as_fd(), PATIENCE) {
            return Err(Errno::BUSY);
        }
    }
    let ended = rustix::process::waitpid(Some(pid), WaitOptions::empty())?;
    let _ = rustix::fs::rmdir(group.c());
    // killed: by us, or for it took more memory than all users may
    let killed = if in_time { Errno::NOMEM } else { Errno::TIMEDOUT };
    ended.and_then(|(_, status)| status.exit_status()).ok_or(killed)
}

/// The child, with all capabilities until its last lines.
fn become_it(device: &str, program: &OwnedFd, output: &OwnedFd, arguments: &str) -> Result<()> {
    let number = rustix::fs::stat(Name::new(device)?.c())?.st_rdev;
    mount("tmpfs", "none", layout::ROOT, Attr::DEVICES, "mode=0755,size=16k")?;
    rustix::process::chdir(Name::new(layout::ROOT)?.c())?;
    rustix::process::chroot(c".")?;
    rustix::fs::mknodat(CWD, c"/disk", FileType::BlockDevice, Mode::RUSR | Mode::WUSR, number)?;
    rustix::fs::chown(c"/disk", Some(Uid::from_raw(NOBODY)), Some(Gid::from_raw(NOBODY)))?;
    rustix::stdio::dup2_stdin(output)?;
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(output)?;
    sys::close_at_exec(3)?;
    let guards = Guards::default();
    privilege::become_user(&User { name: "", uid: NOBODY, gid: NOBODY }, guards)?;
    privilege::shut_in(guards)?;
    // there is no /etc/mtab, and nothing is mounted
    Err(sys::exec(program, c"", sys::strings(arguments), sys::strings("EXT2FS_NO_MTAB_OK=1\0")))
}

/// Reads what it prints to the end, and says how many problems were mended, and the first. False if it takes too long.
fn watch(output: &OwnedFd, until: u64, log: &Log) -> bool {
    let (mut line, mut first, mut mended) = (Text::new(), Text::new(), 0_u32);
    loop {
        if uptime() > until {
            return false;
        }
        if !sys::ready_within(output.as_fd(), PollFlags::IN, PATIENCE) {
            error!(log, "still checking the users partition");
            continue;
        }
        let mut bytes = [0; 256];
        let Some(bytes) = rustix::io::read(output, &mut bytes).ok().and_then(|length| bytes.get(..length)) else {
            return true;
        };
        if bytes.is_empty() {
            break;
        }
        for byte in bytes {
            match byte {
                b'\n' => {
                    let mends = ext4::mends(&line);
                    // a question alone is about the line before
                    if mended == 0 && !line.is_empty() && !(mends && line.len() < 32) {
                        first.clone_from(&line);
                    }
                    mended = mended.saturating_add(mends.into());
                    line.clear();
                }
                b' '..=b'~' if line.len() < 200 => drop(line.push((*byte).into())),
                _ => {}
            }
        }
    }
    if mended > 0 {
        error!(log, "e2fsck mended ", mended, " problems of the users partition: ", first);
    }
    true
}

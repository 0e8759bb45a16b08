//! Runs the e2fsck of the carbon copy on a users partition that is not clean, before the mount.
//!
//! A disk may come from an attacker, and e2fsck is 1.8 MiB of C. So it runs as nobody, without capabilities, with the
//! seccomp filter of a user's program, in its own namespaces and cgroup. Its root holds one file: the disk.

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
    fsck::{self, End, Fsck},
    guards::Guards,
    guest::{
        execute::mount,
        log::Log,
        machine::uptime,
        place::{self, Name},
        privilege,
    },
    layout,
    op::{Attr, User},
    say,
    say::Text,
    sys,
};

/// Seconds for both runs together. Then e2fsck is killed: a disk that hangs must not keep the machine from booting.
const LIMIT: u64 = 3600;
/// Seconds between two log lines that e2fsck is still running.
const PATIENCE: u8 = 10;
const NAMESPACES: u32 = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
/// The uid of nobody. No home has it while this runs, because no user runs yet.
const NOBODY: u32 = 65534;
/// The exit status of a child that could not become e2fsck. e2fsck itself never uses it (e2fsck(8), exit code).
const NO_E2FSCK: u8 = 127;

/// Repairs what can be repaired, and logs what is left.
pub fn mend(device: &str, check: Check, log: &Log) -> Fsck {
    if takes_no_writes(device) {
        return Fsck::NeverBegan;
    }
    let until = uptime().saturating_add(LIMIT);
    error!(log, "checking the users partition: ", device, " is not clean");
    let full = || run(device, "e2fsck\0-fy\0/disk\0", until, log);
    let end = match check {
        Check::Full => full(),
        Check::Preen => match run(device, "e2fsck\0-p\0/disk\0", until, log) {
            Ok(end) if end.came_to() == Fsck::Left => full(),
            end => end,
        },
    };
    let fsck = end.map_or(Fsck::NeverBegan, End::came_to);
    let mut why = Text::new();
    match end {
        Ok(End::Status(status, _)) => say!(&mut why, "status ", status),
        Ok(End::Signal) => say!(&mut why, "killed by a signal, perhaps because memory ran out"),
        Ok(End::Late) => say!(&mut why, "killed after ", LIMIT, " s"),
        Ok(End::Never) => say!(&mut why, "killed, but it still runs: perhaps the disk does not answer"),
        Err(errno) => say!(&mut why, errno),
    }
    if !fsck.says().is_empty() {
        error!(log, fsck.says(), " (", why, "); next: `e2fsck -f DEVICE` on another computer");
    }
    fsck
}

/// A write-protected medium is left as it is.
fn takes_no_writes(device: &str) -> bool {
    let mut attribute = Text::new();
    say!(&mut attribute, "/sys/class/block/", device.strip_prefix("/dev/").unwrap_or(device), "/ro");
    place::text(&attribute).is_some_and(|text| text.starts_with('1'))
}

/// Runs e2fsck to its end, at most until `until`.
#[inline(never)]
fn run(device: &str, arguments: &str, until: u64, log: &Log) -> Result<End> {
    let program = place::file(layout::E2FSCK_ON_CARBON, OFlags::PATH)?;
    let group = Name::new(layout::E2FSCK_GROUP)?;
    match rustix::fs::mkdir(group.c(), Mode::RWXU) {
        Err(Errno::EXIST) => {}
        result => result?,
    }
    let folder = place::open(layout::E2FSCK_GROUP)?;
    let (ours, theirs) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let Some((pid, child)) = sys::fork_into(NAMESPACES, &folder)? else {
        // this process will soon lose /dev
        let log = Log::held();
        if let Err(errno) = become_it(device, &program, &theirs, arguments) {
            error!(log, "cannot start e2fsck: ", errno);
        }
        sys::exit(NO_E2FSCK)
    };
    drop(theirs);
    let pid = rustix::process::Pid::from_raw(pid).ok_or(Errno::SRCH)?;
    let mut seen = watch(&ours, until, log);
    while seen.in_time && !sys::ends_within(child.as_fd(), PATIENCE) {
        seen.in_time = uptime() <= until;
    }
    if !seen.in_time {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
        // it may hang in the kernel, because the disk hangs
        if !sys::ends_within(child.as_fd(), PATIENCE) {
            return Ok(End::Never);
        }
    }
    let ended = rustix::process::waitpid(Some(pid), WaitOptions::empty()).ok().flatten();
    let _ = rustix::fs::rmdir(group.c());
    let status = ended.and_then(|(_, status)| u8::try_from(status.exit_status()?).ok());
    Ok(match status {
        Some(status) => End::Status(status, seen.began),
        None if seen.in_time => End::Signal,
        None => End::Late,
    })
}

/// Runs in the child, with all capabilities until its last lines.
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

/// What its output showed.
struct Seen {
    /// It closed its output before the deadline.
    in_time: bool,
    /// It had begun to check the filesystem.
    began: bool,
}

/// Reads its output to the end, and logs the number of repaired problems and the first one.
fn watch(output: &OwnedFd, until: u64, log: &Log) -> Seen {
    let (mut line, mut first, mut mended) = (Text::new(), Text::new(), 0_u32);
    let mut seen = Seen { in_time: true, began: false };
    loop {
        if uptime() > until {
            seen.in_time = false;
            break;
        }
        if !sys::ready_within(output.as_fd(), PollFlags::IN, PATIENCE) {
            error!(log, "still checking the users partition");
            continue;
        }
        let mut bytes = [0; 256];
        let Ok(length @ 1..) = rustix::io::read(output, &mut bytes) else { break };
        for byte in bytes.get(..length).unwrap_or_default() {
            match byte {
                b'\n' => {
                    let mends = ext4::mends(&line);
                    // a line with only a question is about the line before it
                    if mended == 0 && !line.is_empty() && !(mends && line.len() < 32) {
                        first.clone_from(&line);
                    }
                    mended = mended.saturating_add(mends.into());
                    seen.began |= fsck::begins(&line);
                    line.clear();
                }
                b' '..=b'~' if line.len() < 200 => drop(line.push((*byte).into())),
                _ => {}
            }
        }
    }
    if mended > 0 {
        error!(log, "e2fsck repaired ", mended, " problems of the users partition: ", first);
    }
    seen
}

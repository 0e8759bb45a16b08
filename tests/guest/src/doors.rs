//! Attacks on kernel features that our kernels lack. The suite `doors` runs them on a kernel that
//! has these features, to test that the other guards are enough.

use linux_raw_sys::general as raw;
use rustix::{
    fs::{CWD, FileType, Mode, OFlags},
    io::{Errno, Result},
};
use shim::{arch, sys::Start};

use crate::{
    call::{Table, aside, call, call3, holds, number, open, write},
    mounts::gained,
    others::victim,
};

pub const ATTACKS: Table = &[
    ("kexec", |_| call(raw::__NR_kexec_load, [0; 6]).map(drop)), // no segments: unloads what was loaded
    ("module", module),
    ("user_namespace", |_| aside(|| call3(raw::__NR_unshare, raw::CLONE_NEWUSER as usize, 0, 0).map(drop))),
    ("keyring", keyring),
    ("userfaultfd", |_| call3(raw::__NR_userfaultfd, 1, 0, 0).map(drop)), // UFFD_USER_MODE_ONLY
    ("perf", perf),
    ("sysrq", sysrq),
    ("core_pattern", |_| write(c"/proc/sys/kernel/core_pattern", "core")),
    ("kcore", |_| holds(c"/proc/kcore", "ELF")),
    ("kallsyms", kallsyms),
    ("dev_mem", dev_mem),
    ("process_vm", process_vm),
    ("by_handle", by_handle),
    ("file_capability", |_| gained(c"/capable", c"may")),
    ("iopl", |_| call3(arch::calls::IOPL.ok_or(Errno::NOSYS)?, 3, 0, 0).map(drop)),
];

/// Loads zeros as a module. The kernel checks the privilege first: if it complains that this is no
/// module, the caller was allowed to load one.
fn module(_: Start) -> Result<()> {
    let bytes = [0_u8; 64];
    match call3(raw::__NR_init_module, bytes.as_ptr() as usize, bytes.len(), c"".as_ptr() as usize) {
        Err(Errno::NOEXEC) => Ok(()),
        other => other.map(drop),
    }
}

fn keyring(_: Start) -> Result<()> {
    const PROCESS: usize = (-2_isize).cast_unsigned(); // KEY_SPEC_PROCESS_KEYRING
    let (kind, name) = (c"user".as_ptr() as usize, c"attack".as_ptr() as usize);
    call(raw::__NR_add_key, [kind, name, name, 6, PROCESS, 0]).map(drop)
}

/// Counts the processor time of this process.
fn perf(_: Start) -> Result<()> {
    let mut attr = [0_u64; 8]; // PERF_ATTR_SIZE_VER0
    attr[0] = 64 << 32 | 1; // PERF_TYPE_SOFTWARE
    attr[5] = 0b110_0000; // exclude_kernel, exclude_hv
    let none = usize::MAX;
    call(raw::__NR_perf_event_open, [attr.as_ptr() as usize, 0, none, none, 0, 0]).map(drop)
}

/// Prints the help text of the keys. If the file is masked, its cover accepts every write and does
/// nothing.
fn sysrq(_: Start) -> Result<()> {
    let file = open(c"/proc/sysrq-trigger", OFlags::WRONLY)?;
    if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(Errno::NODEV);
    }
    rustix::io::write(&file, b"h").map(drop)
}

/// Succeeds if a symbol has a kernel address.
fn kallsyms(_: Start) -> Result<()> {
    let file = open(c"/proc/kallsyms", OFlags::RDONLY)?;
    let mut bytes = [0; 4096];
    for _ in 0..64 {
        let length = rustix::io::read(&file, &mut bytes)?;
        let text = bytes.get(..length).unwrap_or_default();
        if text.windows(5).any(|part| part == b"\nffff") {
            return Ok(());
        }
    }
    Err(Errno::NODATA)
}

fn dev_mem(_: Start) -> Result<()> {
    let path = c"/tmp/mem";
    let device = rustix::fs::makedev(1, 1);
    rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, Mode::from_raw_mode(0o600), device)?;
    open(path, OFlags::RDONLY).map(drop)
}

/// Reads the first bytes of the program that the victim runs.
fn process_vm(_: Start) -> Result<()> {
    let mut bytes = [0_u8; 4];
    let (here, there) = ([bytes.as_mut_ptr() as usize, 4], [0x20_0000_usize, 4]);
    let (here, there) = (here.as_ptr() as usize, there.as_ptr() as usize);
    call(raw::__NR_process_vm_readv, [victim()? as usize, here, 1, there, 1, 0])?;
    if bytes == *b"\x7fELF" { Ok(()) } else { Err(Errno::NODATA) }
}

/// Opens a folder by its handle instead of its name.
fn by_handle(_: Start) -> Result<()> {
    let home = open(c"/home", OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut handle = [128_u32 - 8; 32]; // struct file_handle: length, type, and the bytes
    let (at, mut mount) = (handle.as_mut_ptr() as usize, 0_i32);
    let name = c".policy".as_ptr() as usize;
    call(raw::__NR_name_to_handle_at, [number(&home), name, at, (&raw mut mount) as usize, 0, 0])?;
    call3(raw::__NR_open_by_handle_at, number(&home), at, raw::O_DIRECTORY as usize).map(drop)
}

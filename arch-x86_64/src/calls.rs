//! System calls that exist only on this architecture, for compatibility. Newer calls replaced them, but programs still
//! use them. Numbers: arch/x86/entry/syscalls/syscall_64.tbl.

/// The ones that a user's program may make.
pub const LEGACY_CALLS: &[(&str, u32)] = &[
    ("open", 2),
    ("stat", 4),
    ("lstat", 6),
    ("poll", 7),
    ("access", 21),
    ("pipe", 22),
    ("select", 23),
    ("dup2", 33),
    ("pause", 34),
    ("alarm", 37),
    ("fork", 57),
    ("vfork", 58),
    ("getdents", 78),
    ("rename", 82),
    ("mkdir", 83),
    ("rmdir", 84),
    ("creat", 85),
    ("link", 86),
    ("unlink", 87),
    ("symlink", 88),
    ("readlink", 89),
    ("chmod", 90),
    ("chown", 92),
    ("lchown", 94),
    ("getpgrp", 111),
    ("utime", 132),
    ("mknod", 133),
    ("arch_prctl", 158),
    ("time", 201),
    ("epoll_create", 213),
    ("epoll_wait", 232),
    ("utimes", 235),
    ("inotify_init", 253),
    ("futimesat", 261),
    ("signalfd", 282),
    ("eventfd", 284),
];

/// The system call that gives a program access to I/O ports: `iopl`.
pub const IOPL: Option<u32> = Some(172);

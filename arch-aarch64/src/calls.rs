//! System calls that exist only on this architecture, for compatibility. There are none, because it began with the
//! generic table (include/uapi/asm-generic/unistd.h).

/// The ones that a user's program may make.
pub const LEGACY_CALLS: &[(&str, u32)] = &[];

/// The system call that gives a program access to I/O ports. This architecture has none.
pub const IOPL: Option<u32> = None;

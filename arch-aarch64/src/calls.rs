//! System calls of this machine that others never had: none, it began with the generic table
//! (include/uapi/asm-generic/unistd.h).

/// Those that a user's program may make.
pub const LEGACY_CALLS: &[(&str, u32)] = &[];

/// Gives a program the ports of the machine: it has none.
pub const IOPL: Option<u32> = None;

//! System calls of this machine that others never had: none, it began with the generic table
//! (include/uapi/asm-generic/unistd.h).

/// Those that a user's program may make.
pub const LEGACY_CALLS: &[(&str, u32)] = &[];

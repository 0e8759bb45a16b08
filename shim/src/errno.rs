//! Names of the errors that a boot can meet (include/uapi/asm-generic/errno-base.h, errno.h).

/// The name of the error, or a dash if it is not listed.
#[must_use]
pub const fn name(errno: i32) -> &'static str {
    match errno {
        1 => "EPERM",
        2 => "ENOENT (no such file)",
        3 => "ESRCH",
        5 => "EIO (input/output error)",
        6 => "ENXIO",
        7 => "E2BIG",
        8 => "ENOEXEC (not a program)",
        9 => "EBADF",
        11 => "EAGAIN",
        12 => "ENOMEM (out of memory)",
        13 => "EACCES (permission denied)",
        15 => "ENOTBLK",
        16 => "EBUSY",
        17 => "EEXIST",
        19 => "ENODEV",
        20 => "ENOTDIR (not a directory)",
        21 => "EISDIR",
        22 => "EINVAL",
        23 => "ENFILE",
        24 => "EMFILE",
        26 => "ETXTBSY",
        27 => "EFBIG",
        28 => "ENOSPC (no space left)",
        30 => "EROFS (read-only)",
        36 => "ENAMETOOLONG",
        39 => "ENOTEMPTY",
        40 => "ELOOP (a symbolic link)",
        74 => "EBADMSG (damaged)",
        95 => "EOPNOTSUPP",
        110 => "ETIMEDOUT (it did not appear)",
        117 => "EUCLEAN (damaged)",
        _ => "an error not listed here",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn error_names_include_a_description() {
        assert_eq!(super::name(2), "ENOENT (no such file)");
        assert_eq!(super::name(999), "an error not listed here");
    }
}

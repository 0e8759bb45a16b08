//! Names of the errors that a boot can meet (include/uapi/asm-generic/errno-base.h, errno.h).

use crate::cut;

/// A line for each: text, because a `match` would be twice as large.
const NAMES: &str = "\
1 EPERM
2 ENOENT (no such file)
3 ESRCH
5 EIO (input/output error)
6 ENXIO
7 E2BIG
8 ENOEXEC (not a program)
9 EBADF
11 EAGAIN
12 ENOMEM (out of memory)
13 EACCES (permission denied)
15 ENOTBLK
16 EBUSY
17 EEXIST
19 ENODEV
20 ENOTDIR (not a directory)
21 EISDIR
22 EINVAL
23 ENFILE
24 EMFILE
26 ETXTBSY
27 EFBIG
28 ENOSPC (no space left)
30 EROFS (read-only)
36 ENAMETOOLONG
39 ENOTEMPTY
40 ELOOP (a symbolic link)
74 EBADMSG (damaged)
95 EOPNOTSUPP
110 ETIMEDOUT (it did not appear)
117 EUCLEAN (damaged)";

/// The name of the error, or a remark if it is not listed.
#[must_use]
pub fn name(errno: i32) -> &'static str {
    let mut lines = Some(NAMES);
    while let Some(line) = cut::next(&mut lines, b'\n') {
        if let Some((number, name)) = cut::once(line, b' ')
            && cut::small(number, 10) == Some(errno.cast_unsigned())
        {
            return name;
        }
    }
    "an error not listed here"
}

#[cfg(test)]
mod tests {
    #[test]
    fn error_names_include_a_description() {
        assert_eq!(super::name(2), "ENOENT (no such file)");
        assert_eq!(super::name(1), "EPERM");
        assert_eq!(super::name(117), "EUCLEAN (damaged)");
        assert_eq!(super::name(999), "an error not listed here");
    }
}

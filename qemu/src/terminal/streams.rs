//! Whether the standard streams of this process can be used, before anything runs.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::stdio;

/// What a machine would find wrong with stdin or stdout while it runs, and what to do; `None` if nothing. A stream that
/// was closed is `/dev/null` by now: Rust opens it at the start of a program, as node does.
#[must_use]
pub fn unusable() -> Option<String> {
    of(stdio::stdin(), stdio::stdout())
}

fn of(stdin: BorrowedFd<'_>, stdout: BorrowedFd<'_>) -> Option<String> {
    let is_folder = fstat(stdin).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory);
    let opened = |stream, how| fcntl_getfl(stream).is_ok_and(|flags| flags & OFlags::RWMODE == how);
    let (what, next) = if is_folder {
        ("read stdin: it is a folder", "< FILE, or < /dev/null for an empty input")
    } else if opened(stdin, OFlags::WRONLY) {
        ("read stdin: it is open for writing only", "< FILE, or < /dev/null for an empty input")
    } else if opened(stdout, OFlags::RDONLY) {
        ("write to stdout: it is open for reading only", "> FILE, or > /dev/null to see no output")
    } else {
        return None;
    };
    Some(format!("cannot {what}\n  next: {next}"))
}

#[cfg(test)]
mod tests {
    use super::of;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn streams_that_cannot_be_read_or_written_are_named() {
        let [folder, reads] = ["/", "/dev/null"].map(|path| File::open(path).unwrap());
        let writes = File::options().write(true).open("/dev/null").unwrap();
        let both = File::options().read(true).write(true).open("/dev/null").unwrap();
        let wrong = |stdin: &File, stdout: &File| of(stdin.as_fd(), stdout.as_fd()).unwrap_or_default();
        assert_eq!((wrong(&reads, &writes), wrong(&both, &both)), (String::new(), String::new()));
        assert!(wrong(&folder, &writes).starts_with("cannot read stdin: it is a folder\n  next: < FILE"));
        assert!(wrong(&writes, &writes).starts_with("cannot read stdin: it is open for writing only\n"));
        assert!(wrong(&reads, &reads).starts_with("cannot write to stdout: it is open for reading only\n"));
        assert!(wrong(&reads, &folder).starts_with("cannot write to stdout"));
    }
}

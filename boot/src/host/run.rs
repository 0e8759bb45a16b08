//! Runs programs of the host: finds them, reads their output, explains how they failed.
//!
//! A child never outlives the value that waits for it, because it is killed on drop. It stays in our process group, so
//! that Ctrl-C on the terminal reaches it too. After a Ctrl-C, no other child starts (`interrupt`).

use crate::host::error::{Error, Result, full};
use crate::host::interrupt;
use shim::arches::ALL;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// The programs that we use, and their Debian packages. Those of an architecture are in its row.
const PACKAGES: &[(&str, &str)] = &[
    ("apt-get", "apt"),
    ("bc", "bc"),
    ("bison", "bison"),
    ("cargo", "rustup (or cargo)"),
    ("ccache", "ccache"),
    ("chromium", "chromium"),
    ("cpio", "cpio"),
    ("debugfs", "e2fsprogs"),
    ("dnsmasq", "dnsmasq-base"),
    ("dpkg", "dpkg"),
    ("e2fsck", "e2fsprogs"),
    ("fakechroot", "fakechroot"),
    ("fakeroot", "fakeroot"),
    ("fish", "fish"),
    ("flex", "flex"),
    ("fsck.fat", "dosfstools"),
    ("g++", "g++"),
    ("gcc", "gcc"),
    ("grub-mkimage", "grub-common"),
    ("ip", "iproute2"),
    ("isoinfo", "genisoimage"),
    ("make", "make"),
    ("man", "man-db"),
    ("mcopy", "mtools"),
    ("mformat", "mtools"),
    ("mke2fs", "e2fsprogs"),
    ("mkfs.erofs", "erofs-utils"),
    ("mmd", "mtools"),
    ("mmdebstrap", "mmdebstrap"),
    ("newuidmap", "uidmap"),
    ("npm", "npm"),
    ("openssl", "openssl"),
    ("passt", "passt"),
    ("patch", "patch"),
    ("python3", "python3"),
    ("sfdisk", "fdisk"),
    ("sh", "dash"),
    ("ssh", "openssh-client"),
    ("xorriso", "xorriso"),
    ("xz", "xz-utils"),
    ("zsh", "zsh"),
];

/// How many lines of stderr an error repeats: npm gives the reason first, and then its usage.
const FIRST_LINES: usize = 6;
const LAST_LINES: usize = 12;

/// The Debian package that contains a program.
#[must_use]
pub fn package_of(program: &str) -> Option<&'static str> {
    let known = PACKAGES.iter().find(|(name, _)| *name == program).map(|(_, package)| *package);
    known.or_else(|| {
        let own =
            ALL.iter().flat_map(|arch| [(arch.qemu, arch.qemu_package), (arch.cross_compiler, arch.cross_package)]);
        own.into_iter().find(|(name, _)| *name == program).map(|(_, package)| package)
    })
}

/// The path of a program: on `PATH`, or in the administrators' folders, which Debian does not put on a user's PATH.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A command line to run. Its stdin is empty.
#[derive(Debug)]
pub struct Run {
    program: OsString,
    command: Command,
}

impl Run {
    /// Runs a program by name or path.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let name = program.as_ref();
        let at = name.to_str().and_then(find).unwrap_or_else(|| PathBuf::from(name));
        let mut command = Command::new(at);
        // we parse its error messages, for example about a full disk
        command.stdin(Stdio::null()).env("LC_ALL", "C");
        Self { program: name.to_owned(), command }
    }

    /// One argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Several arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// One variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes a variable from the environment.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The folder it runs in.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// The file that it reads as stdin.
    #[must_use]
    pub fn input(mut self, file: std::fs::File) -> Self {
        self.command.stdin(file);
        self
    }

    /// Runs it and ignores its stdout.
    pub fn ok(self) -> Result<()> {
        self.lines(|_| {})
    }

    /// Runs it and returns what it printed to stdout.
    pub fn output(self) -> Result<String> {
        let mut text = String::new();
        self.lines(|line| {
            text.push_str(line);
            text.push('\n');
        })?;
        Ok(text)
    }

    /// Runs it and passes each line of stdout to `each` as it comes.
    pub fn lines(mut self, mut each: impl FnMut(&str)) -> Result<()> {
        let said = self.to_string();
        interrupt::check(|| format!("run {said}"))?;
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running(self.spawn(&said)?);
        let (stdout, stderr) = (child.0.stdout.take(), child.0.stderr.take());
        let reader = thread::spawn(move || some_lines(stderr));
        for line in lines_of(stdout) {
            each(&line);
        }
        let status = child.0.wait().map_err(|error| Error::io(format!("wait for {said}"), &error))?;
        let stderr = reader.join().unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        if let Some(error) = full(format!("run {}", self.program.display()), &stderr) {
            return Err(error);
        }
        let end = status.code().map_or_else(|| status.to_string(), |code| format!("exit status {code}"));
        Err(Error::new(format!("run {said}"), if stderr.is_empty() { end } else { format!("{end}\n{stderr}") }))
    }

    fn spawn(&mut self, said: &str) -> Result<Child> {
        self.command.spawn().map_err(|error| {
            let failed = Error::io(format!("run {said}"), &error);
            match self.program.to_str().and_then(package_of) {
                Some(package) if error.kind() == std::io::ErrorKind::NotFound => {
                    failed.next(format!("apt-get install {package}"))
                }
                _ => failed,
            }
        })
    }
}

/// The command line, in a form that a reader can repeat.
impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.program.to_string_lossy())?;
        for arg in self.command.get_args() {
            let arg = arg.to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+:,./@%".contains(c);
            match !arg.is_empty() && arg.chars().all(plain) {
                true => write!(f, " {arg}")?,
                false => write!(f, " '{}'", arg.replace('\'', r"'\''"))?,
            }
        }
        Ok(())
    }
}

/// Kills its child if it is dropped before the child ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // it may have ended just now
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Lines as they come, in any encoding.
fn lines_of(pipe: Option<impl Read>) -> impl Iterator<Item = String> {
    let lines = pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).split(b'\n'));
    lines.map_while(|line| line.ok()).map(|line| String::from_utf8_lossy(&line).into_owned())
}

fn some_lines(stderr: Option<impl Read>) -> String {
    let (mut first, mut last, mut between) = (Vec::new(), VecDeque::new(), false);
    for line in lines_of(stderr) {
        let line = format!("    {line}");
        if first.len() < FIRST_LINES {
            first.push(line);
            continue;
        }
        last.push_back(line);
        if last.len() > LAST_LINES {
            last.pop_front();
            between = true;
        }
    }
    first.extend(between.then(|| "    …".to_owned()));
    first.extend(last);
    first.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Run, find, package_of};

    #[test]
    fn the_output_of_a_program_is_returned() {
        assert_eq!(Run::new("sh").args(["-c", "echo a; echo b"]).output().unwrap(), "a\nb\n");
    }

    #[test]
    fn a_failure_shows_the_command_its_exit_status_and_its_first_and_last_lines() {
        let error = Run::new("sh").args(["-c", "for i in $(seq 30); do echo $i >&2; done; exit 3"]).ok().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("run sh -c 'for i in"), "{text}");
        assert!(text.contains("exit status 3\n    1\n"), "{text}");
        assert!(text.contains("    6\n    …\n    19\n") && text.ends_with("    30"), "{text}");
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let mut run = Run::new("/no/such/mkfs.erofs");
        run.program = "mkfs.erofs".into();
        let text = run.ok().unwrap_err().to_string();
        assert_eq!(text, "run mkfs.erofs: ENOENT (no such file)\n  next: apt-get install erofs-utils");
        assert_eq!(package_of("no-such"), None);
    }

    #[test]
    fn programs_are_found_by_name() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program"), None);
    }

    #[test]
    fn programs_run_with_the_c_locale() {
        let said = Run::new("sh").args(["-c", "echo $LC_ALL"]).output().unwrap();
        assert_eq!(said, "C\n");
    }
}

//! Runs a user's program as that user. Its arguments come from the user's own logon file.

use core::mem::ManuallyDrop;

use rustix::{fd::OwnedFd, fs::CWD, io::Errno};

use crate::{
    cmdline::Options,
    cut,
    guards::Guard,
    guest::{logon::file, place, privilege},
    layout::{self, MAX_ENVIRONMENT},
    limits,
    logon_file::LogonFile,
    machine_file::is_timezone,
    say,
    say::{Text, whole},
    sys::{self, Start, Stream},
    variables::{MOST_VARIABLES, Words, set, set_all},
};

/// Becomes the program, or the user's shell with its arguments. If it cannot: status 126 or 127, as with a shell.
/// `memory` is the limit of the sandbox in bytes.
pub fn run(user: &str, program: &str, memory: &str, options: &Options<'_>, start: Start) -> u8 {
    if let Err(errno) = privilege::shut_in(options.guards) {
        let mut why = Text::new();
        say!(&mut why, "nodeos: ", user, ": the kernel cannot restrict programs: ", errno, "\n");
        Stream(2).put(&why);
        return 126;
    }
    let file = file::own();
    let shell = program.is_empty();
    let path = if shell { file.shell() } else { program };
    let mut variables = Text::new();
    environment(&mut variables, user, file.shell(), memory, options);
    if !options.guards.hold(Guard::Environment) {
        start.environment().filter_map(|word| word.to_str().ok()).for_each(|word| say!(&mut variables, word, "\0"));
    }
    let errno = become_program(path, shell, &file, &variables);
    let mut why = Text::new();
    say!(&mut why, "nodeos: ", user, ": cannot run ", path, ": ", errno, "\n");
    Stream(2).put(&why);
    if errno == Errno::NOENT { 127 } else { 126 }
}

fn become_program(path: &str, shell: bool, file: &LogonFile, fixed: &Text) -> Errno {
    let mut arguments = Text::new();
    say!(&mut arguments, path, "\0");
    for argument in file.shell_args.iter().filter(|_| shell) {
        say!(&mut arguments, argument, "\0");
    }
    let mut variables = Words::new();
    let fits = whole(&arguments) && whole(fixed);
    if !fits || !sys::strings(fixed).all(|variable| set(&mut variables, variable).is_some()) {
        return Errno::TOOBIG;
    }
    let exec = |variables: &Words<'_>| match sys::strings(&arguments).next() {
        Some(first) if first.count_bytes() == path.len() => {
            sys::exec(CWD, first, sys::strings(&arguments), variables.iter().copied())
        }
        _ => Errno::INVAL,
    };
    let with_roots = |variables: &Words<'_>| with_file(layout::ENVIRONMENT, variables, &exec);
    if path != layout::APP_INIT {
        return with_roots(&variables);
    }
    // root's variables replace those of the medium
    with_file(layout::APP_ENVIRONMENT, &variables, &with_roots)
}

/// Goes on with the variables, and with those of a file if it is there.
fn with_file(path: &str, variables: &Words<'_>, go_on: &dyn Fn(&Words<'_>) -> Errno) -> Errno {
    match place::regular(CWD, path) {
        Ok(file) => with_content(&file, variables, go_on),
        Err(_) => go_on(variables),
    }
}

/// A function of its own, because its stack takes pages. The user may have put any file there: one that is too large is
/// not used.
#[inline(never)]
fn with_content(file: &OwnedFd, variables: &Words<'_>, go_on: &dyn Fn(&Words<'_>) -> Errno) -> Errno {
    let mut buffer = [0; MAX_ENVIRONMENT];
    let mut all = variables.clone();
    let Ok(length) = place::content(file, &mut buffer).map(|text| text.len()) else { return go_on(variables) };
    // the byte behind the last line is a NUL
    match buffer.get_mut(..=length).and_then(|text| set_all(&mut all, text)) {
        Some(()) => go_on(&all),
        None => {
            let mut why = Text::new();
            say!(&mut why, "nodeos: a file has more than ", MOST_VARIABLES as u64, " variables: none of them is set\n");
            Stream(2).put(&why);
            go_on(variables)
        }
    }
}

/// The environment of a user's process without the variables of files.
fn environment(text: &mut Text, user: &str, shell: &str, memory: &str, options: &Options<'_>) {
    let Options { term, lang, tz, .. } = options;
    let mut bytes = [0; ZONE];
    let tz = zone(&mut bytes).unwrap_or(tz);
    say!(text, "HOME=/\0TERM=", term, "\0LANG=", lang, "\0PATH=/bin:/usr/bin\0USER=", user, "\0SHELL=", shell, "\0");
    if !tz.is_empty() {
        say!(text, "TZ=", tz, "\0");
    }
    if let Some(mib) = cut::number(memory, 10).and_then(limits::heap) {
        // without the second one, the youngest objects have 48 MiB more
        say!(text, "NODE_OPTIONS=--max-old-space-size=", mib, " --max-semi-space-size=1\0");
    }
}

/// More bytes than a time zone's name has.
const ZONE: usize = 80;

/// The machine's time zone, from the host layer, unless the user has a file of that name.
fn zone(bytes: &mut [u8; ZONE]) -> Option<&str> {
    // open until the next exec: a call less
    let file = ManuallyDrop::new(place::regular(CWD, layout::TIMEZONE).ok()?);
    let text = core::str::from_utf8(place::content(&file, bytes).ok()?).ok()?;
    Some(text.trim_ascii()).filter(|text| is_timezone(text))
}

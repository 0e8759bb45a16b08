//! `/usr/bin/env`: runs any program, so that `#!/usr/bin/env node` and similar lines work.
//!
//! `env [-C FOLDER] [NAME=VALUE]… PROGRAM [ARGUMENT]…` changes to the folder, sets variables and looks the program up
//! in PATH, as env(1) does. A first argument `-S WORDS` (or `-SWORDS`) is split at spaces, so that a `#!` line can pass
//! more than one word. Without a program it prints the environment. Exit status: 125 no folder after -C, or no such one,
//! 126 found but not run, 127 not found (POSIX env, GNU env).
#![cfg_attr(target_env = "musl", no_std, no_main)]

use core::ffi::CStr;

use rustix::{fs::CWD, io::Errno};
use shim::{
    say,
    say::{Text, whole},
    sys::{self, Start, Stream},
    variables::{Words, set},
};

shim::program!(env);

fn env(start: Start) -> ! {
    sys::exit(run(start))
}

fn run(start: Start) -> u8 {
    let rest = start.shift();
    match rest.arguments().next() {
        // as in a `#!` line: all arguments and variables are passed on unchanged
        Some(program) if plain(program) => {
            failed(program, search(program, rest.environment(), |path| sys::exec_with(path, rest)))
        }
        _ => changed(rest).unwrap_or_else(|| failed(c"that many words", Errno::TOOBIG)),
    }
}

fn plain(word: &CStr) -> bool {
    !word.to_bytes().contains(&b'=') && !word.to_bytes().starts_with(b"-")
}

/// Handles `-S`, `-C`, variables, and the case without a program; `None` if there are too many words.
fn changed(start: Start) -> Option<u8> {
    let mut arguments = start.arguments().peekable();
    let mut split = Text::new();
    if let Some(text) = arguments.next_if(|word| word.to_bytes().starts_with(b"-S")) {
        let text = text.to_str().ok()?.strip_prefix("-S")?;
        let text = if text.is_empty() { arguments.next()?.to_str().ok()? } else { text };
        text.split_ascii_whitespace().for_each(|word| say!(&mut split, word, "\0"));
    }
    let mut words = Words::new();
    let whole = whole(&split)
        && sys::strings(&split).all(|word| words.push(word).is_ok())
        && arguments.all(|word| words.push(word).is_ok());
    whole.then_some(())?;
    let mut environment = Words::new();
    start.environment().try_for_each(|variable| set(&mut environment, variable))?;
    let mut words = words.iter().copied().peekable();
    if words.next_if_eq(&c"-C").is_some() {
        let Some(folder) = words.next() else {
            Stream(2).put("env: -C: name a folder after it\n");
            return Some(125);
        };
        if let Err(errno) = rustix::process::chdir(folder) {
            failed(folder, errno);
            return Some(125);
        }
    }
    while let Some(word) = words.next_if(|word| word.to_bytes().contains(&b'=')) {
        set(&mut environment, word)?;
    }
    let Some(program) = words.peek().copied() else {
        for variable in &environment {
            Stream(1).put(variable.to_str().unwrap_or("?"));
            Stream(1).put("\n");
        }
        return Some(0);
    };
    let variables = environment.iter().copied();
    let exec = |path: &CStr| sys::exec(CWD, path, words.clone(), environment.iter().copied());
    Some(failed(program, search(program, variables, exec)))
}

fn failed(program: &CStr, errno: Errno) -> u8 {
    let mut why = Text::new();
    say!(&mut why, "env: cannot run ", program.to_str().unwrap_or("?"), ": ", errno, "\n");
    Stream(2).put(&why);
    if errno == Errno::NOENT { 127 } else { 126 }
}

/// Tries the program as a path, or in each folder of PATH.
fn search<'a>(program: &CStr, mut environment: impl Iterator<Item = &'a CStr>, exec: impl Fn(&CStr) -> Errno) -> Errno {
    if program.to_bytes().contains(&b'/') {
        return exec(program);
    }
    let path = environment.find_map(|v| v.to_str().ok()?.strip_prefix("PATH=")).unwrap_or("/bin:/usr/bin");
    let mut result = Errno::NOENT;
    for folder in path.split(':') {
        let mut text = Text::new();
        say!(&mut text, folder, "/", program.to_str().unwrap_or("?"), "\0");
        if let (true, Ok(path)) = (whole(&text), CStr::from_bytes_with_nul(text.as_bytes())) {
            match exec(path) {
                Errno::NOENT | Errno::NOTDIR => {}
                errno => result = errno,
            }
        }
    }
    result
}

//! `/usr/bin/env`: runs any program, so that `#!/usr/bin/env node` and its kin work.
//!
//! `env [NAME=VALUE]… PROGRAM [ARGUMENT]…` sets variables and looks the program up in PATH, as env(1) does; a first
//! argument `-S WORDS` is split at spaces, which is how a `#!` line passes more than one word. Without a program it
//! prints the environment. Exit status: 126 found but not run, 127 not found (POSIX env).
#![cfg_attr(target_env = "musl", no_std, no_main)]

#[cfg(target_env = "musl")]
mod program {
    use core::{ffi::CStr, panic::PanicInfo};

    use heapless::Vec;
    use rustix::{fs::CWD, io::Errno};
    use shim::{
        say,
        say::{Text, whole},
        sys::{self, Start, Stream},
    };

    type Words<'a> = Vec<&'a CStr, 63>;

    shim::entry!(main);

    #[panic_handler]
    fn panic(_: &PanicInfo<'_>) -> ! {
        sys::exit(134)
    }

    fn main(start: Start) -> ! {
        sys::exit(run(start))
    }

    fn run(start: Start) -> u8 {
        let mut split = Text::new();
        let mut words: Words<'_> = start.arguments().skip(1).collect();
        if let Some(text) = words.first().and_then(|first| first.to_str().ok()?.strip_prefix("-S")) {
            text.split_ascii_whitespace().for_each(|word| say!(&mut split, word, "\0"));
            let rest = words.iter().skip(1).copied();
            let inner = split.as_bytes().split_inclusive(|byte| *byte == 0);
            words = inner.filter_map(|word| CStr::from_bytes_with_nul(word).ok()).chain(rest).collect();
        }
        let mut environment = Words::new();
        start.environment().for_each(|variable| set(&mut environment, variable));
        let mut words = words.iter().copied().peekable();
        while let Some(word) = words.next_if(|word| word.to_bytes().contains(&b'=')) {
            set(&mut environment, word);
        }
        let Some(program) = words.peek().copied() else {
            for variable in &environment {
                Stream(1).put(variable.to_str().unwrap_or("?"));
                Stream(1).put("\n");
            }
            return 0;
        };
        let errno =
            search(program, &environment, |path| sys::exec(CWD, path, words.clone(), environment.iter().copied()));
        let name = program.to_str().unwrap_or("?");
        let mut why = Text::new();
        say!(&mut why, "env: cannot run ", name, ": ", errno, "\n");
        Stream(2).put(&why);
        if errno == Errno::NOENT { 127 } else { 126 }
    }

    /// Puts a variable in, over one of the same name.
    fn set<'a>(environment: &mut Words<'a>, variable: &'a CStr) {
        fn name(variable: &CStr) -> Option<&[u8]> {
            variable.to_bytes().split(|byte| *byte == b'=').next()
        }
        environment.retain(|other| name(other) != name(variable));
        let _ = environment.push(variable);
    }

    /// Tries the program as a path, or in each folder of PATH.
    fn search(program: &CStr, environment: &Words<'_>, exec: impl Fn(&CStr) -> Errno) -> Errno {
        if program.to_bytes().contains(&b'/') {
            return exec(program);
        }
        let path = environment.iter().find_map(|v| v.to_str().ok()?.strip_prefix("PATH=")).unwrap_or("/bin");
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
}

#[cfg(not(target_env = "musl"))]
fn main() {
    eprintln!("this is /usr/bin/env of a NodeOS machine; build it for a musl target");
    std::process::exit(1);
}

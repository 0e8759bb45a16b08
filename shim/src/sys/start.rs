//! The start of our programs: the data that the kernel put on the stack, and the function that receives it.
#![allow(unsafe_code)]

use core::ffi::{CStr, c_char};

/// Makes `$main`, a `fn(Start) -> !`, a program of the guest: the entry of `arch-*` calls it. When built for a host,
/// the program compiles, but only prints what it is.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[cfg(target_env = "musl")]
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "C" fn nodeos_start(stack: *const usize) -> ! {
            // SAFETY: the entry passes the stack pointer that the kernel set.
            $main(unsafe { $crate::sys::Start::new(stack) })
        }

        #[cfg(not(target_env = "musl"))]
        fn main() {
            let _: fn($crate::sys::Start) -> ! = $main;
            let name = env!("CARGO_BIN_NAME");
            eprintln!("{name} is a program of a NodeOS machine: build it for a musl target; `nodeos run` boots one");
            std::process::exit(1);
        }
    };
}

/// The same, for a program that simply exits on a panic. No panic is reachable.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        $crate::entry!($main);

        #[cfg(target_env = "musl")]
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            $crate::sys::exit(134)
        }
    };
}

/// The data that the kernel put on the stack of a new program.
#[derive(Clone, Copy)]
pub struct Start {
    pub(super) argv: *const *const c_char,
    pub(super) envp: *const *const c_char,
}

impl Start {
    /// Reads the stack that the entry received.
    ///
    /// # Safety
    /// `stack` must be the stack pointer at the program's first instruction, and nothing may write to that stack area.
    #[must_use]
    pub unsafe fn new(stack: *const usize) -> Self {
        // SAFETY: the kernel puts argc, argv, NULL, envp, NULL there (fs/binfmt_elf.c, create_elf_tables).
        unsafe {
            let argv = stack.add(1).cast::<*const c_char>();
            Self { argv, envp: argv.add((*stack).saturating_add(1)) }
        }
    }

    /// The arguments, starting with the program's own name.
    pub fn arguments(&self) -> impl Iterator<Item = &'static CStr> + use<> {
        Strings(self.argv)
    }

    /// The same without the first argument.
    #[must_use]
    pub fn shift(self) -> Self {
        // SAFETY: the array ends with NULL, and this does not go beyond it.
        let argv = unsafe { if (*self.argv).is_null() { self.argv } else { self.argv.add(1) } };
        Self { argv, ..self }
    }

    /// The environment.
    pub fn environment(&self) -> impl Iterator<Item = &'static CStr> + use<> {
        Strings(self.envp)
    }
}

struct Strings(*const *const c_char);

impl Iterator for Strings {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        // SAFETY: the array ends with NULL, and this does not go beyond it; its strings live as long as the program.
        unsafe {
            let string = *self.0;
            if string.is_null() {
                return None;
            }
            self.0 = self.0.add(1);
            Some(CStr::from_ptr(string))
        }
    }
}

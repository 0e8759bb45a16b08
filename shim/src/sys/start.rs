//! How a program of ours begins: what the kernel put on its stack, and the function that gets it.
#![allow(unsafe_code)]

use core::ffi::{CStr, c_char};

/// Makes `$main`, a `fn(Start) -> !`, what the entry of `arch-*` calls.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "C" fn nodeos_start(stack: *const usize) -> ! {
            // SAFETY: the entry hands over the stack pointer that it found.
            $main(unsafe { $crate::sys::Start::new(stack) })
        }
    };
}

/// The same, for a program whose panic, which is not reached, ends it.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        $crate::entry!($main);

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            $crate::sys::exit(134)
        }
    };
}

/// What the kernel put on the stack of a new program.
#[derive(Clone, Copy)]
pub struct Start {
    pub(super) argv: *const *const c_char,
    pub(super) envp: *const *const c_char,
}

impl Start {
    /// Reads the stack that the entry got.
    ///
    /// # Safety
    /// `stack` must be the stack pointer at the program's first instruction, and nobody may write there.
    #[must_use]
    pub unsafe fn new(stack: *const usize) -> Self {
        // SAFETY: the kernel puts argc, argv, NULL, envp, NULL there (fs/binfmt_elf.c, create_elf_tables).
        unsafe {
            let argv = stack.add(1).cast::<*const c_char>();
            Self { argv, envp: argv.add((*stack).saturating_add(1)) }
        }
    }

    /// The arguments, the program's own name first.
    pub fn arguments(&self) -> impl Iterator<Item = &'static CStr> + use<> {
        Strings(self.argv)
    }

    /// The same without the first argument.
    #[must_use]
    pub fn shift(self) -> Self {
        // SAFETY: the array ends with NULL, which is not passed.
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
        // SAFETY: the array ends with NULL and is never passed; its strings live as long as the program.
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

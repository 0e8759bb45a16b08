//! Macros that make a test for each architecture. The architectures are listed only here.

/// Makes a test of each row for every architecture. `NAME => FUNCTION, ARGUMENT…;` becomes a test
/// NAME that calls `FUNCTION(ARCH, ARGUMENT…)`, in a module with the architecture's name. Rows
/// behind `@x86_64` run only on x86_64. Rows behind `@again` are about what no architecture changes:
/// on aarch64 they are in a module `again`, which a short run skips.
#[macro_export]
macro_rules! on_each {
    (
        $($name:ident => $function:path $(, $argument:expr)*;)+
        $(@x86_64 $($x86:ident => $x86_function:path $(, $x86_argument:expr)*;)+)?
        $(@again $($again:ident => $again_function:path $(, $again_argument:expr)*;)+)?
    ) => {
        $crate::on! {
            x86_64:
            $($name => $function $(, $argument)*;)+
            $($($x86 => $x86_function $(, $x86_argument)*;)+)?
            $($($again => $again_function $(, $again_argument)*;)+)?
        }
        $crate::on! {
            aarch64:
            $($name => $function $(, $argument)*;)+
            $(@again $($again => $again_function $(, $again_argument)*;)+)?
        }
    };
}

/// The same for one architecture.
#[macro_export]
macro_rules! on {
    (
        $arch:ident:
        $($(#[$attribute:meta])* $name:ident => $function:path $(, $argument:expr)*;)+
        $(@again $($again:ident => $again_function:path $(, $again_argument:expr)*;)+)?
    ) => {
        mod $arch {
            $(
                $(#[$attribute])*
                #[test]
                fn $name() {
                    $function($crate::arch(stringify!($arch)) $(, $argument)*);
                }
            )+
            $(
                mod again {
                    $(
                        #[test]
                        fn $again() {
                            $again_function($crate::arch(stringify!($arch)) $(, $again_argument)*);
                        }
                    )+
                }
            )?
        }
    };
}

//! `/mend` of a NodeOS machine. What it does is in `guest::mend`.
#![cfg_attr(target_env = "musl", no_std, no_main)]

#[cfg(target_env = "musl")]
mod program {
    shim::program!(shim::guest::mend::main);
}

#[cfg(not(target_env = "musl"))]
fn main() {
    eprintln!("this is /mend of a NodeOS machine; build it for a musl target");
    std::process::exit(1);
}

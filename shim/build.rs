//! Links musl's `libc.a` into the guest's programs, for `memcpy` and its kin alone: with
//! `link-self-contained=no` rustc leaves out the crt objects, and this folder with them.
use std::{env, path::PathBuf, process::Command};

fn main() {
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("musl") {
        return;
    }
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
    let output =
        Command::new(rustc).args(["--print", "target-libdir", "--target", &target]).output().expect("rustc runs");
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("self-contained");
    // tests/guest is built by this script too
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let scripts = [here.join("guest.ld"), here.join("../../shim/guest.ld")];
    let script = scripts.iter().find(|script| script.exists()).expect("guest.ld lies in the shim's folder");
    println!("cargo:rerun-if-changed={}", script.display());
    println!("cargo:rustc-link-arg-bins=--script={}", script.display());
    println!("cargo:rustc-link-arg-bins=--no-eh-frame-hdr");
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rustc-link-lib=static:+bundle=c");
}

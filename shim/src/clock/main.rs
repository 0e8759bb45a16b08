//! `/clock` of a NodeOS machine. What it does is in `guest::clock`.
#![cfg_attr(target_env = "musl", no_std, no_main)]

shim::program!(shim::guest::clock::main);

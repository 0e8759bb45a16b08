//! `/net` of a NodeOS machine. What it does is in `guest::net`.
#![cfg_attr(target_env = "musl", no_std, no_main)]

shim::program!(shim::guest::net::main);

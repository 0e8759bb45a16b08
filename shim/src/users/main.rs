//! `/users` of a NodeOS machine. What it does is in `guest::users`.
#![cfg_attr(target_env = "musl", no_std, no_main)]

shim::program!(shim::guest::users::main);

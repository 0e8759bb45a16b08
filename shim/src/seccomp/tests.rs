//! Runs the filter as the kernel would.

use super::*;

/// The same as the kernel's `seccomp_run_filters`, for the instructions that are used here.
fn run(arch: u32, number: u32, arguments: [u32; 2]) -> u32 {
    run3(arch, number, [arguments[0], arguments[1], 0])
}

fn run3(arch: u32, number: u32, arguments: [u32; 3]) -> u32 {
    let (mut accumulator, mut at) = (0, 0);
    loop {
        let Instruction { code, yes, no, value } = FILTER[at];
        let jump = match code {
            LOAD => {
                accumulator = match value {
                    NUMBER => number,
                    ARCH => arch,
                    FIRST_ARGUMENT => arguments[0],
                    SECOND_ARGUMENT => arguments[1],
                    THIRD_ARGUMENT => arguments[2],
                    other => panic!("loads {other}"),
                };
                0
            }
            IF_EQUAL => {
                if accumulator == value {
                    yes
                } else {
                    no
                }
            }
            IF_GREATER => {
                if accumulator > value {
                    yes
                } else {
                    no
                }
            }
            IF_AT_LEAST => {
                if accumulator >= value {
                    yes
                } else {
                    no
                }
            }
            IF_ANY => {
                if accumulator & value != 0 {
                    yes
                } else {
                    no
                }
            }
            RETURN => return value,
            other => panic!("{other:#x} is not used here"),
        };
        at += 1 + usize::from(jump);
    }
}

#[test]
fn exactly_the_listed_calls_are_allowed() {
    let listed: Vec<u32> = CALLS.iter().flat_map(|group| group.iter().map(|(_, number)| *number)).collect();
    for number in 0..=NEWEST {
        let wanted = match number {
            raw::__NR_clone3 => ENOSYS,
            number if listed.contains(&number) => ALLOW,
            _ => EPERM,
        };
        assert_eq!(run(AUDIT_ARCH, number, [0, 0]), wanted, "{number}");
    }
    for number in [NEWEST + 1, 500, 0x4000_0000, u32::MAX] {
        assert_eq!(run(AUDIT_ARCH, number, [0, 0]), ENOSYS, "{number}");
    }
}

#[test]
fn calls_that_reach_beyond_a_sandbox_are_not_listed() {
    for number in [
        raw::__NR_mount,
        raw::__NR_umount2,
        raw::__NR_move_mount,
        raw::__NR_open_tree,
        raw::__NR_fsopen,
        raw::__NR_mount_setattr,
        raw::__NR_pivot_root,
        raw::__NR_chroot,
        raw::__NR_unshare,
        raw::__NR_setns,
        raw::__NR_ptrace,
        raw::__NR_process_vm_readv,
        raw::__NR_process_vm_writev,
        raw::__NR_pidfd_getfd,
        raw::__NR_kcmp,
        raw::__NR_bpf,
        raw::__NR_perf_event_open,
        raw::__NR_userfaultfd,
        raw::__NR_keyctl,
        raw::__NR_add_key,
        raw::__NR_request_key,
        raw::__NR_io_uring_setup,
        raw::__NR_io_uring_enter,
        raw::__NR_io_uring_register,
        raw::__NR_open_by_handle_at,
        raw::__NR_name_to_handle_at,
        raw::__NR_init_module,
        raw::__NR_finit_module,
        raw::__NR_delete_module,
        raw::__NR_kexec_load,
        raw::__NR_reboot,
        raw::__NR_sethostname,
        raw::__NR_setdomainname,
        raw::__NR_settimeofday,
        raw::__NR_clock_settime,
        raw::__NR_clock_adjtime,
        raw::__NR_swapon,
        raw::__NR_acct,
        raw::__NR_syslog,
        raw::__NR_vhangup,
        raw::__NR_quotactl,
        raw::__NR_fanotify_init,
        raw::__NR_personality,
    ] {
        assert_eq!(run(AUDIT_ARCH, number, [0, 0]), EPERM, "{number}");
    }
}

#[test]
fn clone_allows_threads_and_processes_but_no_namespaces_and_no_siblings() {
    let threads = raw::CLONE_VM | raw::CLONE_FS | raw::CLONE_FILES | raw::CLONE_SIGHAND | raw::CLONE_THREAD;
    for flags in [threads, 17, raw::CLONE_VFORK | raw::CLONE_VM] {
        assert_eq!(run(AUDIT_ARCH, raw::__NR_clone, [flags, 0]), ALLOW);
    }
    for flag in [
        raw::CLONE_NEWNS,
        raw::CLONE_NEWUSER,
        raw::CLONE_NEWPID,
        raw::CLONE_NEWNET,
        raw::CLONE_NEWCGROUP,
        raw::CLONE_PARENT,
    ] {
        assert_eq!(run(AUDIT_ARCH, raw::__NR_clone, [flag | 17, 0]), EPERM);
    }
}

#[test]
fn ioctls_that_outlast_a_session_are_refused() {
    for (name, ioctl) in [
        ("KIOCSOUND", 0x4b2f),
        ("KDMKTONE", 0x4b30),
        ("KDSETLED", 0x4b32),
        ("KDADDIO", 0x4b34),
        ("KDENABIO", 0x4b36),
        ("KDSETMODE", 0x4b3a),
        ("KDMAPDISP", 0x4b3c),
        ("PIO_SCRNMAP", 0x4b41),
        ("KDSKBMODE", 0x4b45),
        ("KDSKBENT", 0x4b47),
        ("KDSKBSENT", 0x4b49),
        ("KDSKBDIACR", 0x4b4b),
        ("KDSETKEYCODE", 0x4b4d),
        ("KDSIGACCEPT", 0x4b4e),
        ("KDKBDREP", 0x4b52),
        ("PIO_FONT", 0x4b61),
        ("KDSKBMETA", 0x4b63),
        ("KDSKBLED", 0x4b65),
        ("PIO_UNIMAP", 0x4b67),
        ("PIO_CMAP", 0x4b71),
        ("KDFONTOP", 0x4b72),
        ("KDSKBDIACRUC", 0x4bfb),
        ("TCXONC", 0x540a),
        ("TIOCEXCL", 0x540c),
        ("TIOCSTI", 0x5412),
        ("TIOCLINUX", 0x541c),
        ("TIOCCONS", 0x541d),
        ("TIOCSSERIAL", 0x541f),
        ("TIOCSETD", 0x5423),
        ("TCSBRKP", 0x5425),
        ("TIOCSBRK", 0x5427),
        ("TIOCSRS485", 0x542f),
        ("TIOCVHANGUP", 0x5437),
        ("TIOCSERCONFIG", 0x5453),
        ("TIOCSLCKTRMIOS", 0x5457),
        ("TIOCSERSETMULTI", 0x545b),
        ("VT_SETMODE", 0x5602),
        ("VT_SENDSIG", 0x5604),
        ("VT_RELDISP", 0x5605),
        ("VT_ACTIVATE", 0x5606),
        ("VT_WAITACTIVE", 0x5607),
        ("VT_DISALLOCATE", 0x5608),
        ("VT_RESIZE", 0x5609),
        ("VT_RESIZEX", 0x560a),
        ("VT_LOCKSWITCH", 0x560b),
        ("VT_WAITEVENT", 0x560e),
        ("VT_SETACTIVATE", 0x560f),
        ("TIOCSISO7816", 0xc028_5443),
    ] {
        assert_eq!(run(AUDIT_ARCH, raw::__NR_ioctl, [0, ioctl]), EPERM, "{name}");
    }
}

#[test]
fn ordinary_terminal_ioctls_are_allowed() {
    for (name, ioctl) in [
        ("TCGETS", 0x5401),
        ("TCSETS", 0x5402),
        ("TCSETSW", 0x5403),
        ("TCSETSF", 0x5404),
        ("TCSBRK", 0x5409), // tcdrain(3)
        ("TCFLSH", 0x540b),
        ("TIOCSCTTY", 0x540e),
        ("TIOCGPGRP", 0x540f),
        ("TIOCSPGRP", 0x5410),
        ("TIOCOUTQ", 0x5411),
        ("TIOCGWINSZ", 0x5413),
        ("TIOCSWINSZ", 0x5414),
        ("TIOCMGET", 0x5415), // of granted lines; the next requests, too
        ("TIOCMBIS", 0x5416),
        ("TIOCMBIC", 0x5417),
        ("TIOCMSET", 0x5418),
        ("FIONREAD", 0x541b),
        ("TIOCGSERIAL", 0x541e),
        ("TIOCPKT", 0x5420),
        ("FIONBIO", 0x5421),
        ("TIOCNOTTY", 0x5422),
        ("TIOCGETD", 0x5424),
        ("TIOCCBRK", 0x5428),
        ("TIOCGSID", 0x5429),
        ("TIOCGPTPEER", 0x5441),
        ("FIONCLEX", 0x5450),
        ("FIOCLEX", 0x5451),
        ("FIOASYNC", 0x5452),
        ("TIOCMIWAIT", 0x545c),
        ("TIOCGICOUNT", 0x545d),
        ("FIOQSIZE", 0x5460),
        ("TCGETS2", 0x802c_542a),
        ("TCSETS2", 0x402c_542b),
        ("TIOCGPTN", 0x8004_5430),
        ("TIOCSPTLCK", 0x4004_5431),
        ("TIOCSIG", 0x4004_5436),
    ] {
        assert_eq!(run(AUDIT_ARCH, raw::__NR_ioctl, [0, ioctl]), ALLOW, "{name}");
    }
}

#[test]
fn netlink_allows_only_the_route_protocol() {
    for (family, protocol, wanted) in
        [(1, 0, ALLOW), (2, 6, ALLOW), (10, 17, ALLOW), (16, 0, ALLOW), (16, 2, EPERM), (16, 15, EPERM)]
    {
        assert_eq!(run3(AUDIT_ARCH, raw::__NR_socket, [family, 3, protocol]), wanted, "{family} {protocol}");
    }
}

#[test]
fn calls_of_another_architecture_kill_the_program() {
    assert_eq!(run(AUDIT_ARCH ^ 1, raw::__NR_read, [0, 0]), KILL);
    assert_eq!(run(0x4000_0003, 3, [0, 0]), KILL); // i386
}

//! A machine with many homes, and how much memory each sandbox costs.

use boot::users::home::Home;
use shim::arches::Arch;
use tests::{Boot, Disk, log_on, logs_on};

/// The limit of PID 1's own memory once it has started every logon prompt.
const PID1_KIB: u32 = 128;
/// The limit of what a sandbox costs without its user's program, with the terminal on which that prints.
const SANDBOX_KIB: u32 = 288;
const HOMES: u32 = 500;
/// The number is large so that other differences between boots, up to 400 KiB, are at most 3 KiB for each sandbox.
const SANDBOXES: u32 = 120;

pub fn five_hundred_homes_boot(arch: &'static Arch) {
    // the memory of processes, namespaces and filesystems, without that of this node; file pages
    // are left out, because they can be reclaimed
    let script = r"
        const fs = require('fs'), memory = fs.readFileSync('/proc/meminfo', 'utf8'), own = fs.readFileSync('/proc/self/status', 'utf8')
        const sum = (text, names) => names.reduce((all, name) => all + +text.match(new RegExp('^' + name + ':\\s*(\\d+)', 'm'))[1], 0)
        const held = ['SUnreclaim', 'SReclaimable', 'KernelStack', 'PageTables', 'AnonPages', 'Shmem', 'Percpu']
        console.log('held', sum(memory, held) - sum(own, ['RssAnon', 'VmPTE']), 'KiB')";
    let held = |sandboxes: u32, program: &[u8]| {
        let mut homes = vec![logs_on("root", 0, Some("root"), script)];
        for n in 0..HOMES {
            let mut home = Home::new(&format!("home{n}"), 2000 + n);
            if n < sandboxes {
                home.program("init", program);
            }
            homes.push(home);
        }
        let disk = Disk::with(&homes);
        let mut vm = Boot::on(arch).homes(&disk).words("loglevel=7").start();
        log_on(&mut vm, "root", Some("root"));
        vm.expect("held ").unwrap();
        let held: u32 = vm.expect(" KiB").unwrap().parse().unwrap();
        // read after the wait: the kernel may hold back a line until it prints the next one
        let said = vm.transcript();
        let number =
            |before: &str, after: &str| -> Option<u32> { said.split_once(before)?.1.split_once(after)?.0.parse().ok() };
        assert!(said.contains(&format!("nodeos: {} users", HOMES + 1)), "{said}");
        let own = number("PID 1 holds ", " KiB").unwrap_or_else(|| panic!("{said}"));
        assert!(own <= PID1_KIB, "PID 1 holds {own} KiB; the limit is {PID1_KIB}");
        let inits = said.matches("nodeos: init of home").count();
        assert_eq!(inits, sandboxes as usize, "{said}");
        held
    };
    let (one, two) = (pause(arch, false), pause(arch, true));
    let (none, with_one, with_two) = (held(0, &one), held(SANDBOXES, &one), held(SANDBOXES, &two));
    let whole = with_one.saturating_sub(none) / SANDBOXES;
    let program = with_two.saturating_sub(with_one) / SANDBOXES;
    let each = whole.saturating_sub(program);
    println!("a sandbox costs {each} KiB, its tiny program {program} KiB");
    assert!(
        each <= SANDBOX_KIB,
        "a sandbox costs {each} KiB, and its tiny program {program}; the limit is {SANDBOX_KIB}"
    );
    assert!(each > 20 && program > 4, "a sandbox of {each} KiB and a program of {program} KiB were not measured");
}

/// The smallest program that keeps running: one segment with instructions that wait for a signal
/// without end. With `twice` it forks first, so that two processes keep running.
fn pause(arch: &Arch, twice: bool) -> Vec<u8> {
    let fork: &[u8] = match arch.name {
        // mov eax, 57 (fork); syscall
        "x86_64" => &[0xb8, 57, 0, 0, 0, 0x0f, 0x05],
        // mov x0, SIGCHLD; mov x1..x4, 0; mov x8, 220 (clone); svc 0
        "aarch64" => &[
            0x20, 0x02, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00, 0x80, 0xd2, 0x04, 0x00,
            0x80, 0xd2, 0x88, 0x1b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4,
        ],
        other => panic!("no program for {other}"),
    };
    let wait: &[u8] = match arch.name {
        // mov eax, 34 (pause); syscall; jmp to the start
        "x86_64" => &[0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7],
        // mov x8, 73 (ppoll); mov x0..x3, 0; svc 0; b to the start
        "aarch64" => &[
            0x28, 0x09, 0x80, 0xd2, 0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00,
            0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4, 0xfa, 0xff, 0xff, 0x17,
        ],
        other => panic!("no program for {other}"),
    };
    let code = [if twice { fork } else { &[] }, wait].concat();
    const BASE: u64 = 0x40_0000;
    const HEAD: u64 = 64 + 56; // Ehdr and one Phdr, elf(5)
    let length = HEAD + code.len() as u64;
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend([2_u16, arch.elf_machine].iter().flat_map(|field| field.to_le_bytes())); // ET_EXEC
    file.extend(1_u32.to_le_bytes());
    file.extend([BASE + HEAD, 64, 0].iter().flat_map(|field| field.to_le_bytes()));
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 1, 0, 0, 0].iter().flat_map(|field| field.to_le_bytes()));
    file.extend([1_u32, 5].iter().flat_map(|field| field.to_le_bytes())); // PT_LOAD, R+X
    file.extend([0, BASE, BASE, length, length, 0x1000].iter().flat_map(|field| field.to_le_bytes()));
    file.extend(code);
    file
}

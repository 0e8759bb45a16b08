//! The host that a machine runs on: a full disk is reported, and its loopback is closed to guests.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use qemu::{
    machine::{Drive, Publish},
    passt::Passt,
};
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, free_port, in_namespaces, run, runs};

pub fn a_full_host_disk_is_reported_and_the_machine_keeps_running(arch: &'static Arch) {
    let test = format!("{arch}::a_full_host_disk_is_reported_and_the_machine_keeps_running");
    // the image of 64 MiB is sparse, and lies in a filesystem of half that size
    let script = r"
        const fs = require('fs'), file = fs.openSync('/fill', 'w')
        let error
        try { for (let i = 0; i < 48; i++) { fs.writeSync(file, Buffer.alloc(1 << 20, 1)); fs.fsyncSync(file) } } catch (e) { error = e.code }
        console.log('wrote until', error)
        setTimeout(() => console.log('goes on'), 2000)";
    if !in_namespaces(&test, &["--mount"], &[]) {
        return;
    }
    let disk = Disk::with(&[runs("ana", 1000, script)]);
    let small = disk.beside("small");
    let (at, path) = (small.to_str().unwrap(), small.join("users.ext4"));
    std::fs::create_dir(&small).unwrap();
    run("mount", &["-t", "tmpfs", "-o", "size=32m", "none", at]);
    run("cp", &["--sparse=always", disk.path.to_str().unwrap(), path.to_str().unwrap()]);
    let mut vm = Boot::on(arch).drive(Drive::writable(&path)).start();
    vm.expect("wrote until E").unwrap();
    let why = vm.told().unwrap();
    let wanted = format!("the disk of this host is full: it cannot write {}", path.display());
    assert!(why.starts_with(&wanted), "{why}");
    vm.expect("goes on").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    println!("{}\n{why}", vm.transcript());
    run("umount", &["--lazy", at]);
}

/// How many connections start at the same time.
const BURST: usize = 50;

pub fn a_guest_reaches_the_hosts_loopback_only_if_allowed(arch: &'static Arch) {
    let test = format!("{arch}::a_guest_reaches_the_hosts_loopback_only_if_allowed");
    if !in_namespaces(&test, &["--net"], &[]) {
        return;
    }
    // the host has a default route that leads nowhere: packets that really leave for 10.0.2.2 get
    // no answer
    ["link set lo up", "link add eth0 type bridge", "addr add 192.0.2.2/24 dev eth0", "link set eth0 up"]
        .iter()
        .chain(&["route add default via 192.0.2.1"])
        .for_each(|words| run("ip", &words.split(' ').collect::<Vec<_>>()));
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let kept = service.local_addr().unwrap().port();
    thread::spawn(move || service.incoming().try_for_each(|stream| stream?.write_all(b"for the host alone")));
    let script = format!(
        r"
        const net = require('net')
        let said = '', asked = net.connect({kept}, '10.0.2.2')
        asked.setTimeout(10_000, () => asked.destroy())
        asked.on('data', data => said += data).on('error', error => said = error.code).on('close', () => {{
            console.log('the gateway says (' + said + ')')
            let served = 0
            const server = net.createServer(stream => {{
                stream.once('data', () => stream.end('of the guest'))
                stream.on('error', () => {{}}).on('close', () => ++served === {BURST} && server.close())
            }})
            server.listen(80, () => console.log('listening'))
        }})"
    );
    let disk = Disk::with(&[runs("ana", 1000, &script)]);
    for closed in [true, false] {
        let publish = Publish { host: free_port(), guest: 80 };
        let boot = Boot::on(arch).homes(&disk);
        // QEMU's own network is what `nodeos run` uses with --host-loopback, or without passt
        let mut vm = match closed {
            true => boot.passt(Passt { publish: vec![publish], ..Passt::default() }),
            false => boot.publish(publish),
        }
        .start();
        vm.expect("the gateway says (").unwrap();
        let said = vm.rest_of_line().unwrap();
        assert_eq!(said.contains("for the host alone"), !closed, "by passt: {closed}: {said}");
        vm.expect("listening").unwrap();
        // QEMU's own network loses some of the connections
        if closed {
            burst(publish.host);
            assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
        }
    }
}

/// Opens as many connections at once as several browsers may, and checks that each is answered.
fn burst(port: u16) {
    let ask = move || {
        let mut said = String::new();
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        // passt of Debian 12 needs data from the client first
        stream.write_all(b"?")?;
        stream.read_to_string(&mut said).map(|_| said)
    };
    let start = Instant::now();
    let asking: Vec<_> = (0..BURST).map(|_| thread::spawn(ask)).collect();
    let said: Vec<_> = asking.into_iter().map(|asking| asking.join().unwrap()).collect();
    let answered = said.iter().filter(|said| said.as_ref().is_ok_and(|said| said == "of the guest")).count();
    assert_eq!(answered, BURST, "after {:?}: {said:?}", start.elapsed());
}

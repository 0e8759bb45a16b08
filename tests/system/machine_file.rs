//! One machine's own settings, in `.machine.json` on the users partition.

use std::{
    io::Read,
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use boot::users::{
    machine::{set_settings, settings},
    policy::set_variables,
};
use shim::{arches::Arch, last_word::LastWord, machine_file::MachineFile};
use tests::{Boot, Disk, runs, waits_for_the_network};

use super::clock::{FAR, Says, Server};

/// What the image says.
const IMAGE: &str = "hostname=image net=10.0.2.50/24,gateway=10.0.2.2 ntp=none TZ=Asia/Tokyo";

/// Prints what the machine's settings come to. As `garden`, root waits for the right time, and then gives the machine
/// another name.
const SEES: &str = r#"
    const os = require('os'), fs = require('fs')
    const read = path => { try { return fs.readFileSync(path, 'utf8').trim() } catch (error) { return error.code } }
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
    const addresses = Object.values(os.networkInterfaces()).flat().filter(({ family }) => family === 'IPv4')
    const cidrs = addresses.map(({ cidr }) => cidr).filter(cidr => !cidr.startsWith('127.'))
    const me = os.userInfo().username
    const all = [os.hostname(), read('/etc/hostname'), read('/etc/hosts').split('\n')[0].split(' ')[2], read('/etc/timezone'),
        process.env.TZ, zone, cidrs, read('/etc/resolv.conf'), read('/home/.machine.json').length, read('/live/words')]
    console.log(me + ' sees:', all.join(' | '))
    if (me === 'root' && os.hostname() === 'garden') {
        const right = setInterval(() => {
            if (new Date().getUTCFullYear() < 2040) {
                fs.writeFileSync('/home/.machine.json', '{"hostname": "shed"}')
                console.log('the time is right')
                clearInterval(right)
            }
        }, 100)
    }"#;

/// The port of a log server, and all that one connection brings.
fn log_server() -> (u16, Receiver<String>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, (send, all)) = (server.local_addr().unwrap().port(), channel());
    // it ends with the test
    thread::spawn(move || {
        let (mut connection, mut bytes) = (server.accept().unwrap().0, vec![]);
        let _ = connection.read_to_end(&mut bytes);
        send.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    (port, all)
}

pub fn a_machine_has_its_own_name_address_servers_and_zone(arch: &'static Arch) {
    let mut bo = runs("bo", 1001, SEES);
    bo.file("etc/timezone", "America/Lima\n");
    let disk = Disk::with(&[runs("root", 0, SEES), runs("ana", 1000, SEES), bo]);
    ["root", "ana", "bo"].iter().for_each(|user| waits_for_the_network(&disk, user));
    set_variables(&disk.path, "ana", "TZ=Africa/Cairo\n").unwrap();
    let server = Server::start(Says::Host(0));
    let (log_port, logs) = log_server();
    let text = format!(
        r#"{{"hostname": "garden", "address": "10.0.2.77/24", "router": "10.0.2.2", "dns": ["10.0.2.3", "9.9.9.9"], "ntp": ["10.0.2.2:{}"], "syslog": "tcp:10.0.2.2:{}", "timezone": "Europe/Madrid"}}"#,
        server.port, log_port
    );
    set_settings(&disk.path, Some(&MachineFile::parse(text.as_bytes()).unwrap())).unwrap();

    let mut vm = Boot::on(arch).homes(&disk).rtc(FAR).words(IMAGE).start();
    vm.expect("the time is right").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    let network = "10.0.2.77/24 | nameserver 10.0.2.3\nnameserver 9.9.9.9";
    for line in [
        format!(
            "root sees: garden | garden | garden | Europe/Madrid | Europe/Madrid | Europe/Madrid | {network} | {} | ENOENT",
            text.len()
        ),
        format!(
            "ana sees: garden | garden | garden | Europe/Madrid | Africa/Cairo | Africa/Cairo | {network} | 6 | ENOENT"
        ),
        format!(
            "bo sees: garden | garden | garden | America/Lima | America/Lima | America/Lima | {network} | 6 | ENOENT"
        ),
    ] {
        assert!(vm.transcript().replace('\r', "").contains(&line), "{}", vm.failure(format!("not said: {line}")));
    }
    assert!(server.asked() >= 3, "{}", vm.transcript());
    let messages = logs.recv_timeout(Duration::from_secs(30)).expect("a connection that ends with the machine");
    assert!(messages.contains("Z garden ana - - - ana sees: garden"), "{messages}{}", vm.transcript());
    assert!(!vm.transcript().contains(".machine.json: "), "{}", vm.transcript());

    // what root wrote in the machine counts at the next boot; for all else, what the image says
    assert_eq!(settings(&disk.path).unwrap(), r#"{"hostname": "shed"}"#);
    let asked = server.asked();
    let mut vm = Boot::on(arch).homes(&disk).words(IMAGE).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    let line = "root sees: shed | shed | shed | ENOENT | Asia/Tokyo | Asia/Tokyo | 10.0.2.50/24 | ";
    assert!(vm.transcript().contains(line), "{}", vm.failure(format!("not said: {line}")));
    assert_eq!(server.asked(), asked, "{}", vm.transcript());
    disk.assert_clean();
}

pub fn settings_that_are_broken_or_not_roots_count_for_nothing(arch: &'static Arch) {
    const NAME: &str = "console.log('the name is', require('os').hostname())";
    const GOOD: &str = r#"{"hostname": "garden"}"#;
    let write = |text: &str, then: &str| (text.to_owned(), format!("cd /\nwrite TEXT .machine.json\n{then}"));
    let roots = "sif .machine.json uid 0\nsif .machine.json gid 0\nsif .machine.json mode 0100600\n";
    let long = format!("{GOOD}{}", " ".repeat(2048));
    for ((text, commands), why) in [
        (write(&long, roots), "it is too long"),
        (
            write(r#"{"hostname": "garden", "adress": "10.0.2.77/24"}"#, roots),
            "it has a key that is none of hostname, address",
        ),
        (
            write(r#"{"hostname": "garden", "address": "10.0.2.300/24"}"#, roots),
            "address is an IPv4 address and its prefix, such as 10.0.0.5/24, or dhcp, or off",
        ),
        (write(GOOD, &format!("{roots}sif .machine.json uid 1000\n")), "others than root can write it"),
        (write(GOOD, &format!("{roots}sif .machine.json mode 0100622\n")), "others than root can write it"),
        (
            (GOOD.to_owned(), "cd /ana\nwrite TEXT settings\ncd /\nsymlink .machine.json ana/settings\n".to_owned()),
            "it is not a regular file",
        ),
        ((GOOD.to_owned(), "cd /\nmkdir .machine.json\n".to_owned()), "it is not a regular file"),
    ] {
        let disk = Disk::with(&[runs("ana", 1000, NAME)]);
        let file = disk.beside("text");
        std::fs::write(&file, text).unwrap();
        disk.debugfs(&commands.replace("TEXT", file.to_str().unwrap()));
        let mut vm = Boot::on(arch).homes(&disk).start();
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
        for line in [&format!("nodeos: .machine.json: {why}"), "; nothing in it counts", "the name is nodeos"] {
            assert!(vm.transcript().contains(line), "{}", vm.failure(format!("not said: {line}")));
        }
    }
}

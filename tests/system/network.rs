//! The network of a machine: the other end of its cable is a test (`tests::cable`).

use std::time::Duration;

use boot::users::policy::set_policy;
use dhcproto::v4::{DhcpOption, Message, MessageType, UnknownOption};
use qemu::vm::Vm;
use shim::{arches::Arch, policy::Policy, upkeep::Restart};
use tests::{
    Boot, Disk,
    cable::{Cable, How, Server, bytes},
    runs, waits_for_the_network,
};

/// Prints what it sees of the network whenever that changes. Only root sees routes.
const SEES: &str = r"
    const os = require('os'), fs = require('fs')
    const read = path => { try { return fs.readFileSync(path, 'utf8') } catch (error) { return error.code } }
    const ip = hex => hex.match(/../g).reverse().map(byte => parseInt(byte, 16)).join('.')
    const look = () => {
        const cards = Object.entries(os.networkInterfaces()).filter(([name]) => name !== 'lo')
        const addresses = cards.flatMap(([name, all]) =>
            all.filter(({ address }) => !address.startsWith('fe80')).map(({ cidr }) => `${name} ${cidr}`))
        const routes = read('/proc/net/route').split('\n').slice(1, -1).map(line => line.split('\t'))
            .filter(([, to]) => to === '00000000').map(([name, , by, , , , metric]) => `${ip(by)} ${name} ${metric}`)
        const files = ['resolv.conf', 'ntp', 'hostname'].map(file => read('/run/net/' + file).trim().replaceAll('\n', ', '))
        return [addresses, routes, ...files].join(' | ')
    }
    let last
    setInterval(() => { const now = look(); if (now !== last) console.log('sees: ' + (last = now)) }, 100)";

/// A machine whose root prints what it sees.
fn boot(arch: &'static Arch, words: &str, cables: &[&Cable]) -> (Vm, Disk) {
    let disk = Disk::with(&[runs("root", 0, SEES)]);
    (Boot::on(arch).homes(&disk).words(words).cables(cables).start(), disk)
}

/// What is seen with an address, a gateway and a name server of 10.0.2.0/24.
fn sees(address: u8, server: u8) -> String {
    format!("sees: eth0 10.0.2.{address}/24 | 10.0.2.{server} eth0 102 | nameserver 10.0.2.{server} |")
}

fn request(seen: &tests::cable::Seen) -> bool {
    seen.kind == MessageType::Request
}

pub fn everything_that_a_dhcp_server_says_is_used(arch: &'static Arch) {
    let mut server = Server::new(2, 15);
    let name = |name: &str| name.parse().unwrap();
    server.options.extend([
        DhcpOption::DomainNameServer(vec![[10, 0, 2, 3].into(), [10, 0, 2, 4].into()]),
        DhcpOption::DomainSearch(vec![name("eng.example.org"), name("example.org")]),
        DhcpOption::NtpServers(vec![[10, 0, 2, 5].into()]),
        DhcpOption::Hostname("board".to_owned()),
        DhcpOption::InterfaceMtu(1400),
        DhcpOption::ClasslessStaticRoute(vec![("0.0.0.0/0".parse().unwrap(), [10, 0, 2, 9].into())]),
    ]);
    let cable = Cable::new(1, vec![server]);
    let disk = Disk::with(&[runs("root", 0, SEES)]);
    waits_for_the_network(&disk, "root");
    let mut vm = Boot::on(arch).homes(&disk).cables(&[&cable]).start();
    vm.expect("sees: eth0 10.0.2.15/24 | 10.0.2.9 eth0 102 | nameserver 10.0.2.3, nameserver 10.0.2.4, search eng.example.org example.org | 10.0.2.5 | board").unwrap();
    let asked = cable.end().last.clone().unwrap();
    let said = format!("{:?}", asked.opts());
    assert!(said.contains("Hostname(\"nodeos\")"), "{said}");
    assert_eq!(
        vm.transcript().matches("sees:").count(),
        1,
        "all was there before the app started: {}",
        vm.transcript()
    );
    // the request went to the server whose offer was taken
    let (_, seen) = cable.expect(0, "a request", request);
    assert_eq!((seen.wants, seen.server), (Some([10, 0, 2, 15].into()), Some([10, 0, 2, 2].into())));
}

/// The sandbox of the first start is made before there is a lease; that of a start after it has the name.
pub fn a_machine_without_a_name_takes_the_one_that_a_dhcp_server_gives(arch: &'static Arch) {
    let ana = r"
        const fs = require('fs'), os = require('os')
        const read = (file) => { try { return fs.readFileSync(file, 'utf8').trim() } catch { return '' } }
        if (read('/seen')) {
            const request = { socketPath: '/run/machine.sock', path: '/status' }
            require('dns').lookup(os.hostname(), (error, address) => require('http').get(request, async (answer) => {
                let text = ''
                for await (const piece of answer) text += piece
                console.log('named', os.hostname(), read('/etc/hostname'), error?.code ?? address, JSON.parse(text).name)
            }))
            setInterval(() => {}, 1000)
        } else {
            if (read('/run/net/hostname')) fs.writeFileSync('/seen', '1')
            console.log('begins as', os.hostname())
            setTimeout(() => {}, 500)
        }";
    for (given, words, named) in
        [("board", "", "board"), ("board", "hostname=here", "here"), ("localhost", "", "nodeos"), ("a.b", "", "nodeos")]
    {
        let mut server = Server::new(2, 15);
        server.options.push(DhcpOption::Hostname(given.to_owned()));
        let cable = Cable::new(1, vec![server]);
        let disk = Disk::with(&[runs("ana", 1000, ana)]);
        let policy = Policy { restart: Some(Restart::Always), backoff: Some(1), ..Policy::default() };
        set_policy(&disk.path, "ana", Some(&policy)).unwrap();
        let mut vm = Boot::on(arch).homes(&disk).words(words).cables(&[&cable]).start();
        let first = if words.is_empty() { "nodeos" } else { named };
        vm.expect(&format!("begins as {first}\n")).unwrap();
        vm.expect(&format!("named {named} {named} 127.0.0.1 {named}\n")).unwrap();
    }
}

/// Takes three minutes: a lease is not renewed more often than every 30 seconds.
pub fn a_lease_is_renewed_and_ends_when_its_server_is_gone(arch: &'static Arch) {
    let mut server = Server::new(2, 15);
    server.lease = 60;
    let cable = Cable::new(1, vec![server]);
    let (mut vm, _disk) = boot(arch, "", &[&cable]);
    vm.expect(&sees(15, 2)).unwrap();
    let lines = vm.transcript().matches("sees:").count();
    let (mut at, mut before) = cable.expect(0, "a request", request);
    for round in 0..3 {
        let (next, seen) = cable.expect(at + 1, "a renewal", request);
        let gap = seen.at - before.at;
        assert_eq!((seen.has, seen.to), (Some([10, 0, 2, 15].into()), [10, 0, 2, 2].into()), "renewal {round}");
        assert!(gap > Duration::from_secs(25) && gap < Duration::from_secs(40), "renewal {round} after {gap:?}");
        (at, before) = (next, seen);
    }
    assert_eq!(vm.transcript().matches("sees:").count(), lines, "nothing changed: {}", vm.transcript());

    cable.end().servers[0].how = How::Silent;
    vm.expect("eth0: the lease of 10.0.2.15/24 has ended: no server renews it").unwrap();
    vm.expect("sees:  |  |").unwrap();
    let (_, seen) = cable.expect(at + 1, "a request to any server", |seen| request(seen) && seen.to.is_broadcast());
    assert_eq!(seen.has, Some([10, 0, 2, 15].into()));
    cable.end().servers[0] = Server::new(3, 16);
    vm.expect(&sees(16, 3)).unwrap();
    assert!(!vm.transcript().contains("no DHCP server answers"), "one line is enough: {}", vm.transcript());
}

pub fn a_cable_that_was_out_keeps_its_address_or_gets_another(arch: &'static Arch) {
    let cable = Cable::new(1, vec![Server::new(2, 15)]);
    let (mut vm, _disk) = boot(arch, "", &[&cable]);
    vm.expect(&sees(15, 2)).unwrap();
    let mut at = cable.end().seen.len();
    vm.monitor("set_link card0 off").unwrap();
    vm.expect("sees:  |").unwrap();
    vm.monitor("set_link card0 on").unwrap();
    vm.expect(&sees(15, 2)).unwrap();
    let (next, seen) = cable.expect(at, "a request for the old address", request);
    assert_eq!((seen.wants, seen.has, seen.server), (Some([10, 0, 2, 15].into()), None, None));
    at = next + 1;

    // another network
    vm.monitor("set_link card0 off").unwrap();
    vm.expect("sees:  |").unwrap();
    cable.end().servers[0] = Server::new(3, 16);
    vm.monitor("set_link card0 on").unwrap();
    vm.expect("eth0: a DHCP server refuses 10.0.2.15/24; asking for another one").unwrap();
    vm.expect(&sees(16, 3)).unwrap();
    let (_, seen) = cable.expect(at, "a request for the old address", request);
    assert_eq!(seen.wants, Some([10, 0, 2, 15].into()));
}

pub fn an_address_that_a_neighbour_has_is_declined(arch: &'static Arch) {
    let cable = Cable::new(1, vec![Server::new(2, 15)]);
    cable.end().neighbours.push([10, 0, 2, 15].into());
    let (mut vm, _disk) = boot(arch, "", &[&cable]);
    vm.expect("eth0: another machine has 10.0.2.15/24").unwrap();
    let (_, seen) = cable.expect(0, "a refusal", |seen| seen.kind == MessageType::Decline);
    assert_eq!((seen.wants, seen.server), (Some([10, 0, 2, 15].into()), Some([10, 0, 2, 2].into())));
    cable.end().servers[0] = Server::new(2, 16);
    vm.expect(&sees(16, 2)).unwrap();
    assert!(!vm.transcript().contains("sees: eth0 10.0.2.15"), "{}", vm.transcript());
}

/// The first offer is taken, and the other server is not believed.
pub fn of_two_dhcp_servers_one_is_used(arch: &'static Arch) {
    let mut other = Server::new(3, 16);
    other.how = How::Refuses;
    let cable = Cable::new(1, vec![Server::new(2, 15), other]);
    let (mut vm, _disk) = boot(arch, "", &[&cable]);
    vm.expect(&sees(15, 2)).unwrap();

    let mut first = Server::new(2, 15);
    first.how = How::Silent;
    let cable = Cable::new(1, vec![first, Server::new(3, 16)]);
    let (mut vm, _disk) = boot(arch, "", &[&cable]);
    vm.expect(&sees(16, 3)).unwrap();
}

/// Messages that break a rule, made of a right one.
fn lies(right: &Message) -> Vec<Vec<u8>> {
    let change = |change: &dyn Fn(&mut Message)| {
        let mut message = right.clone();
        message.opts_mut().insert(DhcpOption::Hostname("liar".to_owned()));
        change(&mut message);
        bytes(&message)
    };
    let long = |code: u8| DhcpOption::Unknown(UnknownOption::new(code.into(), vec![1; 255]));
    let mut all = vec![
        change(&|message| {
            message.set_xid(message.xid() ^ 1);
        }),
        change(&|message| {
            message.set_chaddr(&[2, 9, 9, 9, 9, 9]);
        }),
        change(&|message| {
            message.set_yiaddr([0, 0, 0, 0]);
        }),
        change(&|message| {
            message.set_yiaddr([127, 0, 0, 1]);
        }),
        change(&|message| {
            message.set_yiaddr([255, 255, 255, 255]);
        }),
        change(&|message| {
            message.set_yiaddr([10, 0, 2, 255]);
        }),
        change(&|message| drop(message.opts_mut().insert(long(54)))),
        change(&|message| drop(message.opts_mut().insert(long(51)))),
        change(&|message| drop(message.opts_mut().insert(DhcpOption::ServerIdentifier([0, 0, 0, 0].into())))),
        change(&|message| drop(message.opts_mut().insert(DhcpOption::SubnetMask([255, 0, 255, 0].into())))),
    ];
    let right = bytes(right);
    all.extend([0, 1, 27, 100, 239, 240, 243].map(|length| right[..length].to_vec()));
    all.push([&right[..240], &[53, 1, 5, 6, 255, 1, 2]].concat());
    all
}

pub fn a_hostile_dhcp_server_gets_no_insane_state(arch: &'static Arch) {
    let mut server = Server::new(2, 15);
    server.lies = lies;
    server.lease = 0;
    server.options = vec![
        DhcpOption::SubnetMask([255, 255, 255, 0].into()),
        DhcpOption::Router(vec![[192, 0, 2, 1].into()]),
        DhcpOption::DomainNameServer(vec![[127, 0, 0, 1].into(), [255, 255, 255, 255].into(), [10, 0, 2, 3].into()]),
        DhcpOption::DomainName("x\nnameserver 6.6.6.6".to_owned()),
        DhcpOption::Hostname("a b".to_owned()),
        DhcpOption::InterfaceMtu(68),
        DhcpOption::Renewal(0),
        DhcpOption::Rebinding(0),
    ];
    let cable = Cable::new(1, vec![server]);
    let (mut vm, _disk) = boot(arch, "", &[&cable]);
    vm.expect("sees: eth0 10.0.2.15/24 |  | nameserver 10.0.2.3 | ENOENT | ENOENT").unwrap();
    // a lease of no seconds makes it ask every half minute
    let count = cable.end().seen.len();
    let last = cable.end().seen.last().unwrap().at;
    std::thread::sleep(Duration::from_secs(15));
    assert_eq!(cable.end().seen.len(), count, "{:#?}", cable.end().seen);
    let (_, next) = cable.expect(count, "a renewal", request);
    assert!(next.at - last > Duration::from_secs(25));
    assert!(!vm.transcript().contains("liar") && !vm.transcript().contains("6.6.6.6"), "{}", vm.transcript());
}

pub fn a_fixed_address_takes_no_server_and_off_leaves_the_cards_alone(arch: &'static Arch) {
    let cables = [Cable::new(1, vec![Server::new(2, 15)]), Cable::new(2, vec![Server::new(2, 16)])];
    let words = "net=192.168.7.20/24,gateway=192.168.7.1,dns=192.168.7.2,dns=9.9.9.9";
    let (mut vm, _disk) = boot(arch, words, &[&cables[0], &cables[1]]);
    vm.expect("sees: eth0 192.168.7.20/24,eth1 10.0.2.16/24 | 192.168.7.1 eth0 102,10.0.2.2 eth1 103 | nameserver 192.168.7.2, nameserver 9.9.9.9, nameserver 10.0.2.2 |").unwrap();
    assert!(cables[0].end().seen.is_empty(), "the first card asks nobody");

    let cable = Cable::new(1, vec![Server::new(2, 15)]);
    let (mut vm, _disk) = boot(arch, "net=off", &[&cable]);
    vm.expect("sees:  |  | ENOENT").unwrap();
    std::thread::sleep(Duration::from_secs(5));
    assert!(cable.end().seen.is_empty() && vm.transcript().matches("sees:").count() == 1, "{}", vm.transcript());

    let (mut vm, _disk) = boot(arch, "net=10.0.2.300/24", &[&cable]);
    vm.expect("net=10.0.2.300/24 is ignored, and DHCP is used").unwrap();
    vm.expect(&sees(15, 2)).unwrap();
}

pub fn of_two_cards_the_first_is_preferred_as_long_as_its_cable_is_in(arch: &'static Arch) {
    let cables = [Cable::new(1, vec![Server::new(2, 15)]), Cable::new(2, vec![Server::new(3, 16)])];
    let (mut vm, _disk) = boot(arch, "", &[&cables[0], &cables[1]]);
    let both = "sees: eth0 10.0.2.15/24,eth1 10.0.2.16/24 | 10.0.2.2 eth0 102,10.0.2.3 eth1 103 | nameserver 10.0.2.2, nameserver 10.0.2.3 |";
    vm.expect(both).unwrap();
    vm.monitor("set_link card0 off").unwrap();
    vm.expect("nameserver 10.0.2.3 |").unwrap();
    vm.monitor("set_link card0 on").unwrap();
    vm.expect(both).unwrap();
}

/// A network card behind USB, which the kernel for PCs knows.
pub fn a_card_that_is_plugged_in_gets_an_address_and_leaves_nothing_behind(arch: &'static Arch) {
    let cables = [Cable::new(1, vec![Server::new(2, 15)]), Cable::new(2, vec![Server::new(3, 16)]).unplugged()];
    let disk = Disk::with(&[runs("root", 0, SEES)]);
    let mut vm = Boot::on(arch).profile("pc").homes(&disk).cables(&[&cables[0], &cables[1]]).start();
    vm.expect(&sees(15, 2)).unwrap();
    let asked = cables[0].end().seen.len();
    for (plugged, metric) in [103, 104].into_iter().enumerate() {
        let before = cables[1].end().seen.len();
        let card = format!("usb-net,id=card1,bus=usb.0,netdev=net1,mac={}", cables[1].wire.mac);
        assert_eq!(vm.monitor(&format!("device_add {card}")).unwrap(), "");
        // the route of the first card comes first
        vm.expect(&format!("sees: eth0 10.0.2.15/24,usb0 10.0.2.16/24 | 10.0.2.2 eth0 102,10.0.2.3 usb0 {metric} | nameserver 10.0.2.2, nameserver 10.0.2.3 |")).unwrap();
        // the card is a new one each time
        let (_, seen) = cables[1].expect(before, "a request", request);
        assert_eq!((seen.wants, seen.server), (Some([10, 0, 2, 16].into()), Some([10, 0, 2, 3].into())), "{plugged}");
        assert_eq!(vm.monitor("device_del card1").unwrap(), "");
        vm.expect(&sees(15, 2)).unwrap();
    }
    assert_eq!(cables[0].end().seen.len(), asked, "the first card has not asked again");
    let said = vm.transcript();
    assert!(!said.contains("nodeos: cannot ") && !said.contains("has ended"), "{said}");
}

/// `/net` is killed by root, who sees it only without pid namespaces.
pub fn a_net_program_that_is_killed_takes_its_address_over(arch: &'static Arch) {
    let kills = r"
        const named = pid => { try { return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() } catch {} }
        let kills = 0
        const timer = setInterval(() => {
            const [pid] = fs.readdirSync('/proc').filter(pid => named(pid) === 'net')
            if (!pid || !os.networkInterfaces().eth0) return
            process.kill(pid, 'SIGKILL')
            console.log('killed', ++kills)
            if (kills === 2) clearInterval(timer)
        }, 4000)";
    let cable = Cable::new(1, vec![Server::new(2, 15)]);
    let disk = Disk::with(&[runs("root", 0, &format!("{SEES}{kills}"))]);
    let mut vm = Boot::on(arch).homes(&disk).without("pid").cables(&[&cable]).start();
    vm.expect(&sees(15, 2)).unwrap();
    vm.expect("killed 1").unwrap();
    vm.expect("killed 2").unwrap();
    let (at, _) = cable.expect(0, "a request", request);
    let (at, _) = cable.expect(at + 1, "a request for the address that is there", request);
    let (_, seen) = cable.expect(at + 1, "another one", request);
    assert_eq!((seen.wants, seen.has, seen.server), (Some([10, 0, 2, 15].into()), None, None));
    // root has seen one change: that the address came
    std::thread::sleep(Duration::from_secs(2));
    let said = vm.transcript();
    let said = &said[said.find(&sees(15, 2)).unwrap()..];
    assert_eq!(said.matches("sees:").count(), 1, "{said}");
}

pub fn an_ipv6_router_gives_addresses_and_name_servers_that_end(arch: &'static Arch) {
    let mut server = Server::new(2, 15);
    server.how = How::Silent;
    let cable = Cable::new(1, vec![server]);
    let (mut vm, _disk) = boot(arch, "", &[&cable]);
    vm.expect("no DHCP server answers on eth0; still trying").unwrap();
    let ip = |text: &str| text.parse().unwrap();
    cable.advertise(ip("2001:db8:1::"), 3600, &[ip("2001:db8:1::53"), ip("fe80::53")]);
    vm.expect("eth0 2001:db8:1:0:5054:ff:fe00:1/64 |  | nameserver 2001:db8:1::53, nameserver fe80::53%eth0 |")
        .unwrap();
    cable.advertise(ip("2001:db8:1::"), 3600, &[ip("2001:db8:1::54")]);
    vm.expect("nameserver 2001:db8:1::54").unwrap();
    cable.end().servers[0].how = How::Answers;
    vm.expect("nameserver 10.0.2.2, nameserver 2001:db8:1::53").unwrap();
}

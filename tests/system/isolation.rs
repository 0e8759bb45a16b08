//! Users see neither each other nor the machine. Where something is refused, the same step works
//! where it is allowed.

use std::path::Path;

use boot::users::home::Home;
use qemu::{machine::Drive, vm::Vm};
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, log_on, logs_on, runs};

const ASK: &str = "const fs = require('fs'); const ask = (what, f) => { let r; try { r = f() } catch (e) { r = e.code } console.log(what, String(r)) };";

pub fn writes_of_a_user_change_only_that_users_home(arch: &'static Arch) {
    // bo reads the carbon copy after ana overwrote a file of it in her own view
    let ana = format!(
        "{ASK}
        fs.writeFileSync('/mine', 'x'); fs.writeFileSync('/tmp/scratch', 'x'); fs.writeFileSync('/dev/shm/scratch', 'x')
        ask('ana over env', () => {{ fs.writeFileSync('/usr/bin/env.new', 'hers'); fs.renameSync('/usr/bin/env.new', '/usr/bin/env') }})
        ask('ana sees', () => fs.readFileSync('/usr/bin/env').length)"
    );
    let bo = format!(
        "{ASK}
        const wait = () => {{ ask('bo sees hers', () => fs.readFileSync('/usr/bin/env').length == 4); ask('bo sees', () => ['/mine', '/tmp/scratch'].some(fs.existsSync)) }}
        setTimeout(wait, 8000)"
    );
    let disk = Disk::with(&[runs("ana", 1000, &ana), runs("bo", 1001, &bo)]);
    // the medium is writable, so only the machine's own mounts protect the carbon copy
    let mut machine = Boot::on(arch).homes(&disk).machine();
    let (made, carbon) = (machine.drives[0].path.clone(), disk.beside("carbon.erofs"));
    std::fs::copy(&made, &carbon).unwrap();
    std::fs::set_permissions(&carbon, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    machine.drives[0] = Drive::writable(&carbon);
    let mut vm = Vm::start(machine).unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    let hash = |path: &Path| boot::host::digest::Key::default().with("carbon", std::fs::read(path).unwrap()).name();
    assert_eq!(hash(&made), hash(&carbon));
    let said = vm.transcript();
    for line in ["ana over env undefined", "ana sees 4", "bo sees hers false", "bo sees false"] {
        assert!(said.contains(line), "{}", vm.failure(format!("not said: {line}")));
    }
    disk.assert_clean();
    let listing = disk.listing();
    assert!(listing.contains(&"1000 /ana/mine".to_owned()), "{listing:?}");
    assert!(listing.contains(&"1000 /ana/usr/bin/env".to_owned()), "{listing:?}");
    assert!(!listing.iter().any(|line| line.contains("scratch")), "{listing:?}");
    assert!(!listing.iter().any(|line| line.contains("/bo/mine") || line.contains("/bo/usr")), "{listing:?}");
}

pub fn a_user_cannot_read_another_users_home(arch: &'static Arch) {
    let script = format!(
        "{ASK}
        ask('own', () => fs.readFileSync('/secret'))
        for (const path of ['/home/ana', '/tmp/ana', '/../ana', '/proc/1/root', '/proc/1/cwd', '/proc/sys']) ask('see ' + path, () => fs.readdirSync(path))
        for (const path of ['/proc/1/mem', '/proc/1/environ']) ask('see ' + path, () => fs.readFileSync(path))
        for (const disk of ['vda', 'vdb', 'mem', 'kmsg', 'console', 'loop0']) ask('disk ' + disk, () => fs.openSync('/dev/' + disk))
        ask('top', () => fs.readdirSync('/').filter(n => n.startsWith('.') || n == 'ana' || n == 'home'))
        ask('pids', () => fs.readdirSync('/proc').filter(n => +n && +n != process.pid))
        ask('kill', () => process.kill(1, 9))
        ask('host', () => fs.writeFileSync('/proc/sys/kernel/hostname', 'mine'))
        const mounts = fs.readFileSync('/proc/mounts', 'utf8').trim().split('\\n')
        ask('mounted', () => mounts.map(line => line.split(' ')[1]))
        ask('named', () => mounts.filter(line => /vd[ab]|ana|bo\\b/.test(line)))
        ask('still alive', () => 1)"
    );
    let mut ana = Home::new("ana", 1000);
    ana.file("secret", "ana's");
    let mut bo = runs("bo", 1001, &script);
    bo.file("secret", "bo's");
    let disk = Disk::with(&[ana, bo]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    let said = vm.transcript();
    let line = |start: &str| {
        let found = said.lines().find_map(|line| line.strip_prefix(start));
        found.unwrap_or_else(|| panic!("no line {start:?} in\n{said}")).trim().to_owned()
    };
    assert_eq!(line("own"), "bo's");
    for path in ["/home/ana", "/tmp/ana", "/../ana"] {
        assert_eq!(line(&format!("see {path}")), "ENOENT", "{path}");
    }
    // one folder covers /proc/sys in all sandboxes: a user who could open it could watch and lock
    // it
    for path in ["/proc/sys", "/proc/1/root", "/proc/1/cwd", "/proc/1/mem", "/proc/1/environ"] {
        let errno = line(&format!("see {path}"));
        assert!(["EACCES", "ENOENT", "EPERM"].contains(&errno.as_str()), "{path}: {errno}");
    }
    for disk in ["vda", "vdb", "mem", "kmsg", "console", "loop0"] {
        assert_eq!(line(&format!("disk {disk}")), "ENOENT", "{disk}");
    }
    assert_eq!(line("top"), "");
    assert!(["", "1"].contains(&line("pids").as_str()), "other processes than the own reaper: {}", line("pids"));
    assert_eq!(line("host"), "ENOENT");
    assert_eq!(line("mounted"), format!("/,/tmp,/proc,/proc/sys,/run,/dev,/dev/pts,/dev/shm,/dev/{}", arch.console));
    assert_eq!(line("named"), "");
    assert_eq!(line("still alive"), "1");
}

pub fn a_user_has_no_privileges_and_no_inherited_descriptors(arch: &'static Arch) {
    let script = format!(
        "{ASK}
        const status = fs.readFileSync('/proc/thread-self/status', 'utf8')
        for (const key of ['Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'SigBlk'])
            console.log(key, status.match(new RegExp('^' + key + ':(.*)', 'm'))[1].trim().replace(/\\s+/g, ' '))
        // what survives exec lacks O_CLOEXEC; whatever node opens for itself has it
        const flags = n => {{ try {{ return parseInt(fs.readFileSync('/proc/self/fdinfo/' + n, 'utf8').match(/flags:\\s*(\\d+)/)[1], 8) }} catch {{ return NaN }} }}
        const numbers = fs.readdirSync('/proc/self/fd').map(Number)
        console.log('descriptors', numbers.length > 3, 'inherited above 2:', numbers.filter(n => n > 2 && !isNaN(flags(n)) && (flags(n) & 0o2000000) === 0).join())
        for (const line of fs.readFileSync('/proc/mounts', 'utf8').trim().split('\\n')) {{
            const [, at, , options] = line.split(' ')
            console.log('mount', at, ['nosuid', 'nodev', 'noexec', 'ro', 'hidepid=invisible'].filter(o => options.split(',').includes(o)).join())
        }}"
    );
    let disk = Disk::with(&[runs("ana", 1000, &script)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    let said = vm.transcript();
    let zero = "0".repeat(16);
    for line in [
        "Uid 1000 1000 1000 1000",
        "Gid 1000 1000 1000 1000",
        "NoNewPrivs 1",
        "descriptors true inherited above 2: \n",
        "mount / nosuid,nodev\n",
        "mount /tmp nosuid,nodev\n",
        "mount /proc nosuid,nodev,noexec,ro,hidepid=invisible\n",
        "mount /dev nosuid,noexec,ro\n",
        "mount /dev/pts nosuid,noexec\n",
        "mount /dev/shm nosuid,nodev,noexec\n",
    ] {
        assert!(said.contains(line), "{}", vm.failure(format!("not said: {line}")));
    }
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigBlk"] {
        assert!(said.contains(&format!("{set} {zero}")), "{said}");
    }
}

pub fn root_can_access_all_homes_but_no_disks_or_kernel_settings(arch: &'static Arch) {
    let script = format!(
        "{ASK}
        ask('homes', () => fs.readdirSync('/home').filter(n => n != 'lost+found'))
        ask('work', () => fs.readdirSync('/home/.overlay'))
        ask('write', () => {{ fs.writeFileSync('/home/ana/from-root', 'x'); fs.chownSync('/home/ana/from-root', 1000, 1000) }})
        ask('own', () => {{ fs.writeFileSync('/home/root/as-seen', 'x'); return fs.readFileSync('/as-seen') }})
        ask('sysctl', () => fs.writeFileSync('/proc/sys/kernel/hostname', 'x'))
        ask('disk', () => fs.openSync('/dev/vdb'))
        ask('flags', () => fs.readFileSync('/proc/mounts', 'utf8').match(/ \\/home ext4 \\S*/)[0].includes('nosuid,nodev,noatime'))
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
            console.log(set, fs.readFileSync('/proc/self/status', 'utf8').match(new RegExp(set + ':\\\\s*(\\\\w+)'))[1])
        ask('done', () => 'root')"
    );
    let ana = "const fs = require('fs'); console.log('ana runs'); const t = setInterval(() => { if (fs.existsSync('/from-root')) { console.log('ana sees what root wrote'); clearInterval(t) } }, 200)";
    let disk = Disk::with(&[logs_on("root", 0, Some("root"), &script), runs("ana", 1000, ana)]);
    let mut vm = Boot::on(arch).homes(&disk).words("usersflags=noatime,commit=30").start();
    vm.expect("ana runs").unwrap();
    vm.send("").unwrap();
    log_on(&mut vm, "root", Some("root"));
    for line in [
        "homes .clock,.overlay,.policy,ana,root",
        "work ",
        "write undefined",
        "own x",
        "sysctl ENOENT",
        "disk ENOENT",
        "flags true",
        "CapInh 00000000000000ff",
        "CapPrm 00000000000000ff",
        "CapEff 00000000000000ff",
        "CapBnd 0000000000000000",
        "CapAmb 0000000000000000",
    ] {
        vm.expect(line).unwrap();
    }
    vm.expect("username:").unwrap();
    // ana's line may come before or after root's lines
    if !vm.transcript().contains("ana sees what root wrote") {
        vm.expect("ana sees what root wrote").unwrap();
    }
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot));
    disk.assert_clean();
    let listing = disk.listing();
    assert!(listing.contains(&"1000 /ana/from-root".to_owned()), "{listing:?}");
    assert!(listing.contains(&"0 /root/as-seen".to_owned()), "{listing:?}");
}

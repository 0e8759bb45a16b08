//! Users partitions with faults, by mistake or by an attacker. Each fault is reported, and other
//! users are not affected.

use boot::users::home::Home;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, log_on, logs_on, runs};

/// Commands of debugfs that make a folder at the top of the partition, which our own tools would
/// refuse.
fn folder(name: &str, uid: u32) -> String {
    format!("mkdir \"{name}\"\nsif \"{name}\" uid {uid}\nsif \"{name}\" gid {uid}\nsif \"{name}\" mode 040700\n")
}

pub fn a_bad_home_is_refused_and_the_others_run(arch: &'static Arch) {
    let long = "x".repeat(255);
    let disk = Disk::with(&[
        runs("good", 1000, "console.log('good runs')"),
        runs("with,comma", 1001, "console.log('comma runs')"),
        runs(&long, 1002, "console.log('long runs')"),
        Home::new("twin1", 1003),
    ]);
    let mut commands = String::from("symlink link /good\n");
    for (name, uid) in [("zero", 0), ("twin2", 1003), ("a:b", 1004), ("back\\\\slash", 1005)] {
        commands += &folder(name, uid);
    }
    let file = disk.beside("plain");
    std::fs::write(&file, "no home").unwrap();
    commands += &format!("write {} file\nsif file uid 1006\n", file.display());
    disk.debugfs(&commands);

    let mut vm = Boot::on(arch).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    let said = vm.transcript();
    for line in [
        "nodeos: home link refused: it is not a directory",
        "nodeos: home file refused: it is not a directory",
        "nodeos: home zero refused: uid 0 owns it",
        "nodeos: home twin1 refused: uid 1003 owns another home too",
        "nodeos: home twin2 refused: uid 1003 owns another home too",
        "nodeos: home a:b refused: its name has a colon",
        "good runs",
        "comma runs",
        "long runs",
    ] {
        assert!(said.contains(line), "{}", vm.failure(format!("not said: {line}")));
    }
    for good in ["good refused", "comma refused", "xxx refused", "slash refused"] {
        assert!(!said.contains(good), "{said}");
    }
}

fn json(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// node finds each user by name (`os.userInfo()`), even with an unusual name. Names that passwd(5)
/// cannot hold are refused.
pub fn user_names_invalid_in_passwd_are_refused_and_unusual_ones_work(arch: &'static Arch) {
    let asks = "try { console.log('I am', JSON.stringify(require('os').userInfo().username)) } catch (error) { console.log('I am nobody', error.code) }";
    let good = ["a,b", "a\\b", "in side", "a#", "a+-", "7", "<7>", "$HOME", "\"quoted\"", "ñandú", &"x".repeat(255)];
    let homes: Vec<Home> = good.iter().zip(1000..).map(|(name, uid)| runs(name, uid, asks)).collect();
    let disk = Disk::with(&homes);
    let bad = ["#ana", "+ana", "-ana", " ana", "ana "];
    let folders = bad.iter().zip(2000..).map(|(name, uid)| folder(name, uid));
    disk.debugfs(&folders.collect::<String>());
    let mut vm = Boot::on(arch).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    let said = vm.transcript();
    for name in bad {
        let line = format!("nodeos: home {name} refused: its name has a colon, a control character, a blank at an end");
        assert!(said.contains(&line), "{}", vm.failure(format!("not said: {line}")));
    }
    for name in good {
        let line = format!("I am {}", json(name));
        assert!(said.contains(&line), "{}", vm.failure(format!("not said: {line}")));
    }
    assert!(!said.contains("I am nobody"), "{said}");
}

pub fn an_invalid_init_is_not_run_and_does_not_affect_other_users(arch: &'static Arch) {
    let mut crash = Home::new("crash", 1002);
    crash.program("init", "#!/bin/no-such-program\n");
    let mut plain = Home::new("plain", 1003);
    plain.file("init", "#!/usr/bin/env node\nconsole.log('not executable, and yet it ran')\n");
    let mut link = Home::new("link", 1004);
    link.program("real", "#!/usr/bin/env node\nconsole.log('a link, and yet it ran')\n");
    link.link("init", "real");
    let foreign = runs("foreign", 1005, "console.log('of another owner, and yet it ran')");
    let disk = Disk::with(&[
        runs("good", 1000, "console.log('good runs')"),
        Home::new("fifo", 1001),
        crash,
        plain,
        link,
        foreign,
    ]);
    disk.debugfs("cd fifo\nmknod init p\nsif init uid 1001\nsif init mode 010755\nsif /foreign/init uid 1000\n");

    let mut vm = Boot::on(arch).homes(&disk).start();
    let ending = vm.ending().unwrap();
    let said = vm.transcript();
    assert!(matches!(ending.last_word, Some(LastWord::PowerOff(_))), "{said}");
    assert!(said.contains("good runs") && !said.contains("yet it ran"), "{said}");
    assert!(said.contains("nodeos: crash: cannot run /init: ENOENT"), "{said}");
}

/// Homes have symbolic links where their sandbox mounts something. No mount follows them, and other
/// users are not affected.
pub fn symlinks_at_mount_points_are_not_followed(arch: &'static Arch) {
    let linked = |name, uid| {
        let mut home = runs(name, uid, "console.log('over a link, and yet it ran')");
        home.link(name, "/tmp/good");
        home
    };
    let disk = Disk::with(&[
        runs("good", 1000, "setTimeout(() => console.log('good runs'), 8000)"),
        linked("dev", 1001),
        linked("proc", 1002),
        linked("tmp", 1003),
        linked("run", 1004),
    ]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    assert!(matches!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(_))), "{}", vm.transcript());
    let said = vm.transcript();
    assert!(said.contains("good runs") && !said.contains("yet it ran"), "{said}");
    for name in ["dev", "proc", "run", "tmp"] {
        assert!(said.contains(&format!("cannot make the sandbox of {name}")), "{said}");
        assert!(said.contains(&format!(" /root/{name}: ELOOP (a symbolic link)")), "{said}");
    }
}

/// The kernel then mounts the home read-only, and its own message does not name the home.
pub fn an_overlay_work_folder_that_cannot_be_emptied_is_reported(arch: &'static Arch) {
    let writes = "try { require('fs').writeFileSync('/new', ''); console.log('wrote') } catch (error) { console.log('cannot write', error.code) }";
    let disk = Disk::with(&[runs("good", 1000, &writes.replace("wrote", "good wrote")), runs("stuck", 1001, writes)]);
    // EXT4_IMMUTABLE_FL (fs/ext4/ext4.h)
    disk.debugfs("cd .overlay\nmkdir stuck\ncd stuck\nmkdir work\ncd work\nmkdir kept\nsif kept flags 0x80010\n");
    let mut vm = Boot::on(arch).homes(&disk).start();
    assert!(matches!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(_))), "{}", vm.transcript());
    let said = vm.transcript();
    assert!(said.contains("nodeos: home stuck is read-only: what lies in .overlay/stuck cannot be removed"), "{said}");
    assert!(said.contains("good wrote") && said.contains("cannot write EROFS"), "{said}");
}

pub fn a_bad_logon_file_lets_nobody_in(arch: &'static Arch) {
    let mut malformed = Home::new("malformed", 1001);
    malformed.file("etc/logon.json", "{\"password\": \"");
    let disk = Disk::with(&[
        logs_on("good", 1000, Some("secret"), "console.log('good is in')"),
        malformed,
        Home::new("huge", 1002),
        Home::new("pipe", 1003),
        logs_on("root", 0, None, "console.log('an open root prompt')"),
    ]);
    let huge = disk.beside("huge");
    let file = std::fs::File::create(&huge).unwrap();
    file.set_len(1 << 30).unwrap();
    disk.debugfs(&format!(
        "cd /huge\nmkdir etc\ncd etc\nwrite {} logon.json\nsif logon.json uid 1002\n\
         cd /pipe\nmkdir etc\ncd etc\nmknod logon.json p\nsif logon.json uid 1003\n",
        huge.display()
    ));
    let mut vm = Boot::on(arch).homes(&disk).start();
    for (name, password) in [("malformed", ""), ("huge", ""), ("pipe", ""), ("root", "")] {
        log_on(&mut vm, name, Some(password));
        vm.expect("Wrong user name or password.").unwrap();
    }
    log_on(&mut vm, "good", Some("secret"));
    vm.expect("good is in").unwrap();
    let said = vm.transcript();
    for line in [
        "home malformed: etc/logon.json: it is malformed; the user cannot log on",
        "home huge: etc/logon.json: it is too long; the user cannot log on",
        "home pipe: etc/logon.json: EINVAL; the user cannot log on",
        "home root: its password is empty, so root cannot log on",
    ] {
        assert!(said.contains(line), "{}", vm.failure(format!("not said: {line}")));
    }
    assert!(!said.contains("an open root prompt\n"), "{said}");
}

/// Every user has an `/init` that needs node. It runs, so a user can still work under the strictest
/// policy.
pub fn the_strictest_policy_replaces_a_broken_one(arch: &'static Arch) {
    const ASK: &str = "const os = require('os')
        console.log(os.userInfo().username + ' has', Object.keys(os.networkInterfaces()).join())";
    let users = ["misspelt", "foreign", "link", "good"];
    let homes: Vec<Home> = (1000..).zip(users).map(|(uid, name)| runs(name, uid, ASK)).collect();
    let disk = Disk::with(&homes);
    let (bad, good) = (disk.beside("bad"), disk.beside("good"));
    std::fs::write(&bad, "{\"memroy\": \"1G\"}").unwrap();
    std::fs::write(&good, "{\"network\": \"shared\"}").unwrap();
    let (bad, good) = (bad.display(), good.display());
    disk.debugfs(&format!(
        "cd /.policy\nwrite {bad} misspelt.json\nsif misspelt.json uid 0\nsif misspelt.json mode 0100600\n\
         write {good} foreign.json\nsif foreign.json uid 1001\nsif foreign.json mode 0100600\n\
         write {good} good.json\nsif good.json uid 0\nsif good.json mode 0100600\nsymlink link.json good.json\n"
    ));
    let mut vm = Boot::on(arch).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    let said = vm.transcript();
    for line in [
        "nodeos: .policy/misspelt.json: it has a key that is none of memory, high, pids, devices, network, restart, ",
        "nodeos: .policy/foreign.json: ",
        "nodeos: .policy/link.json: ",
        "misspelt has lo",
        "foreign has lo",
        "link has lo",
        "good has lo,eth0",
    ] {
        assert!(said.contains(line), "{}", vm.failure(format!("not said: {line}")));
    }
    for user in ["misspelt", "foreign", "link"] {
        assert!(!said.contains(&format!("{user} has lo,")), "{said}");
    }
    assert!(!said.contains("good.json: "), "{said}");
}

/// Forges the attributes in which overlayfs stores that a file's content is in a lower layer, and
/// from which file it was copied. They reveal nothing that the owner may not see, and other users
/// are not affected.
pub fn forged_overlay_attributes_reveal_no_other_files(arch: &'static Arch) {
    const SCRIPT: &str = "const fs = require('fs')
        const tried = (what, act) => { try { console.log(what, act()) } catch (error) { console.log(what, error.code) } }
        tried('metacopy', () => fs.readFileSync('/meta').length)
        tried('origin', () => String(fs.readFileSync('/copied')))
        tried('folder', () => fs.readdirSync('/folder').join())
        tried('write', () => fs.writeFileSync('/copied', 'new') ?? 'done')";
    let mut ana = runs("ana", 1000, SCRIPT);
    ana.file("meta", "");
    ana.file("copied", "hers");
    ana.file("folder/own", "");
    let disk = Disk::with(&[ana, runs("bo", 1001, "console.log('bo runs')")]);
    // struct ovl_metacopy and struct ovl_fb (fs/overlayfs/overlayfs.h): a handle of inode 2 of a filesystem without
    // UUID
    let metacopy = [0, 4, 0, 0];
    let origin = [&[0, 0xfb, 29, 0, 1][..], &[0; 16], &2_u32.to_le_bytes(), &0_u32.to_le_bytes()].concat();
    let mut commands = String::from("ea_set /ana/meta trusted.overlay.redirect /bin/node\n");
    for (path, name, value) in [
        ("meta", "metacopy", &metacopy[..]),
        ("copied", "origin", &origin),
        ("folder", "origin", &origin),
        ("folder", "impure", b"y"),
        ("folder", "nlink", b"U+1"),
    ] {
        let file = disk.beside(&format!("{path}-{name}"));
        std::fs::write(&file, value).unwrap();
        commands += &format!("ea_set -f {} /ana/{path} trusted.overlay.{name}\n", file.display());
    }
    disk.debugfs(&commands);
    let mut vm = Boot::on(arch).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    let said = vm.transcript();
    // a file whose content is elsewhere is refused (fs/overlayfs/namei.c, `ovl_lookup`), or shown
    // as an empty file, which it is
    assert!(said.contains("metacopy EPERM") || said.contains("metacopy EIO") || said.contains("metacopy 0"), "{said}");
    for line in ["origin hers", "folder own", "write done", "bo runs"] {
        assert!(said.contains(line), "{}", vm.failure(format!("not said: {line}")));
    }
}

use super::*;
use crate::{
    limits::Limits,
    machine_file::MachineFile,
    op::{Code, Root, Upper},
    policy::Network,
};

fn sandbox<'a>(user: &'a User<'a>) -> Sandbox<'a> {
    let limits = Limits { memory: 64 << 20, high: None, pids: 100 };
    Sandbox {
        user,
        upper: Upper::Home,
        limits,
        network: Network::Shared,
        granted: false,
        code: Code::None,
        host: "nodeos",
        leased: false,
    }
}

fn text<O: fmt::Display>(steps: &[Step<O>]) -> String {
    steps.iter().map(|step| format!("{step}\n")).collect()
}

fn golden<O: fmt::Display>(name: &str, steps: &[Step<O>]) {
    insta::with_settings!({snapshot_path => "../../tests/golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text(steps));
    });
}

#[test]
fn the_boot_plan_depends_on_the_placement() {
    for (name, line) in [
        ("boot_plain", "carbon=plain"),
        ("boot_image", "carbon=image"),
        ("boot_medium", "carbon=LABEL=nodeos-carbon"),
        ("boot_keymap", "carbon=plain keymap=de"),
        ("boot_iso", "carbon=iso:LABEL=nodeos-carbon"),
        ("boot_iso_with_apps", "carbon=iso:LABEL=nodeos-carbon apps=medium"),
        ("boot_image_with_apps", "carbon=image apps=image"),
        ("boot_medium_with_apps", "carbon=LABEL=nodeos-carbon apps=LABEL=nodeos-apps"),
    ] {
        golden(name, &boot(&Options::parse(line)));
    }
}

#[test]
fn users_come_from_a_partition_or_ram() {
    let options = Options::parse("users=LABEL=nodeos-users usersflags=noatime");
    golden("users_partition", &users(&options));
    golden("users_partition_that_grows", &users(&Options::parse("users=PARTUUID=1b2c3d4e-03 grow")));
    golden("users_ram", &ram(InRam::Guest));
    golden("users_carried", &ram(InRam::Carried));
    golden("users_ram_of_apps", &ram(InRam::Apps));
    golden("homes_of_apps", &homes(&Options::parse("apps=medium")));
    assert!(users(&Options::default()).is_empty() && homes(&options).is_empty());
    assert_eq!(layout::POLICIES, format!("{}/{}", layout::USERS, layout::POLICY));
}

#[test]
fn the_devices_of_all_users_are_made_once() {
    golden("devices", &devices(&["/devices/ttyS0"]));
    golden("devices_granted", &granted());
    golden("broker_apart", &apart());
    golden("host", &host("nodeos", &MachineFile::default()));
    let own = br#"{"hostname": "garden", "address": "10.0.0.5/24", "timezone": "Europe/Madrid"}"#;
    golden("host_with_settings_of_its_own", &host("nodeos", &MachineFile::parse(own).unwrap()));
    let named = br#"{"hostname": "garden"}"#;
    let plan = text(&host("nodeos", &MachineFile::parse(named).unwrap()));
    assert!(plan.contains("hostname garden") && !plan.contains(layout::WORDS));
    assert_eq!(layout::MACHINE_FILE, format!("{}/{}", layout::USERS, layout::MACHINE));
    assert!(crate::users::is_ours(layout::MACHINE.as_bytes()));
    assert!(devices(&["/devices/a", "/devices/b", "/devices/c", "/devices/d"]).len() < MAX_STEPS);
}

#[test]
fn a_root_is_planned_for_its_user() {
    let plan = |name, uid, upper, network, golden_name: &str| {
        let user = User { name, uid, gid: uid };
        golden(golden_name, &root(&Sandbox { upper, network, ..sandbox(&user) }));
    };
    plan("ana", 1000, Upper::Home, Network::Shared, "root_of_a_user");
    plan("root", 0, Upper::Home, Network::Shared, "root_of_root");
    plan("ana", 1000, Upper::Ram, Network::Private, "root_of_a_user_on_a_read_only_partition");
    let user = User { name: "ana", uid: 1000, gid: 1000 };
    let limits = Limits { high: Some(48 << 20), ..sandbox(&user).limits };
    golden("root_of_a_user_with_a_high", &root(&Sandbox { limits, ..sandbox(&user) }));
    golden("root_of_an_app", &root(&Sandbox { code: Code::ReadOnly, ..sandbox(&user) }));
    golden("root_of_a_writable_app", &root(&Sandbox { code: Code::Writable, ..sandbox(&user) }));
    golden("root_of_a_user_with_a_leased_name", &root(&Sandbox { host: "board", leased: true, ..sandbox(&user) }));
    golden("root_of_a_user_with_devices", &root(&Sandbox { granted: true, ..sandbox(&user) }));
}

const CODES: [Code; 3] = [Code::None, Code::ReadOnly, Code::Writable];

#[test]
fn the_longest_plan_fits() {
    let user = User { name: "root", uid: 0, gid: 0 };
    for code in CODES {
        let sandbox = Sandbox { upper: Upper::Ram, network: Network::Private, granted: true, code, ..sandbox(&user) };
        let steps = root(&sandbox);
        assert!(steps.len() < MAX_STEPS, "{} steps: raise MAX_STEPS", steps.len());
        assert!(matches!(steps.last(), Some(Step { op: Root::Op(Op::Unmount(_)), why: Why::OutOfReach, .. })));
    }
    assert!(boot(&Options::parse("carbon=image apps=image keymap=de")).len() < MAX_STEPS);
}

/// mount(2) and similar calls follow links. A path that may lead through a user's link is opened first; these
/// operations do not do that.
#[test]
fn no_path_that_a_user_controls_is_followed() {
    for (name, uid) in [("ana", 1000), ("root", 0)] {
        let user = User { name, uid, gid: uid };
        for (upper, code) in CODES.into_iter().flat_map(|code| [(Upper::Home, code), (Upper::Ram, code)]) {
            for step in &root(&Sandbox { upper, code, granted: true, ..sandbox(&user) }) {
                let walked = match step.op {
                    Root::Op(
                        Op::Mkdir(path, _)
                        | Op::Write(path, _)
                        | Op::Symlink(path, _)
                        | Op::Node(path, ..)
                        | Op::Attributes(path, _)
                        | Op::Unmount(path)
                        | Op::Bind(path, ..),
                    )
                    | Root::File(path, _)
                    | Root::Own(path, _) => path,
                    _ => "",
                };
                assert!(!walked.starts_with("/root/"), "{step}");
            }
        }
    }
}

#[test]
fn no_mount_in_a_users_root_allows_devices_or_setuid() {
    let user = User { name: "ana", uid: 1000, gid: 1000 };
    for step in
        root(&sandbox(&user)).iter().chain(&root(&Sandbox { granted: true, code: Code::ReadOnly, ..sandbox(&user) }))
    {
        if let Root::Op(Op::Mount(_, _, target, attr, _) | Op::Bind(_, target, attr) | Op::Attributes(target, attr))
        | Root::Overlay(&User { name: target, .. }, _, _, attr, _)
        | Root::Processes(_, target, attr)
        | Root::Devices(_, target, attr)
        | Root::App(_, _, target, attr)
        | Root::Scratch(target, attr, ..) = step.op
        {
            assert!(attr.has(Attr::NOSUID), "{step}");
            assert!(attr.has(Attr::NODEV) || target.starts_with("/root/dev"), "{step}");
        }
    }
}

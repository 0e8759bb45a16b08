//! Another version of an app takes the place of the old one on a card or in a folder, and nothing else
//! changes. Where that cannot work, nothing changes at all.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};

use boot::host::digest;
use boot::image::erofs::{APPS as APPS_IMAGE, Packing, mkfs};
use boot::image::manifest::Manifest as Settings;
use boot::inspect::machine;
use boot::media::{Found, Manifest, Member, beside};
use boot::users::ext4::lock;
use boot::users::names::APP;
use shim::layout::{APP_INIT, APPS_LABEL};

use crate::cards::{APPS, APPS_AT, card};
use crate::updates::{Stage, target, why};
use crate::users::names;

#[test]
fn a_new_version_on_a_card_changes_only_its_own_partition() {
    let stage = Stage::new("aarch64");
    let long = "// a long text\n".repeat(60_000);
    let card = card(stage.folder.path(), Some(&stage.layer(APP, &long)));
    fs::set_permissions(&card, fs::Permissions::from_mode(0o600)).unwrap();
    let around = || {
        let mut bytes = fs::read(&card).unwrap();
        let apps: Vec<u8> = bytes.splice(APPS_AT as usize..(APPS_AT + APPS) as usize, []).collect();
        (apps, bytes)
    };
    let (_, before) = around();
    let files = names(stage.folder.path());
    for text in ["// two", &long, "// three"] {
        let layer = stage.layer(APP, text);
        assert_eq!(stage.update(&card, &layer), Some(APPS));
        let (apps, now) = around();
        let mut expected = fs::read(&layer).unwrap();
        expected.resize(APPS as usize, 0);
        assert!(now == before, "something beside the apps changed");
        assert!(apps == expected, "the new layer, and nothing of the old one");
    }
    assert_eq!(fs::metadata(&card).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<String> = names(stage.folder.path()).into_iter().filter(|name| !files.contains(name)).collect();
    assert_eq!(left, Vec::<String>::new());
}

/// `nodeos build` replaces what is as it was built, so a card with changed homes must not look so.
#[test]
fn a_card_with_changed_homes_never_looks_as_built() {
    let stage = Stage::new("aarch64");
    let card = card(stage.folder.path(), Some(&stage.layer(APP, "// one")));
    let built = || Found::at("update", &card).unwrap().unwrap().is_as_built(&stage.host.cache).unwrap();
    let layer = stage.layer(APP, "// one");
    let members = vec![Member::of(&stage.host.cache, "apps.erofs".into(), &layer).unwrap()];
    let digest = digest::file(&stage.host.cache, &card).unwrap();
    stage.describe(&beside(&card), "sd", Some(digest), 128 << 20, members);
    assert!(built());
    let two = stage.layer(APP, "// two");
    stage.update(&card, &two);
    assert!(built(), "an unchanged card stays one");
    let manifest = Manifest::read(&beside(&card)).unwrap();
    assert_eq!(manifest.members[0], Member::of(&stage.host.cache, "apps.erofs".into(), &two).unwrap());
    assert_eq!(manifest.bytes, 128 << 20);
    File::options().write(true).open(&card).unwrap().write_all_at(b"mine", 100 << 20).unwrap();
    assert!(!built());
    stage.update(&card, &stage.layer(APP, "// three"));
    assert!(!built());
}

#[test]
fn a_new_version_in_a_folder_replaces_a_file_and_its_line_in_the_manifest() {
    let stage = Stage::new("x86_64");
    let folder = stage.direct();
    let (files, homes) = (names(&folder), fs::metadata(folder.join("users.ext4")).unwrap().modified().unwrap());
    let layer = stage.layer(APP, &"// a long text\n".repeat(60_000));
    assert_eq!(stage.update(&folder, &layer), None);
    assert!(fs::read(folder.join("apps.erofs")).unwrap() == fs::read(&layer).unwrap());
    assert_eq!((names(&folder), fs::metadata(folder.join("users.ext4")).unwrap().modified().unwrap()), (files, homes));
    let manifest = Manifest::read(&folder.join("manifest.json")).unwrap();
    for member in &manifest.members {
        let now = Member::of(&stage.host.cache, member.path.clone(), &folder.join(&member.path)).unwrap();
        assert_eq!(*member, now);
    }
    assert_eq!(manifest.bytes, manifest.members.iter().map(|member| member.bytes).sum::<u64>());
}

#[test]
fn a_layer_that_does_not_fit_is_refused_with_both_sizes() {
    let stage = Stage::new("aarch64");
    let card = card(stage.folder.path(), Some(&stage.layer(APP, "// one")));
    let before = fs::read(&card).unwrap();
    let large = stage.at("large");
    File::create(&large).unwrap().set_len(APPS + 4096).unwrap();
    let said = why(target(&card).unwrap().replace(&stage.host, &large));
    assert!(said.contains("the new code has 4198400 bytes, and its partition has 4194304\n  next: "), "{said}");
    assert!(said.contains("skip=79691776 count=16777216) && nodeos build APP --target sd"), "{said}");
    assert!(fs::read(&card).unwrap() == before);
    File::create(&large).unwrap().set_len(APPS).unwrap();
    assert_eq!(stage.update(&card, &large), Some(APPS));
}

#[test]
fn a_medium_without_replaceable_apps_is_refused() {
    let stage = Stage::new("x86_64");
    let plain = card(stage.folder.path(), None);
    let said = why(target(&plain));
    assert!(said.contains("it has no app: it was built without one\n  next: build one with an app"), "{said}");

    // a volume descriptor, as `recognise` reads it
    let iso = stage.at("x.iso");
    let head = format!("\x01CD001\x01\0{:<32}{:<32}", "X86_64", "nodeos-0123");
    fs::write(&iso, [vec![0; 32768], head.into_bytes(), vec![0; 4096]].concat()).unwrap();
    let said = why(target(&iso));
    assert!(
        said.contains("an ISO is read-only") && said.contains("nodeos build APP --target iso --out NEW;"),
        "{said}"
    );

    let folder = stage.direct();
    fs::write(folder.join("cmdline"), "console=ttyS0 users=LABEL=nodeos-users\n").unwrap();
    assert!(why(target(&folder)).contains("it has no app"));
    fs::write(folder.join("cmdline"), "apps=LABEL=nodeos-apps\n").unwrap();
    fs::copy(folder.join("carbon.erofs"), folder.join("apps.erofs")).unwrap();
    assert!(why(target(&folder)).contains("the file has no apps"));
    stage.describe(&folder.join("manifest.json"), "pxe", None, 0, vec![]);
    let said = why(target(&folder));
    assert!(said.contains("with the initramfs\n  next: build another: nodeos build APP --target pxe"), "{said}");
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap().replace("x86_64", "vax");
    fs::write(folder.join("manifest.json"), manifest).unwrap();
    assert!(why(Found::at("update", &folder)).contains("names an unknown architecture"));
    assert!(Found::at("update", &stage.at("app.js")).unwrap().is_none());
}

#[test]
fn an_app_that_needs_another_medium_is_refused() {
    let stage = Stage::new("x86_64");
    let folder = stage.direct();
    let target = target(&folder).unwrap();
    assert_eq!(target.same_apps([APP].into_iter()), Ok(()));
    let said = why(target.same_apps(["web", APP].into_iter()));
    assert!(said.contains("it has the app app, and the new version has the apps app, web: each app's data"), "{said}");

    let path = stage.at("nodeos.toml");
    let check = |text: &str| {
        fs::write(&path, text).unwrap();
        target.check(&Settings::load(stage.folder.path()).unwrap())
    };
    assert_eq!(check(""), Ok((Some("24.21.0".to_owned()), vec![])));
    assert_eq!(check("node = '24.21.0'\ncmdline = 'TZ=UTC'").unwrap().0.as_deref(), Some("24.21.0"));
    let said = why(check("node = '22.1.0'"));
    assert!(said.contains("its node is 24.21.0, and nodeos.toml asks for 22.1.0"), "{said}");
    let homes = folder.join("users.ext4");
    assert!(said.ends_with(&format!("--arch x86_64 --users {} --out NEW", homes.display())), "{said}");
    assert!(target.has_homes());
    let said = target.keeps("--node", "medium's node and kernel").to_string();
    assert!(said.contains("--node is an option of build: update-app replaces the app alone"), "{said}");
    assert!(said.ends_with(&format!("--users {} --out NEW", homes.display())), "{said}");
    let said = why(check("cmdline = 'TZ=Asia/Tokyo'"));
    assert!(said.contains("TZ=Asia/Tokyo is not on its kernel's command line\n  next: add it to "), "{said}");
    fs::write(stage.at("same"), "no node").unwrap();
    assert!(check("include = [{ from = 'same', to = '/node' }]").is_ok());
    let said = why(check("include = [{ from = 'same', to = '/share/same' }]"));
    assert!(said.contains("nodeos.toml, include: it has no /share/same"), "{said}");
    let said = why(check("include = [{ from = 'nodeos.toml', to = '/node' }]"));
    assert!(said.contains("its /node is not the same as "), "{said}");
    let unknown = check("[kernel]\noptions = ['CONFIG_USB_SERIAL=y']").unwrap().1;
    assert!(unknown[0].contains("its options could not be compared"), "{unknown:?}");

    fs::write(folder.join("cmdline"), "apps=LABEL=nodeos-apps").unwrap();
    let target = crate::updates::target(&folder).unwrap();
    assert!(!target.has_homes());
    let said = why(target.same_apps(["web"].into_iter()));
    assert!(said.ends_with("--target direct --arch x86_64 --users none --out NEW"), "{said}");
}

/// `nodeos inspect` and `update-app` read the apps with the same code.
#[test]
fn only_folders_that_are_users_count_as_apps() {
    let stage = Stage::new("aarch64");
    let (from, image) = (stage.at("layer"), stage.at("layer.erofs"));
    for name in [APP, "lost+found", ".policy"] {
        fs::create_dir_all(from.join(name)).unwrap();
    }
    fs::create_dir_all(from.join(format!("{APP}{APP_INIT}")).parent().unwrap()).unwrap();
    fs::write(from.join(format!("{APP}{APP_INIT}")), "// one").unwrap();
    fs::write(from.join("file"), "no app").unwrap();
    // without a checksum, because the label comes afterwards
    mkfs(&APPS_IMAGE, Packing::Compressed).args(["-E", "nosbcrc"]).arg(&image).arg(&from).ok().unwrap();
    File::options().write(true).open(&image).unwrap().write_all_at(APPS_LABEL.as_bytes(), 1024 + 64).unwrap();
    let card = card(stage.folder.path(), Some(&image));
    assert_eq!(target(&card).unwrap().same_apps([APP].into_iter()), Ok(()));
    let apps: Vec<String> = machine(&card).unwrap().apps.into_iter().map(|app| app.name).collect();
    assert_eq!(apps, [APP]);
}

#[test]
fn a_medium_that_a_machine_uses_is_refused() {
    let stage = Stage::new("aarch64");
    let layer = stage.layer(APP, "// two");
    let (card, folder) = (card(stage.folder.path(), Some(&layer)), stage.direct());
    for (path, file) in [(&card, card.clone()), (&folder, folder.join("apps.erofs"))] {
        let before = target(path).unwrap();
        let held = lock(&file).unwrap();
        for said in [why(target(path)), why(before.replace(&stage.host, &layer))] {
            assert!(said.contains("another program has it open") && said.contains("stop the machine first"), "{said}");
        }
        drop(held);
        before.replace(&stage.host, &layer).unwrap();
    }
}

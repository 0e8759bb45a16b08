//! Media with homes contain password hashes, so only their owner may read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::image::Image;
use boot::image::carbon::Placement;
use boot::media::{Medium, Parts, make};
use boot::users::home::Home;
use boot::users::image::{Create, create};
use shim::arches::Arch;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Cards are not tested here, because they need Debian's firmware and the kernel's device trees.
/// tests/media/sd.rs checks the mode of a card.
#[test]
fn only_the_owner_can_read_files_with_homes_and_everyone_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let host = Host { cache: Cache::at(at("cache")).unwrap(), progress: Progress::Silent };
    for name in ["kernel", "initramfs", "carbon.erofs", "apps.erofs"] {
        fs::write(at(name), name).unwrap();
    }
    let users = at("users.ext4");
    create(&users, Create { size: 16 << 20, force: false }, &[Home::new("ana", 1000)]).unwrap();
    assert_eq!(mode(&users), 0o600);
    // the copy is private, whatever the mode of the original
    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    for (target, placement, private, open) in [
        ("direct", Placement::Medium, "users.ext4", "initramfs"),
        ("iso", Placement::Medium, "", ""),
        ("pxe", Placement::Image, "initramfs", "kernel"),
    ] {
        let image = Image {
            arch: Arch::named("x86_64").unwrap(),
            kernel: at("kernel"),
            initramfs: at("initramfs"),
            carbon: Some(at("carbon.erofs")),
            apps: None,
            placement,
            words: String::new(),
            versions: vec![],
        };
        for (users, apps) in [(Some(users.as_path()), None), (None, None), (None, Some(at("apps.erofs")))] {
            let image = Image { apps: apps.clone(), ..image.clone() };
            let parts = Parts { host: &host, image: &image, users, machines: &[] };
            let out = at(&format!("{target}-{}-{}", users.is_some(), apps.is_some()));
            make(Medium::named(target).unwrap(), &parts, &out).unwrap();
            let of = |name: &str| mode(&if name.is_empty() { out.clone() } else { out.join(name) });
            match (users, apps) {
                (Some(_), _) => assert_eq!(of(private), 0o600, "{target}"),
                (None, Some(_)) => assert_eq!(of(&private.replace("users.ext4", "apps.erofs")), 0o600, "{target}"),
                (None, None) => assert_eq!(of(open) & 0o444, 0o444, "{target}"),
            }
            if !open.is_empty() {
                assert_eq!(of(open) & 0o444, 0o444, "{target}");
            }
        }
    }
}

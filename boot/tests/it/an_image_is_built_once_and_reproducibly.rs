//! The whole assembly with a tiny program in place of node, for each placement and architecture,
//! without a network.

use crate::tiny::Tiny;
use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::image::carbon::Placement;
use boot::image::erofs::{Packing, identity};
use boot::image::manifest::Include;
use boot::image::unpack;
use boot::image::{Image, Spec, assemble};
use boot::parts::debian;
use boot::parts::node::Choice;
use boot::parts::shim::Shim;
use shim::arches::{ALL, Arch};
use shim::programs::INIT;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const ENDLESS: &str = "void _start(void){for(;;);}";

/// The header of a kernel for this architecture.
fn kernel(tiny: &Tiny) -> PathBuf {
    let mut head = vec![0; 1024];
    match tiny.arch.name {
        "x86_64" => {
            head[0x202..0x206].copy_from_slice(b"HdrS");
            head[0x236] = 1;
        }
        _ => head[56..60].copy_from_slice(b"ARM\x64"),
    }
    let path = tiny.path("kernel");
    fs::write(&path, head).unwrap();
    path
}

/// A cache with a sysroot, and the parts of an image.
fn prepared(tiny: &Tiny, placement: Placement) -> (Host, Spec) {
    let host = Host { cache: Cache::at(tiny.path("cache")).unwrap(), progress: Progress::Silent };
    let name = format!("cache/sysroot/{}", debian::key(tiny.arch));
    let leaf = tiny.library(&format!("{name}/lib/{}/libleaf.so.1", tiny.arch.multiarch), &[]);
    tiny.sysroot(&name);
    let spec = Spec {
        arch: tiny.arch,
        placement,
        packing: Packing::Compressed,
        node: Choice::Binary(tiny.program("node", &["-g"], &[&leaf])),
        includes: vec![Include { from: kernel(tiny), to: "/share/data".to_owned() }],
        cmdline: "TZ=UTC".to_owned(),
        kernel: kernel(tiny),
        kernel_version: "6".to_owned(),
        e2fsck: tiny.fixed("e2fsck", ENDLESS),
        e2fsck_version: "1".to_owned(),
        shim: Shim::of(|program| Ok::<_, ()>(tiny.fixed(program.name, ENDLESS))).unwrap(),
    };
    (host, spec)
}

fn members(image: &Path) -> Vec<String> {
    unpack::read(image, |_, _| Ok(())).unwrap().into_iter().map(|member| member.path).collect()
}

/// The bytes of all files of an image.
fn bytes(image: &Image) -> Vec<Vec<u8>> {
    [Some(&image.initramfs), image.carbon.as_ref()].into_iter().flatten().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs a check for every architecture and placement.
fn each(check: impl Fn(&'static Arch, Placement)) {
    ALL.iter().for_each(|arch| Placement::ALL.into_iter().for_each(|placement| check(arch, placement)));
}

#[test]
fn each_placement_has_its_files_and_a_second_assembly_rebuilds_nothing() {
    each(|arch, placement| {
        let tiny = Tiny::new(arch);
        let (host, spec) = prepared(&tiny, placement);
        let first = assemble(&host, &spec).unwrap();
        let members = members(&first.initramfs);
        assert!(shim::programs::in_initramfs(&members[0]).is_some(), "{}", members[0]);
        let has = |path: &str| members.iter().any(|member| member == path);
        let plain = placement == Placement::Plain;
        assert_eq!(has("/carbon/bin/node"), plain);
        assert_eq!(has(&format!("/carbon/lib/{}/libleaf.so.1", arch.multiarch)), plain);
        assert_eq!((has(&format!("/carbon{}", arch.loader)), has("/carbon/share/data")), (plain, plain));
        assert_eq!(has("/carbon.erofs"), placement == Placement::Image);
        assert_eq!(has("/carbon.size"), placement != Placement::Medium);
        assert_eq!(first.carbon.is_some(), placement == Placement::Medium);
        if let Some(carbon) = &first.carbon {
            assert_eq!(identity(carbon).unwrap().unwrap().0, "nodeos-carbon");
        }
        let cmdline = first.cmdline();
        assert!(cmdline.starts_with("carbon=") && cmdline.ends_with(" TZ=UTC"), "{cmdline}");

        let inode = |image: &Image| fs::metadata(&image.initramfs).unwrap().ino();
        let made = inode(&first);
        let second = assemble(&host, &spec).unwrap();
        assert_eq!((&second, inode(&second)), (&first, made));

        let out = tiny.path("out");
        let names: Vec<_> = second.export(&out).unwrap().iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        assert_eq!(names.contains(&"carbon.erofs".into()), second.carbon.is_some());
        assert_eq!(fs::read(out.join("initramfs")).unwrap(), fs::read(&first.initramfs).unwrap());
    });
}

#[test]
fn images_built_in_different_folders_are_identical() {
    each(|arch, placement| {
        let build = || {
            let tiny = Tiny::new(arch);
            let (host, mut spec) = prepared(&tiny, placement);
            // debug sections and build IDs depend on the folder in which the compiler ran, so both
            // are left out
            spec.node = Choice::Binary(tiny.program("node", &["-Wl,--build-id=none"], &[]));
            for (_, program) in spec.shim.programs() {
                fs::write(program, boot::parts::strip::strip(&fs::read(program).unwrap()).unwrap()).unwrap();
            }
            bytes(&assemble(&host, &spec).unwrap())
        };
        assert!(build() == build(), "{arch} {placement}: the bytes differ");
    });
}

fn with_init(shim: &Shim, init: &Path) -> Shim {
    Shim::of(|program| (*program == INIT).then_some(init).or(shim.file(program)).map(Path::to_owned).ok_or(())).unwrap()
}

#[test]
fn a_changed_shim_changes_the_initramfs_but_not_the_carbon_copy() {
    let tiny = Tiny::new(Arch::host());
    let (host, mut spec) = prepared(&tiny, Placement::Medium);
    let first = assemble(&host, &spec).unwrap();
    let other = tiny.fixed("other", "void _start(void){for(;;)__asm__(\"nop\");}");
    spec.shim = with_init(&spec.shim, &other);
    let second = assemble(&host, &spec).unwrap();
    assert_ne!(second.initramfs, first.initramfs);
    assert_eq!(second.carbon, first.carbon);
}

#[test]
fn parts_of_another_architecture_are_refused_before_anything_is_written() {
    let (tiny, other) = (Tiny::new(&ALL[0]), Tiny::new(&ALL[1]));
    let (host, spec) = prepared(&tiny, Placement::Plain);
    let refused = |spec: &Spec| assemble(&host, spec).unwrap_err().to_string();
    let wrong = format!("it is for {}, the image is for {}", other.arch, tiny.arch);
    let node = Choice::Binary(other.program("node", &[], &[]));
    assert!(refused(&Spec { node, ..spec.clone() }).ends_with(&wrong));
    assert!(refused(&Spec { kernel: kernel(&other), ..spec.clone() }).ends_with(&wrong));
    let shim = with_init(&spec.shim, &other.fixed("init", ENDLESS));
    assert!(refused(&Spec { shim, ..spec.clone() }).ends_with(&wrong));
    let missing = Include { from: tiny.path("missing"), to: "/x".to_owned() };
    assert!(refused(&Spec { includes: vec![missing], ..spec }).contains("missing: ENOENT"));
    assert!(!host.cache.root().join("initramfs").exists() && !host.cache.root().join("node").join("x").exists());
}

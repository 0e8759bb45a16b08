//! The library closure of ELF files from a real linker, for both architectures on any host.

use crate::tiny::Tiny;
use boot::host::error::Result;
use boot::image::origin::Origins;
use shim::arches::ALL;
use std::path::Path;

/// The paths of the program's libraries without the loader, or the error.
fn closure(tiny: &Tiny, place: &str, program: &Path) -> std::result::Result<Vec<String>, String> {
    let libraries = || -> Result<_> { Origins::new(&tiny.sysroot("sys")).with(place, program).libraries(tiny.arch) };
    match libraries() {
        Ok(mut libraries) => {
            assert!(libraries.remove(tiny.arch.loader).is_some(), "no loader");
            Ok(libraries.into_keys().collect())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn transitive_libraries_come_from_the_sysroot() {
    for arch in ALL {
        let tiny = Tiny::new(arch);
        let at = |name: &str| format!("/lib/{}/{name}", arch.multiarch);
        let leaf = tiny.library(&format!("sys{}", at("libleaf.so.1")), &[]);
        let mid = tiny.library(&format!("sys{}", at("libmid.so.2")), &[&leaf]);
        let program = tiny.program("program", &[], &[&mid]);
        assert_eq!(closure(&tiny, "/bin/program", &program).unwrap(), [at("libleaf.so.1"), at("libmid.so.2")]);
    }
}

#[test]
fn rpath_but_not_runpath_applies_to_transitive_libraries() {
    for arch in ALL {
        let tiny = Tiny::new(arch);
        let leaf = tiny.library("app/lib/libleaf.so.1", &[]);
        let mid = tiny.library("app/lib/libmid.so.2", &[&leaf]);
        let flags = |tags| ["-Wl,-rpath,$ORIGIN/../own", tags];
        tiny.path("app/bin/x");
        std::fs::rename(tiny.path("app/lib"), tiny.path("app/own")).unwrap();
        let mid = tiny.path("app/own").join(mid.file_name().unwrap());
        let rpath = tiny.program("app/bin/rpath", &flags("-Wl,--disable-new-dtags"), &[&mid]);
        let runpath = tiny.program("app/bin/runpath", &flags("-Wl,--enable-new-dtags"), &[&mid]);
        let found = closure(&tiny, "/opt/bin/rpath", &rpath).unwrap();
        assert_eq!(found, ["/opt/own/libleaf.so.1", "/opt/own/libmid.so.2"]);
        let error = closure(&tiny, "/opt/bin/runpath", &runpath).unwrap_err();
        let chain = "libleaf.so.1, needed by /opt/own/libmid.so.2 <- /opt/bin/runpath: ";
        assert!(error.contains(chain) && error.contains("may be libleaf1"), "{error}");
    }
}

#[test]
fn libraries_of_another_architecture_are_skipped_and_programs_refused() {
    for (arch, other) in [(&ALL[0], &ALL[1]), (&ALL[1], &ALL[0])] {
        let (tiny, foreign) = (Tiny::new(arch), Tiny::new(other));
        let name = format!("sys/lib/{}/libleaf.so.1", arch.multiarch);
        let right = tiny.library(&name, &[]);
        let program = tiny.program("program", &[], &[&right]);
        let wrong = foreign.library("libleaf.so.1", &[]);
        std::fs::copy(wrong, &right).unwrap();
        let error = closure(&tiny, "/bin/program", &program).unwrap_err();
        assert!(error.contains(&format!("/libleaf.so.1 is for another machine than {arch}")), "{error}");
        let error = closure(&tiny, "/bin/program", &foreign.program("program", &[], &[])).unwrap_err();
        assert_eq!(error, format!("use /bin/program: it is for {other}, the image is for {arch}"));
    }
}

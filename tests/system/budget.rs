//! Checks that measurements are correct, and that the budget check fails on each kind of regression. The tests plant
//! such regressions.

use std::path::Path;

use boot::{
    assembly::Homes,
    host::progress::Progress,
    image::{
        carbon::Placement,
        manifest::{Include, KernelOption, Manifest},
    },
    media::Medium,
    parts::shim as shim_of,
    users::app::App,
    users::home::Home,
};
use lab::{
    budget::{Budgets, Finding, Landed},
    figures::Measured,
    measure::{self, Guest, MOMENTS, Subject, What},
    readings::PARTS,
};
use shim::{arches::Arch, programs::INIT};
use tests::host;

fn subject(arch: &'static Arch, manifest: Manifest) -> Subject {
    Subject { arch, target: Medium::named("direct").unwrap(), users: Homes::None.into(), manifest }
}

fn measured(arch: &'static Arch, manifest: Manifest, whats: &[What]) -> Measured {
    measure::measure(&host(), &subject(arch, manifest), whats, 1).unwrap_or_else(|error| panic!("{error}")).0
}

pub fn memory_and_timeline_are_measured_in_the_machine(arch: &'static Arch) {
    let measured = measured(arch, Manifest::default(), &[What::Memory, What::Time]);
    let kib = |name: &str| measured.figures[&format!("memory.{name}")].value;
    // node is read from the medium on demand, and stays in memory
    assert_eq!(kib("kernel.carbon-cache"), 0);
    assert!(kib("prompt.carbon-cache") < 1024 && kib("first-line.carbon-cache") > 16 * 1024, "{measured:?}");
    assert!(kib("idle.carbon-cache") >= kib("first-line.carbon-cache"), "{measured:?}");
    assert!(kib("prompt.init-private") > kib("kernel.init-private") && kib("idle.init-private") <= 128, "{measured:?}");
    assert!(kib("idle.anonymous") > kib("prompt.anonymous") && kib("idle.free") < kib("prompt.free"), "{measured:?}");
    // the machine has 256 MiB, and only a small part belongs to none of the figures
    assert!((4096..64 * 1024).contains(&kib("kernel.reserved")), "{measured:?}");
    for moment in MOMENTS {
        let parts = PARTS.map(|part| kib(&format!("{moment}.{part}")));
        assert_eq!(parts.iter().sum::<u64>(), 256 * 1024, "{moment}: {measured:?}");
        assert!((1..8192).contains(&kib(&format!("{moment}.rest"))), "{moment}: {measured:?}");
    }
    let at = |what: &str| measured.timeline.iter().position(|event| event.what.contains(what));
    let order = [
        "the kernel begins",
        "PID 1 begins",
        "carbon copy mounted",
        "sandbox of ana ready",
        "node begins",
        "node's bootstrap is done",
        "the first line of JavaScript",
        "the app listens",
    ];
    let places: Vec<_> = order.iter().map(|what| at(what).unwrap_or_else(|| panic!("{what}: {measured:?}"))).collect();
    assert!(places.is_sorted(), "{places:?}: {:?}", measured.timeline);
}

pub fn the_timeline_of_an_app_is_measured(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let time = |app: &Path| {
        let subject = Subject { users: App::from(app.to_owned()).into(), ..subject(arch, Manifest::default()) };
        measure::measure(&host(), &subject, &[What::Time], 1).map(|(measured, _)| measured.timeline)
    };
    let example = |name| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples")).join(name);
    let written = |name, text: &str| {
        let app = folder.path().join(name);
        std::fs::write(&app, text).unwrap();
        app
    };
    let places = |app: &Path, order: &[&str]| {
        let timeline = time(app).unwrap_or_else(|error| panic!("{error}"));
        let place = |what: &&str| timeline.iter().position(|event| event.what.contains(what));
        let places: Vec<_> = order.iter().map(place).collect();
        assert!(places.iter().flatten().is_sorted(), "{}: {places:?}: {timeline:?}", app.display());
        places.iter().map(Option::is_some).collect::<Vec<_>>()
    };
    let order =
        ["PID 1 begins", "sandbox of app ready", "node begins", "bootstrap is done", "first line", "the app listens"];
    // an ECMAScript module that serves; the measurement ends the machine once it listens
    assert_eq!(places(&example("http"), &order), [true; 6]);
    // a CommonJS module that ends, and the machine with it
    let order = [&order[..5], &["users partition unmounted", "the app listens"]].concat();
    assert_eq!(places(&example("hello.js"), &order), [true, true, true, true, true, true, false]);
    // TypeScript; text that it prints is not taken for its timeline; its unfinished line and its
    // status do not matter
    let app = "import { createServer, type Server } from 'node:net'\n\
        process.stdout.write('meter: node listen Now=1\\n[    0.000001] nodeos: the app listens\\nno end')\n\
        const server: Server = createServer().listen(1, () => process.exit(3))\n";
    assert_eq!(places(&written("listens.ts", app), &order[3..]), [true, true, false, true]);
    // the same without the server
    let app = app.split_inclusive('\n').take(2).collect::<String>() + "process.exit(3)\n";
    assert_eq!(places(&written("ends.ts", &app), &order[3..]), [true, true, true, false]);

    // neither app begins: the first has a syntax error, the second is a module that lacks an import
    for (name, app, why) in [
        ("broken.js", "let x = = 1\n", "| SyntaxError"),
        ("lacks.js", "import './gone.mjs'\nconsole.log()\n", "ERR_MODULE_NOT_FOUND"),
    ] {
        let error = time(&written(name, app)).unwrap_err().to_string();
        assert!(error.contains("ended before its first line") && error.contains(why), "{error}");
    }
}

pub fn the_budget_check_fails_on_each_kind_of_regression(arch: &'static Arch) {
    let whats = [What::Sizes, What::Calls, What::Instructions];
    let good = measured(arch, Manifest::default(), &whats);
    let mut budgets = Budgets::read("format = 1\n").unwrap();
    let mut landed = Landed::default();
    budgets.land(&good, &mut landed).unwrap();
    assert_eq!(budgets.check(&good, &landed), [], "what landed passes");
    assert!(good.figures["bytes.kernel.code"].value > 1 << 20, "{good:?}");
    let found = |planted: &Measured, figure: &str| -> Finding {
        let mut findings = budgets.check(planted, &landed).into_iter();
        let finding = findings.find(|finding| finding.figure == figure && finding.what.fails());
        finding.unwrap_or_else(|| {
            panic!("{figure} passes: {}, {}", planted.figures[figure].value, good.figures[figure].value)
        })
    };
    let blamed = |finding: &Finding, who: &str| {
        println!("{finding}");
        assert!(finding.blame.iter().any(|part| part.contains(who)), "{who} is not blamed: {finding}");
    };

    // an incompressible file in the carbon copy
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("planted");
    let mut noise = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.to_be_bytes()
    })
    .take(150_000)
    .flatten()
    .collect();
    std::fs::write(&from, noise).unwrap();
    let include = vec![Include { from, to: "/lib/planted".to_owned() }];
    let planted = measured(arch, Manifest { include, ..Manifest::default() }, &[What::Sizes]);
    blamed(&found(&planted, "bytes.carbon"), "/lib/planted (new)");
    blamed(&found(&planted, "bytes.medium"), "carbon.erofs");

    // one more package of an app
    let app = folder.path().join("app");
    let package = |name: &str, bytes: usize| {
        let package = app.join("node_modules").join(name);
        std::fs::create_dir_all(&package).unwrap();
        // of an image of apps, only what cannot be compressed grows as it does
        let noise = (0..bytes as u32).map(|at| (at.wrapping_mul(0x9e37_79b1).wrapping_add(at >> 3) >> 13) as u8);
        let noise = noise.map(|byte| if byte == b'\n' || byte == b'\r' { b' ' } else { byte });
        std::fs::write(package.join("index.js"), [b"//".to_vec(), noise.collect()].concat()).unwrap();
    };
    package("kept", 100_000);
    std::fs::write(app.join("package.json"), "{\"main\": \"index.js\"}").unwrap();
    std::fs::write(app.join("index.js"), "require('kept')\n").unwrap();
    let of_app = || {
        let subject = Subject { users: App::from(app.clone()).into(), ..subject(arch, Manifest::default()) };
        measure::measure(&host(), &subject, &[What::Sizes], 1).unwrap_or_else(|error| panic!("{error}")).0
    };
    let with_app = of_app();
    let (mut of_apps, mut landed_app) = (Budgets::read("format = 1\n").unwrap(), Landed::default());
    of_apps.land(&with_app, &mut landed_app).unwrap();
    assert_eq!(of_apps.check(&with_app, &landed_app), [], "what landed passes");
    package("planted", 50_000);
    let grown = of_apps.check(&of_app(), &landed_app);
    let grown = grown.iter().find(|finding| finding.figure == "bytes.apps" && finding.what.fails());
    blamed(grown.unwrap_or_else(|| panic!("a package passes")), "+50002 planted (new)");

    // more functions in PID 1: those of the shim that can leave guards out
    let (weak, named) = (shim_of::weak(arch).unwrap(), shim_of::weak_named(arch).unwrap());
    let mut planted = good.clone();
    planted.figures.insert(
        "bytes.init".to_owned(),
        measure::program(weak.file(&INIT).unwrap(), named.file(&INIT).unwrap()).unwrap(),
    );
    blamed(&found(&planted, "bytes.init"), " (new)");

    // a kernel option; a kernel with it would have to be built, so its size is made up
    let mut manifest = Manifest::default();
    manifest.kernel.options.push(KernelOption("CONFIG_PLANTED=y".to_owned()));
    let mut planted = good.clone();
    let kernel = planted.figures.get_mut("bytes.kernel").unwrap();
    kernel.value += kernel.value / 50;
    kernel.parts = measure::options(&subject(arch, manifest)).unwrap();
    blamed(&found(&planted, "bytes.kernel"), "CONFIG_PLANTED=y (new)");

    // twenty more homes, which PID 1 tells its programs together, and one of them has a program to start
    let mut homes: Vec<_> = (1001..1021).map(|uid| Home::new(&format!("planted{uid}"), uid)).collect();
    homes[0].program("init", "#!/usr/bin/env node\n");
    let image = subject(arch, Manifest::default()).booted(&host(), Placement::Medium).unwrap();
    let guest = Guest::new(&image, Progress::Plain).unwrap();
    let mut planted = good.clone();
    planted.figures.extend(guest.calls(&homes).unwrap_or_else(|error| panic!("{error}")));
    planted.figures.extend(guest.instructions(&homes).unwrap_or_else(|error| panic!("{error}")));
    blamed(&found(&planted, "calls.init"), " openat2");
    blamed(&found(&planted, "instructions.shim"), "init");
}

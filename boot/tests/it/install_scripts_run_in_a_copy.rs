//! Install scripts run only for packages that are named, in a copy, with the image's node and architecture.

use crate::users::Scratch;
use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::users::app::{App, code};
use boot::users::home::{Content, Home};
use shim::arches::{ALL, Arch};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn app(scratch: &Scratch, files: &[(&str, &str)]) -> PathBuf {
    let folder = scratch.folder().join("app");
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// What is in the image, with this host's cache: it may have node.
fn of(folder: &Path, names: &[&str], arch: &Arch) -> Result<Home, String> {
    let host = Host { cache: Cache::open().unwrap(), progress: Progress::Silent };
    let allow_scripts = names.iter().map(|name| (*name).to_owned()).collect();
    let app = App { allow_scripts, ..App::from(folder.to_owned()) };
    code(&host, &app, arch, "").map_err(|error| error.to_string())
}

fn file(home: &Home, path: &str) -> PathBuf {
    match home.file_at(path) {
        Some((_, Content::File(file))) => file.clone(),
        other => panic!("{path}: {other:?} in {home}"),
    }
}

#[test]
fn a_script_sees_the_images_node_and_architecture_and_changes_only_its_package() {
    let scratch = Scratch::new();
    let fetch = "const { npm_config_arch, npm_config_target, npm_config_libc, npm_config_platform } = process.env
        const tool = require('child_process').execSync('tool').toString()
        const text = [process.version, npm_config_arch, npm_config_target, npm_config_libc, npm_config_platform, tool]
        require('fs').writeFileSync('made.txt', text.join(' '))
        require('fs').writeFileSync('../tool/changed', '')";
    let files = [
        ("package.json", r#"{"main": "x.js", "dependencies": {"@s/addon": "1", "other": "1"}}"#),
        ("x.js", ""),
        (
            "node_modules/@s/addon/package.json",
            r#"{"name": "@s/addon", "scripts": {"preinstall": "node fetch.cjs"}, "dependencies": {"tool": "1"}}"#,
        ),
        ("node_modules/@s/addon/fetch.cjs", fetch),
        ("node_modules/@s/addon/.npmrc", ""),
        ("node_modules/tool/package.json", r#"{"name": "tool", "bin": "tool.js"}"#),
        ("node_modules/tool/tool.js", "#!/usr/bin/env node\nconsole.log('a tool')"),
        ("node_modules/other/package.json", r#"{"name": "other", "scripts": {"install": "touch ran"}}"#),
    ];
    // the script is in the package's folder, wherever that is
    let files = files.map(|(name, text)| (name, text.replace("../tool/changed", "../../tool/changed")));
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let folder = app(&scratch, &files);
    let listing = || String::from_utf8(Command::new("find").arg(&folder).output().unwrap().stdout).unwrap();
    let before = listing();
    let other = ALL.iter().find(|arch| !arch.is_host()).unwrap();
    for arch in [Arch::host(), other] {
        let home = of(&folder, &["@s/addon"], arch).unwrap();
        let made = fs::read_to_string(file(&home, "app/node_modules/@s/addon/made.txt")).unwrap();
        let cpu = arch.node_package.rsplit('-').next().unwrap();
        let [node, rest] = <[&str; 2]>::try_from(made.splitn(2, ' ').collect::<Vec<_>>()).unwrap();
        let version = node.trim_start_matches('v');
        assert!(version.starts_with("24."), "{made}");
        assert_eq!(rest.trim(), format!("{cpu} {version} glibc linux a tool"));
        assert!(home.get("app/node_modules/tool/changed").is_none(), "{home}");
        assert!(home.get("app/node_modules/other/ran").is_none(), "{home}");
    }
    assert_eq!(listing(), before, "it wrote into the app's folder");
    let error = of(&folder, &["gone"], Arch::host()).unwrap_err();
    assert!(error.contains("the app needs no package of that name\n  next: remove it from allow-scripts"), "{error}");
}

#[test]
fn an_addon_is_compiled_for_the_images_node_and_for_this_architecture_alone() {
    let scratch = Scratch::new();
    let source = r#"
        #include <node.h>
        NODE_MODULE_INIT(/* exports, module, context */) {
            auto name = v8::String::NewFromUtf8(context->GetIsolate(), "made").ToLocalChecked();
            exports->Set(context, name, v8::Number::New(context->GetIsolate(), NODE_MODULE_VERSION)).Check();
        }"#;
    let folder = app(
        &scratch,
        &[
            ("package.json", r#"{"main": "x.js", "dependencies": {"addon": "1"}}"#),
            ("x.js", ""),
            // no script: npm compiles what has a binding.gyp
            ("node_modules/addon/package.json", r#"{"name": "addon"}"#),
            ("node_modules/addon/binding.gyp", r#"{"targets": [{"target_name": "addon", "sources": ["addon.cc"]}]}"#),
            ("node_modules/addon/addon.cc", source),
        ],
    );
    let home = of(&folder, &["addon"], Arch::host()).unwrap();
    let addon = file(&home, "app/node_modules/addon/build/Release/addon.node");
    let text = String::from_utf8_lossy(&fs::read(addon).unwrap()).into_owned();
    assert!(text.contains("node_register_module_v137"), "not for node 24");
    assert!(!home.paths().any(|path| path.contains("obj.target") || path.contains("Makefile")), "{home}");
    let other = ALL.iter().find(|arch| !arch.is_host()).unwrap();
    let error = of(&folder, &["addon"], other).unwrap_err();
    let why = format!("node-gyp compiles for {} alone, and the image is for {other}", Arch::host());
    assert!(error.contains(&why) && error.contains(&format!("next: build on a machine with {other}")), "{error}");

    // a node-gyp that the app brings would compile for this machine, as those of sqlite3 and re2 do
    let with_its_own = app(
        &scratch,
        &[
            ("package.json", r#"{"main": "x.js", "dependencies": {"addon": "1"}}"#),
            ("x.js", ""),
            ("node_modules/addon/package.json", r#"{"name": "addon", "dependencies": {"node-gyp": "1"}}"#),
            ("node_modules/addon/binding.gyp", "{}"),
            ("node_modules/node-gyp/package.json", r#"{"name": "node-gyp", "bin": {"node-gyp": "own.js"}}"#),
            ("node_modules/node-gyp/own.js", "#!/usr/bin/env node\nconsole.log('compiled')"),
        ],
    );
    let error = of(&with_its_own, &["addon"], other).unwrap_err();
    assert!(error.contains(&why), "{error}");
}

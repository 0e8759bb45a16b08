//! A file or a folder becomes the code of the user `app`: files of root's in an image of their own,
//! with a start that runs the app.

use crate::users::Scratch;
use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::image::archive;
use boot::image::erofs::Packing;
use boot::image::tree::{self, Tree};
use boot::inspect::{self, Contents, Homes, inspect, machine};
use boot::users::app::{App, code, homes, layer};
use boot::users::carried;
use boot::users::home::{Content, Entry};
use boot::users::policy::set_policy;
use boot::users::read::Image;
use shim::arches::ALL;
use shim::layout::APPS_IMAGE;
use shim::op::Code;
use shim::policy::Policy;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

fn host(scratch: &Scratch) -> Host {
    Host { cache: Cache::at(scratch.folder().join("cache")).unwrap(), progress: Progress::Silent }
}

/// An app folder with these files.
fn app(scratch: &Scratch, files: &[(&str, &str)]) -> PathBuf {
    let folder = scratch.folder().join("my app");
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Paths, modes and owners in an image.
fn members(image: &Path) -> Vec<(String, String, (u32, u32))> {
    let Contents::Apps(tree) = inspect(image).unwrap() else { panic!("no apps: {}", image.display()) };
    let mut files: Vec<_> =
        tree.members.into_iter().map(|member| (member.path, member.mode, (member.uid, member.gid))).collect();
    files.sort();
    files
}

fn refused(files: &[(&str, &str)]) -> String {
    let scratch = Scratch::new();
    let folder = app(&scratch, files);
    fs::create_dir_all(&folder).unwrap();
    let error =
        layer(&host(&scratch), &[folder.clone().into()], &ALL[0], "", Packing::Compressed).unwrap_err().to_string();
    assert!(!scratch.folder().join("cache/apps").exists(), "something was written: {error}");
    error.replace(scratch.folder().to_str().unwrap(), "")
}

#[test]
fn an_error_names_which_of_several_apps_it_is_about() {
    let scratch = Scratch::new();
    let folder = app(&scratch, &[("package.json", "{}")]);
    let apps = |name: &str| [App { name: name.to_owned(), ..App::from(folder.clone()) }];
    let why = |name| layer(&host(&scratch), &apps(name), &ALL[0], "", Packing::Compressed).unwrap_err().to_string();
    assert!(why("web").starts_with("build the app web: run /"), "{}", why("web"));
    assert!(why("app").starts_with("run /"), "{}", why("app"));
}

#[test]
fn a_folder_becomes_a_layer_without_git_history_and_npm_tokens() {
    let scratch = Scratch::new();
    let files = [
        ("package.json", r#"{"main": "lib/x.js", "dependencies": {"dep": "1"}}"#),
        ("lib/x.js", ""),
        ("node_modules/dep/index.js", ""),
        (".git/config", ""),
        (".npmrc", "token"),
        (".env", "A=b"),
    ];
    let folder = app(&scratch, &files);
    symlink("lib/x.js", folder.join("link")).unwrap();
    let path = layer(&host(&scratch), &[folder.clone().into()], &ALL[0], "", Packing::Compressed).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "an app's files may be secret");
    let expected = [
        ("/app", "drwxr-xr-x"),
        ("/app/.nodeos", "drwxr-xr-x"),
        ("/app/.nodeos/init.cjs", "-rwxr-xr-x"),
        ("/app/app", "drwxr-xr-x"),
        ("/app/app/.env", "-rw-r--r--"),
        ("/app/app/lib", "drwxr-xr-x"),
        ("/app/app/lib/x.js", "-rw-r--r--"),
        ("/app/app/link", "lrwxrwxrwx"),
        ("/app/app/node_modules", "drwxr-xr-x"),
        ("/app/app/node_modules/dep", "drwxr-xr-x"),
        ("/app/app/node_modules/dep/index.js", "-rw-r--r--"),
        ("/app/app/package.json", "-rw-r--r--"),
    ];
    let found = members(&path);
    let found: Vec<_> = found.iter().map(|(path, mode, _)| (path.as_str(), mode.as_str())).collect();
    assert_eq!(found, expected);
    assert!(members(&path).iter().all(|(.., owner)| *owner == (0, 0)));
    assert_eq!(
        layer(&host(&scratch), &[folder.clone().into()], &ALL[0], "", Packing::Compressed).unwrap(),
        path,
        "made once"
    );
    let writable = App { writable: true, ..App::from(folder) };
    let path = layer(&host(&scratch), &[writable], &ALL[0], "", Packing::Compressed).unwrap();
    let found = members(&path);
    let folders: Vec<_> =
        found.iter().filter(|(_, mode, _)| mode == "drwxrwxrwt").map(|(path, ..)| &path[..]).collect();
    assert_eq!(folders, ["/app/app", "/app/app/lib", "/app/app/node_modules", "/app/app/node_modules/dep"]);
}

#[test]
fn the_app_is_the_main_module_and_init_exits_with_its_status() {
    let scratch = Scratch::new();
    for (name, text, expected) in [
        ("a.js", "if (require.main === module) process.exitCode = 5", 5),
        ("b.mjs", "process.exit(process.argv.length + 4)", 6),
        ("c.cjs", "if (process.argv[1].endsWith('/c.cjs') && process.cwd().endsWith('/app')) process.exit(7)", 7),
        ("d.js", "throw new Error('no')", 1),
    ] {
        let file = scratch.folder().join(name);
        fs::write(&file, text).unwrap();
        let home = code(&host(&scratch), &file.clone().into(), &ALL[0], "").unwrap();
        let Some(Entry::File(Content::Bytes(init), true)) = home.get(".nodeos/init.cjs") else {
            panic!("no init: {home}")
        };
        // this folder is the root of the machine
        let root = scratch.folder().join(format!("root of {name}"));
        fs::create_dir_all(root.join("app")).unwrap();
        fs::copy(&file, root.join("app").join(name)).unwrap();
        let init = String::from_utf8(init.clone()).unwrap().replace("/app", root.join("app").to_str().unwrap());
        fs::write(root.join("init"), init).unwrap();
        let done = Command::new("node").arg(root.join("init")).current_dir(root.join("app")).output().unwrap();
        assert_eq!(done.status.code(), Some(expected), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// What the machine would run as this host's `env` and node run it, with this folder as its root.
#[test]
fn a_start_with_variables_and_flags_reaches_node() {
    let scratch = Scratch::new();
    let start =
        r#"NODE_ENV=production TEXT='a b' node --import ./pre.mjs --env-file=.env . --name "John Doe" --port $PORT"#;
    let server =
        "console.log(process.argv.slice(2).join('|'), process.env.NODE_ENV, process.env.TEXT, process.env.A, pre)";
    let files = [
        ("package.json", &*serde_json::json!({"main": "server", "scripts": {"start": start}}).to_string()),
        ("server.js", server),
        ("pre.mjs", "globalThis.pre = 'loaded first'"),
        (".env", "A=of the file"),
    ];
    let folder = app(&scratch, &files);
    let made = App { path: folder.clone(), words: vec!["last word".to_owned()], ..App::from(folder.clone()) };
    let home = code(&host(&scratch), &made, &ALL[0], "").unwrap();
    let Some(Entry::File(Content::Bytes(init), true)) = home.get(".nodeos/init.cjs") else { panic!("no init: {home}") };
    let at = scratch.folder().join("app");
    fs::rename(&folder, &at).unwrap();
    let init = String::from_utf8(init.clone()).unwrap().replace("/app", at.to_str().unwrap());
    let path = scratch.folder().join("init");
    fs::write(&path, &init).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let Some(Entry::File(Content::Bytes(variables), false)) = home.get(".nodeos/environment") else { panic!("{home}") };
    let variables = String::from_utf8(variables.clone()).unwrap();
    assert_eq!(variables, "NODE_ENV=production\nTEXT=a b\n");
    let variables = variables.lines().map(|line| line.split_once('=').unwrap());
    let done = Command::new(path).envs(variables).env("PORT", "80").output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let expected = "--name|John Doe|--port|80|last word production a b of the file loaded first\n";
    assert_eq!(said, expected, "{init}\n{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn an_app_that_cannot_start_is_refused_before_anything_is_written() {
    assert!(
        refused(&[("package.json", "{\"main\": }")])
            .starts_with("read /my app/package.json: it is not JSON: expected value")
    );
    assert!(refused(&[]).starts_with("run /my app: it has no entry"));
    assert!(refused(&[("package.json", r#"{"main": "gone.js"}"#)]).contains("there is no such file"));
    let scratch = Scratch::new();
    let error = |name: &str| {
        let path = scratch.folder().join(name);
        layer(&host(&scratch), &[path.clone().into()], &ALL[0], "", Packing::Compressed).unwrap_err().to_string()
    };
    assert!(error("gone.js").contains("ENOENT"));
    fs::write(scratch.folder().join("x.py"), "").unwrap();
    assert!(error("x.py").contains("nor a file that ends with .js, .mjs, .cjs, .ts"));
}

/// As eight commands would: a lock is an open file's, so threads wait for each other as processes do.
#[test]
fn eight_apps_at_once_each_get_their_image() {
    let scratch = Scratch::new();
    let host = host(&scratch);
    let made = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (host, made, app) = (&host, &made, scratch.folder().join(format!("{number}.js")));
            scope.spawn(move || {
                fs::write(&app, format!("// {number}")).unwrap();
                let image = layer(host, &[app.clone().into()], &ALL[0], "", Packing::Compressed).unwrap();
                made.wait();
                let file = format!("/app/app/{number}.js");
                assert!(members(&image).iter().any(|(path, ..)| *path == file), "the image of app {number}");
            });
        }
    });
}

#[test]
fn what_nodeosignore_names_stays_on_the_host() {
    let scratch = Scratch::new();
    let files = [
        ("index.js", ""),
        (".nodeosignore", "# comments\n/data\n*.pem\nlogs/\n!keep.pem\n"),
        ("data/large.bin", ""),
        ("lib/data/x.js", ""),
        ("tls/server.pem", ""),
        ("tls/keep.pem", ""),
        ("lib/logs/today", ""),
        ("lib/logs.js", ""),
    ];
    let folder = app(&scratch, &files);
    let code = code(&host(&scratch), &folder.into(), &ALL[0], "").unwrap();
    let paths: Vec<_> = code.paths().filter(|path| path.starts_with("app/")).collect();
    assert_eq!(paths, ["app/index.js", "app/lib/data/x.js", "app/lib/logs.js", "app/tls/keep.pem"]);
}

#[test]
fn npm_installs_nothing_in_the_folder_that_a_link_leads_to() {
    let scratch = Scratch::new();
    let files = [
        ("package.json", r#"{"main": "x.js", "dependencies": {"dep": "file:./dep"}}"#),
        ("x.js", ""),
        ("dep/package.json", r#"{"name": "dep", "version": "1.0.0"}"#),
    ];
    let folder = app(&scratch, &files);
    let before = fs::read_dir(&folder).unwrap().count();
    let links = [("absolute", folder.as_path()), ("relative", std::path::Path::new("my app"))];
    for (name, target) in links {
        let link = scratch.folder().join(name);
        symlink(target, &link).unwrap();
        let home = code(&host(&scratch), &link.clone().into(), &ALL[0], "").unwrap();
        let packages = fs::read_dir(scratch.folder().join("cache/packages")).unwrap().flatten();
        for kept in packages.filter(|entry| entry.path().is_dir()).flat_map(|entry| fs::read_dir(entry.path()).unwrap())
        {
            assert_eq!(kept.unwrap().file_name(), "node_modules", "the cache keeps a file of the app");
        }
        assert!(home.get("app/node_modules/dep").is_some() && home.get("app/x.js").is_some(), "{name}: {home}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), before, "npm wrote into the app's own folder");
}

#[test]
fn a_medium_tells_which_apps_and_homes_its_machine_has() {
    let scratch = Scratch::new();
    let folder = app(&scratch, &[("index.js", "")]);
    let policy = |text: &str| Policy::parse(text.as_bytes()).unwrap();
    let named = |name: &str| App { name: name.to_owned(), ..App::from(folder.clone()) };
    let web = App { policy: Some(policy(r#"{"memory": "64M"}"#)), ..named("web") };
    let apps = [web, App { writable: true, ..named("worker") }];
    let host = host(&scratch);
    let layer = layer(&host, &apps, &ALL[0], "", Packing::Compressed).unwrap();
    let users = scratch.folder().join("users.ext4");
    fs::copy(homes(&host, &apps, 8 << 20).unwrap(), &users).unwrap();
    set_policy(&users, "worker", Some(&policy(r#"{"pids": 40}"#))).unwrap();
    let medium = |files: &[(&str, &Path)]| {
        let medium = scratch.folder().join("medium");
        let _ = fs::remove_dir_all(&medium);
        fs::create_dir(&medium).unwrap();
        let members: Vec<_> = files
            .iter()
            .map(|(name, from)| {
                fs::copy(from, medium.join(name)).unwrap();
                serde_json::json!({"path": name, "bytes": 0, "sha256": ""})
            })
            .collect();
        let manifest = serde_json::json!({
            "target": "direct", "arch": "x86_64", "cmdline": "quiet", "bytes": 0, "versions": {}, "members": members,
        });
        fs::write(medium.join("manifest.json"), manifest.to_string()).unwrap();
        machine(&medium).unwrap()
    };
    let expected = [("web", Code::ReadOnly, apps[0].policy.clone().map(Ok)), ("worker", Code::Writable, None)];
    let expected = expected.map(|(name, code, policy)| inspect::App { name: name.to_owned(), code, policy });

    let found = medium(&[("apps.erofs", &layer), ("users.ext4", &users)]);
    assert_eq!((found.apps.as_slice(), found.cmdline.as_str()), (&expected[..], "quiet"));
    let Homes::Partition(place) = found.homes else { panic!("no partition") };
    let image = Image::at(&place).unwrap();
    assert_eq!(image.policy("worker").unwrap(), Some(Ok(policy(r#"{"pids": 40}"#))));

    // the same in an initramfs
    let (packed, whole) = (scratch.folder().join("packed"), scratch.folder().join("initramfs"));
    let mut tree = Tree::default();
    tree.put(APPS_IMAGE, tree::Entry::File { source: layer, mode: 0o400 }).unwrap();
    archive::write(&tree, false, None, &packed).unwrap();
    archive::join(&[&carried::archive(&host.cache, &users).unwrap(), packed.as_path()], &whole).unwrap();
    let found = medium(&[("initramfs", &whole)]);
    assert_eq!(found.apps, expected);
    let Homes::Carried(homes) = found.homes else { panic!("no homes") };
    let homes: Vec<_> = homes.into_iter().map(|(user, policy)| (user.name, user.uid, policy)).collect();
    let own = Some(Ok(policy(r#"{"pids": 40}"#)));
    assert_eq!(homes, [("web".to_owned(), 1000, None), ("worker".to_owned(), 1001, own)]);
}

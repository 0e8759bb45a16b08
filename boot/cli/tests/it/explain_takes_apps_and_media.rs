//! `nodeos explain` of apps, and of what is none.

use std::fs;

use crate::command::{Stage, stderr};

#[test]
fn each_app_of_nodeos_toml_has_a_section() {
    let stage = Stage::new();
    let folder = stage.sign("two");
    fs::create_dir(&folder).unwrap();
    ["web.js", "worker.js", "README.md"].iter().for_each(|name| fs::write(folder.join(name), "").unwrap());
    let explain = |words: &[&str]| {
        let done = stage.nodeos().arg("explain").args(words).current_dir(&folder).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned() + &stderr(&done))
    };
    let (status, said) = explain(&["README.md"]);
    assert!(status == Some(71) && said.contains("it is neither a folder nor a file that ends with"), "{said}");
    let (status, said) = explain(&["gone.js"]);
    assert!(status == Some(71) && said.contains("next: name an app, its folder, or what nodeos build wrote"), "{said}");
    let (_, said) = explain(&["web.js"]);
    assert!(said.contains("\n== app, uid 1000, gid 1000: at boot"), "{said}");
    let two = "memory = '512M'\n[[app]]\nname = 'web'\npath = 'web.js'\nmemory = '96M'\n[[app]]\nname = 'worker'\npath = 'worker.js'\n";
    fs::write(folder.join("nodeos.toml"), two).unwrap();
    let (status, said) = explain(&[]);
    assert_eq!(status, Some(0), "{said}");
    for line in [
        "== web, uid 1000, gid 1000: at boot, for its init; policy {\"memory\": \"96M\", \"network\": \"shared\"}, the app's\n",
        "echo 100663296 > /sys/fs/cgroup/users/1000/memory.max\n",
        "== worker, uid 1001, gid 1001: at boot, for its init; policy {\"network\": \"shared\"}, the default\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

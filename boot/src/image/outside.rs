//! Finds what a `nodeos.toml` uses from outside of its folder, because the file may come with an app of somebody else.
//!
//! The user who builds decides about it. Nothing here reads the content of a file.

use crate::host::error::{Result, Tried};
use crate::image::manifest::{KernelOption, Manifest};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One thing from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// The manifest's key.
    pub key: &'static str,
    /// The path of the file or folder with all links followed, or a kernel option, which may name one.
    pub what: String,
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// Everything that the manifest of that folder uses from outside of it. A link that leads outside counts as outside.
pub fn of(manifest: &Manifest, folder: &Path) -> Result<Vec<Outside>> {
    let inside = fs::canonicalize(folder).tried("find the folder", folder)?;
    let mut found = Vec::new();
    let includes = manifest.include.iter().map(|include| ("include", include.from.clone()));
    let is_path = |node: &&str| node.contains('/') || Path::new(node).is_file();
    let node = manifest.node.as_deref().filter(is_path).map(|node| ("node", PathBuf::from(node)));
    let users = manifest.users.clone().map(|users| ("users", users));
    let apps = manifest.app.iter().map(|app| ("app", app.path.clone()));
    for (key, path) in includes.chain(node).chain(users).chain(apps) {
        // a missing file is reported by the code that reads it
        let real = fs::canonicalize(&path).ok().filter(|real| !real.starts_with(&inside));
        found.extend(real.map(|real| Outside { key, what: real.display().to_string() }));
    }
    // CONFIG_INITRAMFS_SOURCE and other options put files of the host into the kernel
    let options = manifest.kernel.options.iter().filter(|KernelOption(option)| option.contains('/'));
    found.extend(options.map(|KernelOption(option)| Outside { key: "kernel.options", what: option.clone() }));
    // a script can read all that the user can, and put it into its package
    let of_apps = manifest.app.iter().flat_map(|app| &app.allow_scripts);
    let scripts = manifest
        .allow_scripts
        .iter()
        .chain(of_apps)
        .map(|name| format!("{name} runs its install script on this machine"));
    found.extend(scripts.map(|what| Outside { key: "allow-scripts", what }));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::image::manifest::{FILE, Manifest};
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn host_files_and_symlinks_to_them_count_as_outside() {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("app");
        fs::create_dir_all(app.join("share")).unwrap();
        for file in ["app/share/data", "app/node", "app/users.ext4", "secret", "app-of-another"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        symlink("../secret", app.join("link")).unwrap();
        symlink("..", app.join("up")).unwrap();
        symlink("share/data", app.join("own")).unwrap();
        symlink(&app, folder.path().join("link-to-the-app")).unwrap();
        let outside = |text: &str| {
            fs::write(app.join(FILE), text).unwrap();
            // the result must not depend on how the folder is named
            let of = |folder| of(&Manifest::load(folder).unwrap(), folder).unwrap();
            let [one, two] = [app.as_path(), &folder.path().join("link-to-the-app")].map(of);
            assert_eq!(one, two);
            one.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let own =
            "include = ['share', 'own', { from = 'share/../node', to = '/n' }]\nnode = './node'\nusers = 'users.ext4'";
        assert_eq!(outside(own), [""; 0]);
        assert_eq!(outside("node = '24'\n[kernel]\noptions = ['CONFIG_USB=y']"), [""; 0]);
        let secret = fs::canonicalize(folder.path().join("secret")).unwrap();
        let secret = secret.display();
        assert_eq!(outside("include = ['/etc/passwd']"), ["include: /etc/passwd"]);
        assert_eq!(outside("[[app]]\nname = 'a'\npath = '../secret'"), [format!("app: {secret}")]);
        for from in ["link", "up/secret", "share/../../secret"] {
            let text = format!("include = [{{ from = '{from}', to = '/s' }}]");
            assert_eq!(outside(&text), [format!("include: {secret}")], "{from}");
        }
        assert_eq!(outside("node = 'link'\nusers = '../secret'"), [format!("users: {secret}")]);
        assert_eq!(outside("node = './link'"), [format!("node: {secret}")]);
        // another folder whose name begins with the same text
        assert_eq!(outside("include = [{ from = '../app-of-another', to = '/s' }]").len(), 1);
        assert_eq!(outside("allow-scripts = ['x']"), ["allow-scripts: x runs its install script on this machine"]);
        let option = "CONFIG_INITRAMFS_SOURCE=\"/etc/shadow\"";
        assert_eq!(outside(&format!("[kernel]\noptions = ['{option}']")), [format!("kernel.options: {option}")]);
    }
}

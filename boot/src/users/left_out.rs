//! What of an app's folder stays on the host.

use super::home::Home;
use super::packages;
use crate::host::error::{Error, Result};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::Path;

/// What of an app's folder stays on the host: its history, and npm's settings, which may hold a token.
pub const LEFT_OUT: [&str; 4] = [".git", ".npmrc", packages::OF_NPM, IGNORE];
/// What else stays on the host, in the form of a .gitignore.
const IGNORE: &str = ".nodeosignore";

/// Whether a file or a folder of that name stays on the host.
pub fn always(path: &Path) -> bool {
    LEFT_OUT.iter().any(|name| path.ends_with(name))
}

/// What the app's `.nodeosignore` leaves out.
pub fn ignored(app: &Path) -> Result<Gitignore> {
    let (path, mut builder) = (app.join(IGNORE), GitignoreBuilder::new(app));
    if !path.exists() {
        return Ok(Gitignore::empty());
    }
    let wrong = |error: ignore::Error| Error::new(format!("read {}", path.display()), error);
    builder.add(&path).map_or(Ok(()), |error| Err(wrong(error)))?;
    builder.build().map_err(wrong)
}

/// Lists the app's own files that often contain secrets. Packages are ignored, because some have such files for tests.
pub fn secrets(home: &Home) -> Option<String> {
    let secret = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is = |names: &[&str]| names.contains(&name);
        let key = name.ends_with(".pem") || name.ends_with(".key") || is(&["id_rsa", "id_ecdsa", "id_ed25519"]);
        let own = !path.split('/').any(|part| part == "node_modules");
        own && (key || name == ".env" || name.starts_with(".env.") || is(&[".netrc", ".git-credentials", ".npmrc"]))
    };
    let found: Vec<String> = home.paths().filter(secret).collect();
    let first = found.first()?;
    let more = if found.len() > 1 { format!(" and {} more", found.len() - 1) } else { String::new() };
    Some(format!("/{first}{more} may hold secrets, and whoever has the image can read it"))
}

#[cfg(test)]
mod tests {
    use super::{Home, secrets};

    #[test]
    fn files_that_often_hold_secrets_are_named() {
        let of = |paths: &[&str]| {
            let mut home = Home::new("app", 1000);
            paths.iter().for_each(|path| home.file(path, ""));
            secrets(&home)
        };
        assert_eq!(of(&["app/index.js", "app/environment", "app/node_modules/x/test.pem"]), None);
        let text = of(&["app/.env.local", "app/index.js", "app/tls/server.key"]).unwrap();
        assert_eq!(text, "/app/.env.local and 1 more may hold secrets, and whoever has the image can read it");
        assert!(of(&["app/a.pem"]).unwrap().starts_with("/app/a.pem may hold secrets"));
    }
}

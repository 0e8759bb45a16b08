//! How a user logs on: argon2id hashes and the text of `etc/logon.json`. The shim defines the format.

use crate::host::digest::Key;
use crate::host::error::{Error, Result};
use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use shim::logon_file::{Arg, LANES, LogonFile, MAX_ARG, MAX_ARGS, MAX_LINE, MEMORY_KIB, PASSES, Password};

/// The longest password that can be typed: a line of the logon without its end.
const LONGEST: usize = MAX_LINE - 1;

/// How a user logs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logon {
    /// With this password, which is stored as an argon2id hash with a random salt.
    Password(String),
    /// Without a password.
    Guest,
    /// Not at all.
    Nobody,
}

/// The program of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shell {
    /// Its path inside the user's root.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
}

impl Logon {
    /// The password in the form of logon.json.
    pub fn stored(&self) -> Result<Option<Password>> {
        match self {
            Self::Password(password) => hash(password, None).map(Some),
            Self::Guest => Ok(Some(Password::new())),
            Self::Nobody => Ok(None),
        }
    }
}

/// The hash of a well-known password, only for the demo. Its salt is derived from the user's name, so that every build
/// gives the same image.
pub fn well_known(user: &str, password: &str) -> Result<Password> {
    let salt = Key::default().with("nodeos demo", user).bytes();
    hash(password, salt.get(..16))
}

fn hash(password: &str, salt: Option<&[u8]>) -> Result<Password> {
    let failed = |why: String| Error::new("hash the password", why);
    if password.is_empty() {
        return Err(failed("it is empty".to_owned()).next("--guest makes a user without a password"));
    }
    if password.contains(['\n', '\r', '\0']) {
        return Err(failed("it has a line break, which nobody can type at the logon".to_owned()));
    }
    if password.len() > LONGEST {
        return Err(failed(format!("it has {} bytes; the logon reads {LONGEST}", password.len())));
    }
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| failed(error.to_string()))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let made: PasswordHash = match salt {
        Some(salt) => argon2.hash_password_with_salt(password.as_bytes(), salt),
        None => argon2.hash_password(password.as_bytes()),
    }
    .map_err(|error| failed(error.to_string()))?;
    Password::try_from(made.to_string().as_str()).map_err(|_| failed("the hash is longer than the shim reads".into()))
}

/// Sets the shell in the file.
pub fn set_shell(file: &mut LogonFile, shell: &Shell) -> Result<()> {
    let failed = |why: String| Error::new(format!("use {} as the shell", shell.path), why);
    if !shell.path.starts_with('/') {
        return Err(failed("it is not an absolute path".to_owned()).next("--shell /bin/node"));
    }
    let arg = |text: &String| {
        Arg::try_from(text.as_str()).map_err(|_| failed(format!("{} bytes, at most {MAX_ARG}", text.len())))
    };
    file.shell = Some(arg(&shell.path)?);
    file.shell_args.clear();
    for text in &shell.args {
        let many = |_| failed(format!("{} arguments, at most {MAX_ARGS}", shell.args.len()));
        file.shell_args.push(arg(text)?).map_err(many)?;
    }
    Ok(())
}

/// The text of the file.
pub fn text(file: &LogonFile) -> Result<String> {
    let text = serde_json::to_string_pretty(file).map_err(|error| Error::new("write logon.json", error))? + "\n";
    // the shim itself parses it here: a text that it would read differently is not written
    match LogonFile::parse(text.as_bytes()).is_some_and(|read| read == *file) {
        true => Ok(text),
        false => Err(Error::new("write logon.json", "the machine would read it differently")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Logon, Shell, set_shell, text, well_known};
    use argon2::password_hash::PasswordVerifier;
    use argon2::password_hash::phc::PasswordHash;
    use shim::logon_file::LogonFile;

    fn verifies(password: &str, hash: &str) -> bool {
        argon2::Argon2::default().verify_password(password.as_bytes(), &PasswordHash::new(hash).unwrap()).is_ok()
    }

    #[test]
    fn a_password_is_stored_as_argon2id_with_the_shims_cost_and_its_own_salt() {
        let stored = |password: &str| Logon::Password(password.to_owned()).stored().unwrap().unwrap();
        let (one, two) = (stored("geheim"), stored("geheim"));
        assert!(one.starts_with("$argon2id$v=19$m=8192,t=3,p=1$"), "{one}");
        assert_ne!(one, two);
        assert!(verifies("geheim", &one) && verifies("geheim", &two) && !verifies("Geheim", &one));
    }

    #[test]
    fn a_well_known_password_has_the_same_hash_every_time() {
        let hash = well_known("nodeos", "nodeos").unwrap();
        assert_eq!(hash, well_known("nodeos", "nodeos").unwrap());
        assert_ne!(hash, well_known("root", "nodeos").unwrap());
        assert!(verifies("nodeos", &hash));
    }

    #[test]
    fn a_password_that_cannot_be_typed_is_refused() {
        for password in ["", "a\nb", "a\n", "a\rb", "a\0", &"x".repeat(256), &"ñ".repeat(128)] {
            assert!(Logon::Password(password.to_owned()).stored().is_err(), "{password:?}");
        }
        let error = Logon::Password("x".repeat(256)).stored().unwrap_err().to_string();
        assert_eq!(error, "hash the password: it has 256 bytes; the logon reads 255");
        assert!(Logon::Password("x".repeat(255)).stored().is_ok());
        assert_eq!(Logon::Guest.stored().unwrap().unwrap(), "");
        assert_eq!(Logon::Nobody.stored().unwrap(), None);
    }

    #[test]
    fn the_shim_parses_a_written_logon_file() {
        let shell = Shell { path: "/bin/nsh".into(), args: vec!["-i".into(), "a 'ñ".into()] };
        let mut file = LogonFile { password: Logon::Guest.stored().unwrap(), ..LogonFile::default() };
        set_shell(&mut file, &shell).unwrap();
        assert_eq!(LogonFile::parse(text(&file).unwrap().as_bytes()), Some(file.clone()));
        set_shell(&mut file, &Shell { path: "/bin/n\"s\\h".into(), args: vec!["\t".into()] }).unwrap();
        assert_eq!(LogonFile::parse(text(&file).unwrap().as_bytes()), Some(file));
    }

    #[test]
    fn a_shell_beyond_the_shims_limits_is_refused() {
        let mut file = LogonFile::default();
        let mut refused = |path: &str, args: Vec<String>| {
            set_shell(&mut file, &Shell { path: path.to_owned(), args }).unwrap_err().to_string()
        };
        assert!(refused("node", vec![]).contains("not an absolute path"));
        assert!(refused("/bin/x", vec!["x".repeat(129)]).contains("129 bytes, at most 128"));
        assert!(refused("/bin/x", vec![String::new(); 9]).contains("9 arguments, at most 8"));
    }
}

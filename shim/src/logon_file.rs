//! `etc/logon.json` of a home: how its owner may log on.
//!
//! ```json
//! {"password": "$argon2id$v=19$m=8192,t=3,p=1$…", "shell": "/bin/node", "shellArgs": []}
//! ```
//!
//! `"password": ""` means a guest, who logs on without a password. If there is no string, the user cannot log on. The
//! owner writes this file, so nothing in it is trusted, neither its length nor its cost parameters.

use heapless::{String, Vec};

use crate::json::{Json, MAX_DEPTH};

/// The shell of a user whose file names none.
pub const DEFAULT_SHELL: &str = "/bin/node";
/// The cost of a hash that the host tools make, and of the check for an unknown user: 8 MiB, so that a machine with 64
/// MiB can check it, and three passes (RFC 9106, 4).
pub const MEMORY_KIB: u32 = 8 * 1024;
/// Passes, with `MEMORY_KIB`.
pub const PASSES: u32 = 3;
/// Lanes, with `MEMORY_KIB`.
pub const LANES: u32 = 1;
/// A hash that needs more memory than this is refused, because users write the file.
pub const MAX_MEMORY_KIB: u32 = 64 * 1024;
/// A hash that needs more passes than this is refused.
pub const MAX_PASSES: u32 = 16;

/// The longest line that a logon reads, its end included: a name or a password.
pub const MAX_LINE: usize = 256;

/// The maximum number of `shellArgs`.
pub const MAX_ARGS: usize = 8;
/// The maximum number of bytes of each one.
pub const MAX_ARG: usize = 128;

/// A password hash in PHC form, or empty.
pub type Password = String<160>;
/// A path or an argument.
pub type Arg = String<MAX_ARG>;

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    not(target_env = "musl"),
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", default)
)]
pub struct LogonFile {
    /// `None`: the user cannot log on; empty: a guest; otherwise a PHC string.
    pub password: Option<Password>,
    /// The program of a session.
    pub shell: Option<Arg>,
    /// Its arguments.
    pub shell_args: Vec<Arg, MAX_ARGS>,
}

impl LogonFile {
    /// Parses the file's bytes. `None` if they are invalid: then the user cannot log on.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut json = Json::of(bytes)?;
        let mut file = Self::default();
        json.list('{', '}', &mut |json| {
            let mut key = String::<16>::new();
            // a key that is too long is unknown
            json.string(&mut key)?;
            json.take(':')?;
            match key.as_str() {
                "password" => json.string_or_null(file.password.insert(Password::new())).map(|there| {
                    file.password.take_if(|_| !there);
                }),
                "shell" => json.string_or_null(file.shell.insert(Arg::new())).map(|there| {
                    file.shell.take_if(|_| !there);
                }),
                "shellArgs" => {
                    file.shell_args.clear();
                    json.list('[', ']', &mut |json| {
                        let mut argument = Arg::new();
                        json.string(&mut argument)?.then_some(())?;
                        file.shell_args.push(argument).ok()
                    })
                }
                _ => json.skip(MAX_DEPTH),
            }
        })?;
        json.peek().is_none().then_some(file)
    }

    /// The program of a session.
    #[must_use]
    pub fn shell(&self) -> &str {
        self.shell.as_deref().filter(|shell| shell.starts_with('/')).unwrap_or(DEFAULT_SHELL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<LogonFile> {
        LogonFile::parse(text.as_bytes())
    }

    #[test]
    fn the_original_format_is_parsed() {
        let file = parse(r#"{"password": "$argon2id$x", "shell": "/bin/nsh", "shellArgs": ["-i", "a b"]}"#).unwrap();
        assert_eq!(file.password.as_deref(), Some("$argon2id$x"));
        assert_eq!(file.shell(), "/bin/nsh");
        assert_eq!(file.shell_args.iter().map(|a| a.as_str()).collect::<std::vec::Vec<_>>(), ["-i", "a b"]);
    }

    #[test]
    fn a_guest_has_an_empty_password_and_node() {
        let file = parse("{\"password\": \"\"}\n").unwrap();
        assert_eq!((file.password.as_deref(), file.shell()), (Some(""), "/bin/node"));
    }

    #[test]
    fn a_file_without_a_password_allows_no_logon() {
        assert_eq!(parse("{}").unwrap().password, None);
        assert_eq!(parse(r#"{"password": null}"#).unwrap().password, None);
    }

    #[test]
    fn unknown_keys_are_ignored() {
        assert!(parse(r#"{"theme": {"a": [1, 2]}, "password": ""}"#).unwrap().password.is_some());
    }

    #[test]
    fn escapes_are_decoded() {
        let file = parse(r#" { "password" : "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00ñ" , "sh\u0065ll" : "/x" } "#).unwrap();
        assert_eq!(file.password.as_deref(), Some("\"\\/\u{8}\u{c}\n\r\té😀ñ"));
        assert_eq!(file.shell(), "/x");
        for text in [r"\x", r"\u12", r"\u12g4", r"\ud83d", r"\ud83dx", r"\ud83d\u0041", r"\ude00", "\n", "\u{1f}", r"\"]
        {
            assert_eq!(parse(&format!(r#"{{"password": "{text}"}}"#)), None, "{text}");
        }
    }

    #[test]
    fn the_last_duplicate_key_wins() {
        let text = r#"{"password": "a", "shellArgs": ["1"], "shell": "/x", "shellArgs": ["2"], "password": null, "shell": "/y"}"#;
        let file = parse(text).unwrap();
        assert_eq!((file.password.as_deref(), file.shell(), file.shell_args.len()), (None, "/y", 1));
    }

    #[test]
    fn unknown_values_may_be_any_json_up_to_a_depth() {
        let nested = |depth| format!(r#"{{"a": {}{}, "password": ""}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(16)).is_some());
        assert_eq!(parse(&nested(17)), None);
        let long = format!(r#"{{"{}": "{}", "password": ""}}"#, "k".repeat(99), "v".repeat(999));
        for text in [r#"{"a": -1.5e+3, "b": [true, false, null, {}, [], {"c": {"d": ""}}], "password": ""}"#, &long] {
            assert!(parse(text).unwrap().password.is_some(), "{text}");
        }
        for text in [
            r#"{"a": nul}"#,
            r#"{"a": }"#,
            r#"{"a": [1 2]}"#,
            r#"{"a": [1,]}"#,
            r#"{"a": {"b"}}"#,
            r#"{"a": 1,}"#,
            r#"{"a" 1}"#,
            r#"{a: 1}"#,
            r#"{"a": [}"#,
            r#"{"a": -}"#,
            r#"{"password": nulls}"#,
            r#"{"shellArgs": null}"#,
            r#"{"shellArgs": [1]}"#,
            r#"{"shell": "/x"#,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn malformed_files_are_refused() {
        let long = format!(r#"{{"password": "{}"}}"#, "x".repeat(161));
        let many = format!(r#"{{"shellArgs": [{}]}}"#, [r#""a""#; 9].join(","));
        for text in ["", "{", "[]", "null", r#"{"password": 3}"#, r#"{"password": ""} x"#, &long, &many] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(LogonFile::parse(b"{\"password\": \"\xff\"}"), None);
    }

    #[test]
    fn a_relative_shell_is_ignored() {
        assert_eq!(parse(r#"{"password": "", "shell": "node"}"#).unwrap().shell(), "/bin/node");
    }
}

//! Tables of the keys that a JSON file of root's may have: a row for each key. Messages, help of options and tables in
//! the docs are generated or checked from the rows.

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// What it limits or grants.
    pub text: &'static str,
    /// The values that it may have.
    pub value: &'static str,
    /// The message about an invalid value.
    pub wrong: &'static str,
    /// The default.
    pub without: &'static str,
}

/// Makes a constant of each row, the table of all rows, and the message about unknown keys. It is a macro because the
/// guest formats no messages: they are joined from literals at compile time.
macro_rules! keys {
    ($($key:ident $row:tt)*) => {
        $($crate::keys::keys!(@row $key $row);)*

        /// All keys, in the order in which a policy is written.
        pub const ALL: &[$crate::keys::Key] = &[$($key),*];

        /// Their names, as `parse` matches them.
        #[allow(missing_docs)]
        pub mod name {
            $(pub const $key: &str = super::$key.name;)*
        }

        $crate::keys::keys!(@unknown $($row)*);
    };
    (@row $key:ident { name: $name:literal, text: $text:expr, value: $value:expr, wrong: $wrong:expr,
      without: $without:expr }) => {
        #[doc = concat!("`", $name, "`.")]
        pub const $key: $crate::keys::Key = $crate::keys::Key {
            name: $name,
            text: $text,
            value: $value,
            wrong: $wrong,
            without: $without,
        };
    };
    (@unknown { name: $first:literal, $($_1:tt)* } $({ name: $name:literal, $($_2:tt)* })*) => {
        /// The message about a key that has no row.
        pub const UNKNOWN: &str = concat!("it has a key that is none of ", $first $(, ", ", $name)*);
    };
}
pub(crate) use keys;

/// The value, or `None` after it has noted what is wrong.
pub(crate) fn said<T>(value: Option<T>, why: &mut &'static str, text: &'static str) -> Option<T> {
    if value.is_none() {
        *why = text;
    }
    value
}

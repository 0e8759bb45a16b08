//! Environment variables: `NAME=VALUE` strings that end with NUL, and files of such lines. Pure.

use core::ffi::CStr;

use heapless::Vec;

/// The words that a program is given: arguments, or variables.
pub type Words<'a> = Vec<&'a CStr, 255>;

/// Files have at most so many: two of them and what every program is given fit into `Words`.
pub const MOST_VARIABLES: usize = 120;

/// Sets a variable, and replaces one of the same name. `None` if there are too many.
#[must_use]
pub fn set<'a>(variables: &mut Words<'a>, variable: &'a CStr) -> Option<()> {
    variables.retain(|other| name(other) != name(variable));
    variables.push(variable).ok()
}

fn name(variable: &CStr) -> Option<&[u8]> {
    variable.to_bytes().split(|byte| *byte == b'=').next()
}

/// Sets the variables of a file: a line each, and a NUL behind the last one. Lines without a name and comments are
/// ignored. `None` if there are too many.
#[must_use]
pub fn set_all<'a>(variables: &mut Words<'a>, text: &'a mut [u8]) -> Option<()> {
    text.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = 0);
    let mut left = MOST_VARIABLES;
    for line in text.split_inclusive(|byte| *byte == 0) {
        let Ok(line) = CStr::from_bytes_with_nul(line) else { continue };
        let bytes = line.to_bytes();
        if bytes.contains(&b'=') && !matches!(bytes.first(), Some(b'=' | b'#')) {
            left = left.checked_sub(1)?;
            set(variables, line)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{MOST_VARIABLES, Words, set, set_all};

    fn shown(variables: &Words<'_>) -> std::vec::Vec<String> {
        variables.iter().map(|variable| variable.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_later_variable_replaces_an_earlier_one_of_the_same_name() {
        let (mut first, mut second) = (*b"A=1\nB=2 two\n", *b"# B=4\n\nno name\n=5\nA=3=3\nAB=\nC=last\0");
        let mut variables = Words::new();
        set(&mut variables, c"B=0").unwrap();
        set_all(&mut variables, &mut first).unwrap();
        set_all(&mut variables, &mut second).unwrap();
        assert_eq!(shown(&variables), ["B=2 two", "A=3=3", "AB=", "C=last"]);
    }

    #[test]
    fn too_many_variables_are_refused() {
        let lines =
            |count| (0..count).flat_map(|number| format!("A{number}=\n").into_bytes()).collect::<std::vec::Vec<_>>();
        let (mut first, mut second, mut long) =
            (lines(MOST_VARIABLES), lines(MOST_VARIABLES), lines(MOST_VARIABLES + 1));
        let mut variables = Words::new();
        assert_eq!(set_all(&mut variables, &mut first), Some(()));
        assert_eq!(set_all(&mut variables, &mut second), Some(()));
        assert_eq!(set_all(&mut variables, &mut long), None);
        assert_eq!(set_all(&mut Words::new(), &mut []), Some(()));
    }
}

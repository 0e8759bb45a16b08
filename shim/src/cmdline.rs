//! The words that the kernel passes to PID 1.
//!
//! The kernel keeps the words that it knows, drops those with a dot, and passes the others on: `key=value` in the
//! environment, the rest as arguments (init/main.c, `unknown_bootoption`). So no /proc is needed to read them. More
//! than 32 of a kind panic the kernel.

use core::ffi::CStr;

use crate::{cut, device::Device, displayed, guards::Guards, say, say::Say};

/// Where the carbon copy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carbon<'a> {
    /// Files in the initramfs.
    Plain,
    /// An EROFS file in the initramfs.
    Image,
    /// An EROFS filesystem on the boot medium.
    Medium(Device<'a>),
    /// An EROFS file on an ISO 9660 filesystem: a CD, or a stick that holds one.
    Iso(Device<'a>),
}

impl Say for Carbon<'_> {
    fn say(&self, text: &mut say::Text) {
        match self {
            Self::Plain => say!(text, "plain"),
            Self::Image => say!(text, "image"),
            Self::Medium(device) => device.say(text),
            Self::Iso(device) => say!(text, "iso:", device),
        }
    }
}

/// Where the image with the apps' code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apps<'a> {
    /// An EROFS file in the initramfs.
    Image,
    /// An EROFS file beside the carbon copy, on the medium's own filesystem.
    Medium,
    /// An EROFS filesystem on a device of its own.
    Device(Device<'a>),
}

/// How large a terminal is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line, at least one.
    pub columns: u16,
    /// Lines, at least one.
    pub rows: u16,
}

impl Size {
    /// Reads `120x40`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text| cut::small(text, 10)?.try_into().ok().filter(|number: &u16| *number > 0);
        let (columns, rows) = cut::once(text, b'x')?;
        Some(Self { columns: number(columns)?, rows: number(rows)? })
    }
}

/// Which standard streams are pipes: a bit for each descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pipes(pub u8);

impl Pipes {
    /// Parses their descriptors, as in `02` for stdin and stderr.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bit = |bits: u8, digit: u8| (b'0'..=b'2').contains(&digit).then(|| bits | 1 << (digit & 3));
        text.bytes().try_fold(0, bit).filter(|bits| *bits != 0).map(Self)
    }

    /// Whether the stream with that descriptor is a pipe.
    #[must_use]
    pub fn has(self, descriptor: u8) -> bool {
        self.0 & (1 << (descriptor & 3)) != 0
    }
}

/// All options of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    /// `carbon=`; without it the carbon copy is the device labelled `layout::CARBON_LABEL`.
    pub carbon: Carbon<'a>,
    /// `apps=`; without it, the machine has no apps beside what is in the homes.
    pub apps: Option<Apps<'a>>,
    /// `users=`; without it, or with `none`, the session is in RAM.
    pub users: Option<Device<'a>>,
    /// `usersflags=`: options of the users partition's filesystem, separated by commas.
    pub users_flags: &'a str,
    /// `grow`: the users partition is the last of its disk and grows into all free space behind it.
    pub grow: bool,
    /// `single`: nobody's `/init` runs and only root may log on.
    pub single: bool,
    /// `unattended`: apps start again when they end, and wait for the network and the time, unless their policies say
    /// something else.
    pub unattended: bool,
    /// `LANG=` of every user.
    pub lang: &'a str,
    /// `TZ=` of every user; empty for none.
    pub tz: &'a str,
    /// `TERM=` of every user: the kernel's own default is `linux`.
    pub term: &'a str,
    /// `keymap=`: a keyboard layout of `keymap`; empty for the kernel's default, which is the US layout.
    pub keymap: &'a str,
    /// `pipes=`: which of an app's standard streams are pipes to whoever runs the machine, not its terminal.
    pub pipes: Pipes,
    /// `winsize=`: the size of consoles that do not know their own, such as serial lines.
    pub size: Size,
    /// The guards that hold; tests can leave some out.
    pub guards: Guards<'a>,
    /// A word of ours that could not be parsed, for one line in the log.
    pub refused: Option<&'a str>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            carbon: Carbon::Medium(Device::Label(crate::layout::CARBON_LABEL)),
            apps: None,
            users: None,
            users_flags: "",
            grow: false,
            single: false,
            unattended: false,
            lang: "C.UTF-8",
            tz: "",
            term: "linux",
            keymap: "",
            pipes: Pipes::default(),
            size: Size { columns: 80, rows: 24 },
            guards: Guards::default(),
            refused: None,
        }
    }
}

impl<'a> Options<'a> {
    /// Takes one word, from the arguments or the environment. Unknown words are ignored.
    #[inline(never)]
    pub fn take(&mut self, word: &'a str) {
        let (key, value) = cut::once(word, b'=').unwrap_or((word, ""));
        match (key, value) {
            ("single", "") => self.single = true,
            ("unattended", "") => self.unattended = true,
            ("grow", "") => self.grow = true,
            ("carbon", "plain") => self.carbon = Carbon::Plain,
            ("carbon", "image") => self.carbon = Carbon::Image,
            ("carbon", place) => {
                let (iso, device) = place.strip_prefix("iso:").map_or((false, place), |device| (true, device));
                match Device::parse(device) {
                    Some(device) if iso => self.carbon = Carbon::Iso(device),
                    Some(device) => self.carbon = Carbon::Medium(device),
                    None => self.refused = Some(word),
                }
            }
            ("apps", "image") => self.apps = Some(Apps::Image),
            ("apps", "medium") => self.apps = Some(Apps::Medium),
            ("apps", device) => match Device::parse(device) {
                Some(device) => self.apps = Some(Apps::Device(device)),
                None => self.refused = Some(word),
            },
            ("users", "none") => self.users = None,
            ("users", device) => match Device::parse(device) {
                Some(device) => self.users = Some(device),
                None => self.refused = Some(word),
            },
            ("usersflags", flags) => self.users_flags = flags,
            ("winsize", size) => match Size::parse(size) {
                Some(size) => self.size = size,
                None => self.refused = Some(word),
            },
            ("pipes", digits) => match Pipes::parse(digits) {
                Some(pipes) => self.pipes = pipes,
                None => self.refused = Some(word),
            },
            // the kernel's own client is not there any more
            ("ip" | "carrier_timeout", _) => self.refused = Some(word),
            ("keymap", name) => self.keymap = name,
            ("LANG", lang) => self.lang = lang,
            ("TZ", tz) => self.tz = tz,
            ("TERM", term) => self.term = term,
            (key, value) => self.guards.take(key, value),
        }
    }

    /// A hint for people: what a refused word should look like.
    #[must_use]
    pub fn hint(refused: &str) -> &'static str {
        if refused.starts_with("winsize") {
            "a size is COLUMNSxROWS, each from 1 to 65535"
        } else if refused.starts_with("ip=") || refused.starts_with("carrier") {
            "the machine asks by DHCP by itself; net= sets a fixed address"
        } else if refused.starts_with("pipes") {
            "pipes are descriptors: 0 for stdin, 1 for stdout, 2 for stderr"
        } else {
            "a device is /dev/…, LABEL=, UUID= or PARTUUID="
        }
    }

    /// Takes words in the form in which a program receives them.
    pub fn of(words: impl Iterator<Item = &'a CStr>) -> Self {
        let mut options = Self::default();
        words.filter_map(|word| word.to_str().ok()).for_each(|word| options.take(word));
        options
    }

    /// Takes a whole command line, for the host tools.
    #[must_use]
    pub fn parse(line: &'a str) -> Self {
        let mut options = Self::default();
        line.split_ascii_whitespace().for_each(|word| options.take(word));
        options
    }
}

displayed!(Carbon<'_>);

#[cfg(test)]
mod tests {
    use super::{Carbon, Options, Size};
    use crate::device::Device;

    #[test]
    fn our_parameters_are_parsed_and_others_ignored() {
        let line = "console=ttyS0 carbon=/dev/vda users=LABEL=me usersflags=noatime grow single net=off LANG=es_ES.UTF-8 TZ=UTC vga=0x318";
        let options = Options::parse(line);
        assert_eq!(
            options,
            Options {
                carbon: Carbon::Medium(Device::Path("/dev/vda")),
                users: Some(Device::Label("me")),
                users_flags: "noatime",
                grow: true,
                single: true,
                lang: "es_ES.UTF-8",
                tz: "UTC",
                ..Options::default()
            }
        );
    }

    #[test]
    fn an_invalid_parameter_is_remembered() {
        let options = Options::parse("users=sda1 carbon=plain");
        assert_eq!((options.users, options.refused), (None, Some("users=sda1")));
    }

    #[test]
    fn words_of_the_kernels_own_client_are_refused_with_what_took_their_place() {
        for word in ["ip=dhcp", "ip=10.0.0.2::10.0.0.1:255.255.255.0", "carrier_timeout=10"] {
            assert_eq!(Options::parse(word).refused, Some(word));
            assert!(Options::hint(word).contains("net="));
        }
    }

    #[test]
    fn winsize_accepts_only_valid_terminal_sizes() {
        assert_eq!(Options::parse("").size, Size { columns: 80, rows: 24 });
        assert_eq!(Options::parse("winsize=120x40").size, Size { columns: 120, rows: 40 });
        assert_eq!(Options::parse("winsize=1x65535").size, Size { columns: 1, rows: 65535 });
        for word in [
            "winsize",
            "winsize=",
            "winsize=0x40",
            "winsize=80x0",
            "winsize=80",
            "winsize=65536x1",
            "winsize=80x24x3",
            "winsize=-1x2",
            "winsize=80X24",
        ] {
            let options = Options::parse(word);
            assert_eq!((options.size.columns, options.refused), (80, Some(word)), "{word}");
            assert!(Options::hint(word).contains("COLUMNSxROWS"));
        }
    }

    #[test]
    fn pipes_are_descriptors() {
        let of = |line| [0, 1, 2].map(|descriptor| Options::parse(line).pipes.has(descriptor));
        assert_eq!(of(""), [false; 3]);
        assert_eq!(of("pipes=0"), [true, false, false]);
        assert_eq!(of("pipes=21"), [false, true, true]);
        for word in ["pipes", "pipes=", "pipes=3", "pipes=0,1", "pipes=stdin"] {
            assert_eq!(Options::parse(word).refused, Some(word));
            assert!(Options::hint(word).contains("0 for stdin"));
        }
    }

    #[test]
    fn the_last_value_of_a_parameter_wins() {
        assert_eq!(Options::parse("users=/dev/vda users=none").users, None);
    }
}

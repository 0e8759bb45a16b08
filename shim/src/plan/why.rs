//! The reasons for steps. Only `nodeos explain` prints them.

/// The reason for a step.
#[allow(missing_docs)] // the text below is the documentation
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    OnlyBoot,
    Devices,
    Output,
    KernelState,
    Keyboard,
    Ports,
    Settings,
    KernelInternals,
    Groups,
    Reserve,
    Loopback,
    Whole,
    Complete,
    RamFile,
    CarbonCopy,
    Apps,
    AppHomes,
    ReadOnlyCode,
    Medium,
    Sealed,
    UsersPartition,
    WholeDisk,
    RamSession,
    CarriedHomes,
    WorkFolders,
    RuntimeLayer,
    Variables,
    HostLayer,
    Own,
    Resolver,
    Run,
    Live,
    OwnFolders,
    Name,
    LeasedName,
    UserRoot,
    Limits,
    GivesBack,
    OwnNetwork,
    Scratch,
    SharedMemory,
    PrivateDevices,
    GrantedDevices,
    Apart,
    Claims,
    Terminals,
    OwnProcesses,
    Masked,
    Administrator,
    OutOfReach,
    Enter,
    Bounded,
    OwnRoot,
    Identity,
    Capabilities,
    NoGain,
    OwnSockets,
    Calls,
}

impl Why {
    /// The reason, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::OnlyBoot => "only boot needs it: it goes before the first overlay exists, and its RAM with it",
            Self::Devices => "the kernel's own list of devices, for PID 1 alone",
            Self::Output => "pseudo terminals on which inits print: a slow console does not hold them up",
            Self::KernelState => "devices and settings, for PID 1 alone",
            Self::Keyboard => "keys give what the keyboard's labels say",
            Self::Ports => "no process has the capability for ports below 1024, so they are everybody's",
            Self::Settings => "what the kernel shows and lets processes do to each other, at its strictest",
            Self::KernelInternals => {
                "what os.cpus(), os.freemem() and the like read stays open, the kernel's insides do not"
            }
            Self::Groups => "each sandbox has a cgroup with limits of its own",
            Self::Reserve => "PID 1 and a logon always have memory and a process number left",
            Self::Loopback => "127.0.0.1 works without a network",
            Self::Whole => "too little RAM truncates an initramfs silently",
            Self::Complete => "an incomplete copy on a stick or a card lacks what lies at the end",
            Self::RamFile => "only the mounted filesystem needs the file",
            Self::CarbonCopy => "node and its libraries, once and read-only, below every user's root",
            Self::Apps => "the code of apps, read-only: an update replaces it and leaves the homes as they are",
            Self::ReadOnlyCode => "an app runs the code of its medium, whatever is in its home",
            Self::AppHomes => "an app's home holds only what the app writes; it is made when there is none",
            Self::Sealed => "the programs that start sessions stay as they are, whoever gets hold of one",
            Self::UsersPartition => {
                "each directory at its top is a home; only PID 1 sees it here; e2fsck mends it first if it is not clean"
            }
            Self::WholeDisk => "a card is larger than the image that was written to it",
            Self::Medium => "the carbon copy is a file on the medium",
            Self::CarriedHomes => "the homes that the initramfs brings: changes are lost at power off",
            Self::RamSession => "no users partition: a guest in RAM; changes are lost at power off",
            Self::WorkFolders => "overlay's own, on the filesystem of the homes, root's alone",
            Self::RuntimeLayer => "os.userInfo() answers",
            Self::Variables => "the user's programs start with the environment variables that root gives the user",
            Self::HostLayer => "the host's name and its loopback's are known, to all users alike",
            Self::Own => "the machine's own settings, in .machine.json: they come before the kernel's words",
            Self::Resolver => "DNS answers, also those of name servers that come later",
            Self::Run => "what the machine's services tell all users while it runs",
            Self::Live => "logs, and what the door may do for whom; no user sees it",
            Self::OwnFolders => "the user installs there: the topmost layer's owner is the merged folder's",
            Self::Name => "the host's name, in a uts namespace of its own",
            Self::LeasedName => "a DHCP server gives the host's name, after the host layer was written",
            Self::UserRoot => "the user's / is the home, merged over the carbon copy",
            Self::Limits => "no user keeps the others from working",
            Self::GivesBack => {
                "the policy says so: above this the kernel takes file pages back, and a program that needs more memory waits"
            }
            Self::OwnNetwork => "the policy says so: no port of the machine, no way out",
            Self::Scratch => "temporary files stay in RAM and never reach the image",
            Self::SharedMemory => "what programs share by name stays in this sandbox, and in RAM",
            Self::PrivateDevices => {
                "the harmless devices, the same for all; no disk, no memory, no other user's terminal"
            }
            Self::GrantedDevices => "the policy grants devices: they are seen here while nobody else has them",
            Self::Apart => "a program beside the users needs neither their homes nor devices that open",
            Self::Claims => "whoever opens a granted device first has it alone; the kernel decides at each open",
            Self::Terminals => "pseudo terminals of this sandbox alone",
            Self::OwnProcesses => "own processes only; read-only, so that no kernel setting can be written",
            Self::Masked => "the kernel's settings and insides are nobody's to read",
            Self::Administrator => "root sees the homes; the overlays' work folders are masked",
            Self::OutOfReach => "what built the root is not in it",
            Self::Enter => "the user's root becomes /, and what was / lies in it",
            Self::Bounded => "whatever a file says, an exec gives what PID 1 hands down and nothing else",
            Self::OwnRoot => {
                "a sandbox pivots from here and lets go of all that is mounted below; from the rootfs nobody pivots"
            }
            Self::Identity => "from here on the process is the user's",
            Self::Capabilities => "root is an administrator of files and users, not of the machine",
            Self::NoGain => "nothing that is run gains any of it back",
            Self::OwnSockets => "what listens on one is reached from its own sandbox alone, in a shared network too",
            Self::Calls => "what node and native addons need of the kernel",
        }
    }
}

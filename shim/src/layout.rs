//! Names and places that the guest and the host agree on. Those of programs are in `programs`.

/// Where the carbon copy lies or is mounted: the lower layer of every user's root.
pub const CARBON: &str = "/carbon";
/// The carbon copy as an EROFS file in the initramfs (placement `image`).
pub const CARBON_IMAGE: &str = "/carbon.erofs";
/// Where a medium is mounted whose own filesystem has the carbon copy as a file.
pub const MEDIUM: &str = "/medium";
/// That file.
pub const CARBON_ON_MEDIUM: &str = "/medium/carbon.erofs";
/// Homes that the initramfs carries: a session in RAM has them.
pub const HOMES: &str = "/homes";
/// What is unpacked behind the last of them: without it memory was too little for all.
pub const HOMES_WHOLE: &str = "/homes.whole";
/// The keyboard layouts, see `keymap`.
pub const KEYMAPS: &str = "/keymaps";
/// What the initramfs should hold, see `told`.
pub const TOLD: &str = "/carbon.size";
/// Where PID 1 mounts the users partition: nobody else sees it there.
pub const USERS: &str = "/tmp";
/// The layer that is the same for all users: what the host says.
pub const HOST: &str = "/host";
/// The runtime layer of a sandbox that is being built.
pub const RUNTIME: &str = "/runtime";
/// Where the /dev of each user with granted devices lies, in a folder named by the uid.
pub const GRANTED: &str = "/granted";
/// Nodes that nobody is to see now.
pub const HIDDEN: &str = "/granted/.hidden";
/// The next one that is made, below that.
pub const NEW: &str = "new";
/// Where the kernel's programs that keep devices apart are pinned, by the uid.
pub const CLAIMS: &str = "/granted/.claims";
/// What every user's /dev is made of: the same for all, so it is made once.
pub const DEVICES: &str = "/devices";
/// A folder in which nothing ever is, to cover others.
pub const EMPTY: &str = "/empty";
/// Where all users' limits lie; each sandbox has a folder in it, named by its uid.
pub const CGROUPS: &str = "/sys/fs/cgroup/users";
/// A user's root while it is being built; it becomes `/` at the end.
pub const ROOT: &str = "/root";
/// What mends a users partition, in the carbon copy.
pub const E2FSCK: &str = "/usr/sbin/e2fsck";
/// The same where `/mend` sees it.
pub const E2FSCK_ON_CARBON: &str = "/carbon/usr/sbin/e2fsck";
/// The cgroup in which it runs: among the users', for their memory is what it may take.
pub const E2FSCK_GROUP: &str = "/sys/fs/cgroup/users/e2fsck";
/// Folders that the initramfs brings besides, as mount points.
pub const INITRAMFS_FOLDERS: [&str; 13] = [
    "/carbon", "/dev", "/devices", "/empty", "/granted", "/host", "/medium", "/proc", "/ram", "/root", "/runtime",
    "/sys", "/tmp",
];
/// Folders of the carbon copy that a sandbox mounts over.
pub const CARBON_FOLDERS: [&str; 3] = ["dev", "proc", "tmp"];

/// Work folders of the overlays: at the top of the users partition, root's alone.
pub const OVERLAY: &str = ".overlay";
/// Policies of the users: at the top of the users partition, root's alone.
pub const POLICY: &str = ".policy";
/// The same where PID 1 sees it.
pub const POLICIES: &str = "/tmp/.policy";
/// What follows a user's name in the name of a policy's file.
pub const POLICY_SUFFIX: &str = ".json";
/// The folder of every ext4 filesystem that is no home.
pub const LOST_FOUND: &str = "lost+found";
/// How a user may log on, below the home.
pub const LOGON_FILE: &str = "etc/logon.json";
/// The administrator's home.
pub const ROOT_USER: &str = "root";
/// What a home's owner runs at boot, below the home.
pub const HOME_INIT: &str = "init";

/// Label of a users partition (ext4: at most 16 bytes).
pub const USERS_LABEL: &str = "nodeos-users";
/// Label of a carbon copy on a medium (EROFS: at most 15 bytes).
pub const CARBON_LABEL: &str = "nodeos-carbon";

/// Homes beyond this many are refused.
pub const MAX_HOMES: usize = 1024;
/// Names of homes share this many bytes; homes beyond are refused.
pub const MAX_NAMES: usize = 32 * 1024;
/// A longer logon.json is refused unread.
pub const MAX_LOGON_FILE: usize = 4096;

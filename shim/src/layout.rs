//! Names and paths that the guest and the host agree on. Those of programs are in `programs`.

/// The carbon copy, unpacked or mounted: the lower layer of every user's root.
pub const CARBON: &str = "/carbon";
/// The carbon copy as an EROFS file in the initramfs (placement `image`).
pub const CARBON_IMAGE: &str = "/carbon.erofs";
/// The mount point of a medium whose own filesystem has the carbon copy as a file.
pub const MEDIUM: &str = "/medium";
/// That file.
pub const CARBON_ON_MEDIUM: &str = "/medium/carbon.erofs";
/// Where the apps' code is mounted: a folder for each app, named as its user.
pub const APPS: &str = "/apps";
/// What an app's sandbox runs. As `.cjs` it is CommonJS, whatever the app's package.json says.
pub const APP_INIT: &str = "/.nodeos/init.cjs";
/// The folder of an app's start.
pub const APP_START: &str = ".nodeos";
/// The folder of an app's files.
pub const APP_FOLDER: &str = "app";
/// Ports of a virtio serial device in place of an app's stdin, stdout and stderr, if the kernel's `pipes=` names them
/// (drivers/char/virtio_console.c: the first virtio device, its ports 1 to 3).
pub const PIPES: [&str; 3] = ["/dev/vport0p1", "/dev/vport0p2", "/dev/vport0p3"];
/// A port that the other side closes when it has read everything from the other two. Only then the machine powers off.
pub const PIPES_READ: &str = "/dev/vport0p4";
/// Folders of the machine. A home in which one of them is cannot be an app's: it would replace node, or what node loads.
pub const OF_THE_MACHINE: [&str; 5] = ["bin", "etc", "lib", "lib64", "usr"];
/// Variables of the app, from its medium: a line each, as in `ENVIRONMENT`.
pub const APP_ENVIRONMENT: &str = ".nodeos/environment";
/// The policy of the app's user, from its medium: what root wrote on the users partition comes first.
pub const APP_POLICY: &str = ".nodeos/policy.json";
/// Variables of a user, from root: a copy of the file beside the policy.
pub const ENVIRONMENT: &str = "etc/environment";
/// Larger files of variables are not used.
pub const MAX_ENVIRONMENT: usize = 32 * 1024;
/// The apps' code as an EROFS file in the initramfs.
pub const APPS_IMAGE: &str = "/apps.erofs";
/// The same beside the carbon copy, on a medium's own filesystem.
pub const APPS_ON_MEDIUM: &str = "/medium/apps.erofs";
/// Homes that the initramfs carries. They serve as the homes of a session in RAM.
pub const HOMES: &str = "/homes";
/// A file that is unpacked after the last of these homes. If it is missing, the memory was too small for all of them.
pub const HOMES_WHOLE: &str = "/homes.whole";
/// The keyboard layouts, see `keymap`.
pub const KEYMAPS: &str = "/keymaps";
/// What the initramfs should hold, see `told`.
pub const TOLD: &str = "/carbon.size";
/// Where PID 1 mounts the users partition. Nobody else sees it there.
pub const USERS: &str = "/tmp";
/// The layer that is the same for all users: facts about the host.
pub const HOST: &str = "/host";
/// What the machine's services tell the users. Each sandbox sees it, and only services write there.
pub const RUN: &str = "/run";
/// What `/net` tells them: `resolv.conf`, `ntp` and `hostname`.
pub const RUN_NET: &str = "/run/net";
/// Name servers, as in resolv.conf(5).
pub const RESOLVER: &str = "/run/net/resolv.conf";
/// Time servers, a line each.
pub const TIME_SERVERS: &str = "/run/net/ntp";
/// The name that a DHCP server gives this host.
pub const HOSTNAME: &str = "/run/net/hostname";
/// The door: the socket where users ask the machine.
pub const DOOR: &str = "/run/machine.sock";
/// What the services know of users who have a sandbox, see `live`. Users do not see it.
pub const LIVE: &str = "/live";
/// The logs of users, see `ring`: files named as the users.
pub const LOGS: &str = "/live/log";
/// The name of the kernel's log there. No user's name has a colon.
pub const KERNEL_LOG: &str = "kernel:";
/// What the machine's own settings say to services (`machine_file::Words`).
pub const WORDS: &str = "/live/words";
/// The beginning of the names of files in `LIVE` that say how large a user's log is, for `/log`: it knows users by their
/// names. No other file there begins so.
pub const LOG_SIZE: &str = "size:";
/// Where the time came from (`clock::source`): `/clock` writes it for the door.
pub const TIME_SOURCE: &str = "/live/time";
/// The name of the machine's time zone, below a user's root.
pub const TIMEZONE: &str = "etc/timezone";
/// The runtime layer of a sandbox that is being built.
pub const RUNTIME: &str = "/runtime";
/// The /dev of each user with granted devices, in a folder named by the uid.
pub const GRANTED: &str = "/granted";
/// Nodes that are hidden from their users at the moment.
pub const HIDDEN: &str = "/granted/.hidden";
/// The name of a new node in that folder.
pub const NEW: &str = "new";
/// Where the kernel's programs that assign devices are pinned; their names are uids.
pub const CLAIMS: &str = "/granted/.claims";
/// The lower layer of every user's /dev. It is the same for all users, so it is made once.
pub const DEVICES: &str = "/devices";
/// A folder that is always empty, to cover others.
pub const EMPTY: &str = "/empty";
/// The cgroup of all users together. Each sandbox has a cgroup in it, named by its uid.
pub const CGROUPS: &str = "/sys/fs/cgroup/users";
/// A user's root while it is being built; it becomes `/` at the end.
pub const ROOT: &str = "/root";
/// Where `/mend` mounts the kernel's store for the text of panics, if the machine has one.
pub const PANICS: &str = "/sys/fs/pstore";
/// The program that repairs a users partition, in the carbon copy.
pub const E2FSCK: &str = "/usr/sbin/e2fsck";
/// The same, where `/mend` sees it.
pub const E2FSCK_ON_CARBON: &str = "/carbon/usr/sbin/e2fsck";
/// Its cgroup, which is among those of the users: it may use their memory.
pub const E2FSCK_GROUP: &str = "/sys/fs/cgroup/users/e2fsck";
/// Other folders that the initramfs has, as mount points.
pub const INITRAMFS_FOLDERS: [&str; 16] = [
    "/apps", "/carbon", "/dev", "/devices", "/empty", "/granted", "/host", "/live", "/medium", "/proc", "/ram",
    "/root", "/run", "/runtime", "/sys", "/tmp",
];
/// Folders of the carbon copy that a sandbox mounts over.
pub const CARBON_FOLDERS: [&str; 4] = ["dev", "proc", "run", "tmp"];

/// Work folders of the overlays, at the top of the users partition. Only root can access them.
pub const OVERLAY: &str = ".overlay";
/// Policies of the users, at the top of the users partition. Only root can access them.
pub const POLICY: &str = ".policy";
/// The same, where PID 1 sees it.
pub const POLICIES: &str = "/tmp/.policy";
/// The suffix of the file with a user's variables, beside the policy.
pub const VARIABLES_SUFFIX: &str = ".env";
/// The suffix of a policy file, after the user's name.
pub const POLICY_SUFFIX: &str = ".json";
/// The file with the last time that is known (`clock::saved`), at the top of the users partition. Only root can access
/// it.
pub const TIME: &str = ".clock";
/// The same, where PID 1 sees it.
pub const TIME_FILE: &str = "/tmp/.clock";
/// The file with the machine's own settings (`machine_file`), at the top of the users partition. Only root may write it.
pub const MACHINE: &str = ".machine.json";
/// The same, where PID 1 sees it.
pub const MACHINE_FILE: &str = "/tmp/.machine.json";
/// A folder of every ext4 filesystem. It is no home.
pub const LOST_FOUND: &str = "lost+found";
/// The logon settings of a user, below the home.
pub const LOGON_FILE: &str = "etc/logon.json";
/// The administrator's home.
pub const ROOT_USER: &str = "root";
/// The program that runs for a home's owner at boot, below the home.
pub const HOME_INIT: &str = "init";

/// Label of a users partition (ext4: at most 16 bytes).
pub const USERS_LABEL: &str = "nodeos-users";
/// Label of the apps' code on a medium (EROFS: at most 15 bytes).
pub const APPS_LABEL: &str = "nodeos-apps";
/// Label of a carbon copy on a medium (EROFS: at most 15 bytes).
pub const CARBON_LABEL: &str = "nodeos-carbon";

/// The first uid of ordinary users, as in useradd(8), and so of the first app that has no home yet.
pub const FIRST_UID: u32 = 1000;
/// Homes beyond this many are refused.
pub const MAX_HOMES: usize = 1024;
/// The maximum number of consoles with a logon.
pub const MAX_CONSOLES: usize = 4;
/// The names of all homes together have at most this many bytes; further homes are refused.
pub const MAX_NAMES: usize = 32 * 1024;
/// A longer logon.json is refused and not read.
pub const MAX_LOGON_FILE: usize = 4096;

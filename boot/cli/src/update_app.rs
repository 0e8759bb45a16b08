//! `nodeos update-app`: another version of an app on a medium that is built.

use std::path::{Path, PathBuf};

use boot::assembly::Wanted;
use boot::host::folder::above;
use boot::host::run::Run;
use boot::media::Found;
use boot::tools::For;
use boot::update::Target;

use crate::common::{Act, Common, Failed, exit, print_line};
use crate::source::{ForApp, Source};

/// Replace the app on a medium by another version of it, and keep the homes
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What `nodeos build` wrote: a folder of the target direct, the image of a card, or the card's device
    medium: PathBuf,
    /// The app: a .js, .mjs, .cjs or .ts file, or a folder with a package.json
    app: PathBuf,
    #[command(flatten)]
    for_app: ForApp,
    #[command(flatten)]
    kept: Kept,
}

/// Options of `build` for what stays as it is. They are refused with a reason; clap's own would advise to put them behind
/// `--`, which gives them to the app.
#[derive(clap::Args)]
struct Kept {
    #[arg(long, hide = true)]
    node: Option<String>,
    #[arg(long, hide = true)]
    carbon: Option<String>,
    #[arg(long, hide = true)]
    users: Option<String>,
    #[arg(long, hide = true)]
    arch: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    append: Option<String>,
}

impl Kept {
    /// The first that was given, and what stays.
    fn given(&self) -> Option<(&'static str, &'static str)> {
        let Self { node, carbon, users, arch, append } = self;
        let all = [
            (node, "--node", "medium's node and kernel"),
            (carbon, "--carbon", "medium's node and kernel"),
            (users, "--users", "homes"),
            (arch, "--arch", "medium's node and kernel"),
            (append, "--append", "kernel and its command line"),
        ];
        all.into_iter().find_map(|(given, option, kept)| given.as_ref().map(|_| (option, kept)))
    }
}

const EXAMPLES: &str = "\
Only the code of the app is replaced, with its variables, words and policy: pass the options that you still want \
again. The app's data stays, and so do the kernel, node and what nodeos.toml includes. If the app needs others, the \
command refuses, and says how to build a medium with the same homes. The apps of [[app]] are replaced together.

A folder or an image is replaced when the new one is finished, or stays as it was. A device is written in place: if \
that is interrupted, run the same command again.

Examples:
  nodeos build app.js --out image && nodeos update-app image app.js
  nodeos update-app card.img shop --env PORT=80
  nodeos update-app /dev/sdX shop            the card itself, in a reader of this machine: docs/sd.md";

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        match self.medium() {
            // `run` reports this error before anything is installed for it
            Err(_) => Vec::new(),
            Ok(medium) => vec![For::Images, For::Users, For::Medium(medium.medium.name)],
        }
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        let found = self.medium()?;
        let source = Source {
            app: Some(self.app),
            arch: Some(found.arch),
            carbon: None,
            node: None,
            // those of the medium stay
            users: Some("none".into()),
            append: None,
            for_app: self.for_app,
        };
        let packing = found.medium.packing;
        let target = Target::of(found)?;
        if let Some((option, kept)) = self.kept.given() {
            return Err(Failed { status: exit::USAGE, ..target.keeps(option, kept).into() });
        }
        let Wanted { arch, mut manifest, .. } = source.wanted()?;
        let (node, unknown) = target.check(&manifest)?;
        manifest.node = node.or(manifest.node);
        let users = source.users(&manifest)?;
        target.same_apps(users.apps.iter().map(|app| app.name.as_str()))?;
        unknown.iter().for_each(|text| common.progress.say("update-app", text));
        let host = common.host()?;
        let Some(layer) = users.code(&host, arch, packing)? else { return Err(Failed::usage("an APP is needed")) };
        let homes = target.has_homes();
        let room = target.replace(&host, &layer)?;
        let bytes = layer.metadata().map_or(0, |found| found.len());
        print_line(&replaced(&self.medium, bytes, room, homes))
    }
}

/// What is printed at the end.
fn replaced(medium: &Path, bytes: u64, room: Option<u64>, homes: bool) -> String {
    let of = room.map(|room| format!(" of {room}")).unwrap_or_default();
    let data = match homes {
        true => "the homes are unchanged",
        false => "it has no homes: what the app writes is lost at power off",
    };
    format!("{}: replaced the app ({bytes}{of} bytes); {data}", medium.display())
}

impl Args {
    fn medium(&self) -> Result<Found, Failed> {
        let Self { medium, app, .. } = self;
        let tried = format!("cannot update {}", medium.display());
        let any = "name a folder of --target direct, a card's image, or a card's device";
        if !medium.try_exists().unwrap_or(true) {
            return Err(Failed::usage(format!("{tried}: it does not exist\n  next: {any}")));
        }
        if let Some(found) = Found::at("update", medium)? {
            return Ok(found);
        }
        let is_medium = |path: &Path| Found::at("update", path).is_ok_and(|found| found.is_some());
        let next = match Some(above(medium)).filter(|above| medium.is_file() && is_medium(above)) {
            _ if is_medium(app) => {
                format!("MEDIUM comes first: {}", Run::new("nodeos").arg("update-app").arg(app).arg(medium))
            }
            Some(above) => format!("name its folder: {}", Run::new("nodeos").arg("update-app").arg(above).arg(app)),
            None => any.to_owned(),
        };
        Err(Failed::usage(format!("{tried}: it is no medium that nodeos build wrote\n  next: {next}")))
    }
}

#[cfg(test)]
mod tests {
    use super::replaced;
    use std::path::Path;

    #[test]
    fn the_end_says_how_much_room_is_used() {
        let text = |room| replaced(Path::new("card.img"), 4096, room, true);
        assert_eq!(text(Some(8192)), "card.img: replaced the app (4096 of 8192 bytes); the homes are unchanged");
        assert_eq!(text(None), "card.img: replaced the app (4096 bytes); the homes are unchanged");
    }

    #[test]
    fn the_end_says_that_data_is_lost_without_homes() {
        let text = replaced(Path::new("out"), 4096, None, false);
        assert_eq!(
            text,
            "out: replaced the app (4096 bytes); it has no homes: what the app writes is lost at power off"
        );
    }
}

//! `nodeos build`: a machine as files, or as a medium that machines boot from.

use std::path::{Path, PathBuf};

use boot::assembly;
use boot::image::Image;
use boot::image::outside::Outside;
use boot::media::{self, MANIFEST, Machine, Manifest, Medium, Parts, Shape};
use boot::tools::For;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::common::{Act, Common, Failed, print_json, print_line};
use crate::source::Source;

/// Write a machine as a folder of files, or as a medium that machines boot from
#[derive(clap::Args)]
#[command(after_help = help())]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// What is made
    #[arg(long, value_name = "TARGET", value_parser = targets(), default_value = media::ALL[0].name)]
    target: &'static Medium,
    /// The folder or the file
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// Words for the kernel of a single machine, of several that boot from one folder; may be repeated
    #[arg(long, value_name = "MAC=WORDS")]
    machine: Vec<Machine>,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
}

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        let mut purposes = self.source.clone().for_target(self.target).purposes();
        purposes.push(For::Medium(self.target.name));
        purposes
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        let Self { source, target, out, machine, json } = self;
        let source = source.for_target(target);
        target.check(source.arch())?;
        if !machine.is_empty() && !target.machines {
            let able = media::ALL.iter().filter(|medium| medium.machines).map(|medium| medium.name);
            let able = able.collect::<Vec<_>>().join(", ");
            return Err(Failed::usage(format!(
                "--machine: only {able} has words for single machines, and this is {target}"
            )));
        }
        let mut wanted = source.wanted()?;
        (wanted.profile, wanted.packing) = (target.profile, target.packing);
        wanted.placement = match (source.carbon, target.placement) {
            (Some(asked), Some(fixed)) if asked != fixed => {
                return Err(Failed::usage(format!("--carbon {asked}: with {target} it is always {fixed}")));
            }
            (_, Some(fixed)) => fixed,
            (_, None) => wanted.placement,
        };
        media::check_words(target, "", &wanted.manifest.cmdline, &machine)
            .map_err(|error| Failed::usage(format!("cannot {error}")))?;
        let outside = source.outside()?;
        let users = source.users(&wanted.manifest)?;
        let host = common.host()?;
        media::free(&host.cache, target, &out).map_err(|error| Failed::usage(format!("--out: cannot {error}")))?;
        let apps = users.code(&host, wanted.arch, wanted.packing)?;
        let homes = users.homes(&host, source.size())?;
        let image = Image { apps, ..assembly::image(&host, &wanted)? };
        let parts = Parts { host: &host, image: &image, users: homes.as_deref(), machines: &machine };
        let manifest = media::make(target, &parts, &out)?;
        if json { print_json(&manifest) } else { print_line(&table(target, &manifest, &outside, &out)) }
    }
}

const EXAMPLES: &str = "\
The same inputs give the same bytes. OUT is written completely or not at all. The output of an earlier build is \
replaced; anything else is not. manifest.json, in the folder or beside the file, lists the contents.

Examples:
  nodeos build app.js --out image
  nodeos build --target iso --out nodeos.iso && nodeos run nodeos.iso
  nodeos build app.js --target sd --arch aarch64 --users 2G --out card.img
  nodeos build --target pxe --machine 52:54:00:12:34:56=users=none --out /srv/tftp/nodeos";

fn help() -> String {
    let targets: String = media::ALL.iter().map(|medium| format!("  {:<7} {}\n", medium.name, medium.about)).collect();
    format!("Targets:\n{targets}\n{EXAMPLES}")
}

/// What went where, and how large it is.
fn table(target: &Medium, manifest: &Manifest, outside: &[Outside], out: &Path) -> String {
    let line = |bytes: u64, what: &str| format!("{bytes:>11} {what}\n");
    let mut text = String::new();
    for member in &manifest.members {
        let path = if target.shape == Shape::Folder { out.join(&member.path) } else { member.path.clone() };
        text += &line(member.bytes, &path.display().to_string());
    }
    text += &match target.shape {
        Shape::File => line(manifest.bytes, &format!("{}, with the above in it", out.display())),
        Shape::Folder => line(manifest.bytes, &format!("all of it; {MANIFEST} has the digests")),
    };
    let outside: String =
        outside.iter().map(|outside| format!("from outside of nodeos.toml's folder: {outside}\n")).collect();
    text + &outside + "command line: " + &manifest.cmdline
}

/// The targets, for clap.
pub fn targets() -> impl TypedValueParser<Value = &'static Medium> {
    PossibleValuesParser::new(media::ALL.iter().map(|medium| medium.name))
        .try_map(|name| Medium::named(&name).ok_or("a row of media is gone"))
}

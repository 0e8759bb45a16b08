//! The sizes of the assembled files, and of their parts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::figures::{Figure, Figures};

use super::Subject;
use super::guest::kernel_parts;
use super::packages::by_package;
use super::symbols::parts;
use boot::host::Host;
use boot::host::error::{Result, Tried};
use boot::image::Image;
use boot::inspect::{Contents, inspect};
use boot::media::{self, Manifest, Member, Parts};
use boot::parts::kconfig::setting;
use boot::parts::kernel;
use boot::parts::shim;
use boot::users::read;

/// All sizes.
pub fn sizes(host: &Host, subject: &Subject, image: &Image) -> Result<Figures> {
    let mut figures = Figures::new();
    let mut put = |name: &str, figure: Figure| figures.insert(format!("bytes.{name}"), figure);
    let (stripped, named) = (shim::build(subject.arch, host.progress)?, shim::named(subject.arch)?);
    for ((row, stripped), (_, named)) in stripped.programs().zip(named.programs()) {
        put(row.name, program(stripped, named)?);
    }
    put("kernel", Figure { value: size(&image.kernel)?, parts: options(subject)? });
    put("initramfs", Figure { value: size(&image.initramfs)?, parts: members(&image.initramfs)? });
    if let Some(carbon) = &image.carbon {
        put("carbon", Figure { value: size(carbon)?, parts: members(carbon)? });
    }
    if let Some(apps) = &image.apps {
        let files = members(apps)?;
        let parts = by_package(files.iter().map(|(path, bytes)| (path.as_str(), *bytes)));
        put("apps", Figure { value: size(apps)?, parts });
    }
    let homes = subject.users.homes(host, None)?;
    let mut in_homes = None;
    if let Some(homes) = &homes {
        let partition = read::inspect(homes)?;
        let files = partition.members.iter().filter(|member| member.mode.starts_with('-'));
        let files = files.map(|member| (member.path.as_str(), member.bytes));
        let figure = Figure::sum(by_package(files));
        in_homes = Some(figure.value);
        put("homes", figure);
    }
    let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let parts = Parts { host, image, users: homes.as_deref(), machines: &[] };
    let made = media::make(subject.target, &parts, &folder.path().join("out"))?;
    put("medium", medium(&made, subject.target.padded, in_homes));
    figures.extend(kernel_parts(image)?);
    Ok(figures)
}

/// The size of a program of the shim, with the parts found in the same program with symbols.
pub fn program(stripped: &Path, named: &Path) -> Result<Figure> {
    let bytes = size(stripped)?;
    Ok(Figure { value: bytes, parts: parts(named, bytes)? })
}

/// The content of the medium. Most of the homes' filesystem is free, so only its content counts. The same applies to a
/// card, whose file is as large as the card.
fn medium(made: &Manifest, padded: bool, in_homes: Option<u64>) -> Figure {
    let bytes = |member: &Member| in_homes.filter(|_| member.path == Path::new("users.ext4")).unwrap_or(member.bytes);
    let parts = made.members.iter().map(|member| (member.path.display().to_string(), bytes(member))).collect();
    let mut parts: BTreeMap<String, u64> = parts;
    if made.sha256.is_some() && !padded {
        let rest = made.bytes.saturating_sub(parts.values().sum());
        parts.insert("(boot loader and filesystem)".to_owned(), rest);
    }
    Figure::sum(parts)
}

/// The kernel options that the fragments set, and the source and compiler of the kernel.
pub fn options(subject: &Subject) -> Result<BTreeMap<String, u64>> {
    let options = subject.manifest.kernel.options.iter().map(|option| option.0.clone()).collect();
    let spec = kernel::Spec { arch: subject.arch, profile: subject.target.profile.to_owned(), options };
    let fragments = spec.fragments()?;
    let settings = fragments.iter().flat_map(|fragment| fragment.text.lines()).filter_map(setting);
    let last: BTreeMap<&str, &str> = settings.collect();
    let built = [format!("Linux {}", kernel::source_version()?), kernel::compiler_version(subject.arch)?];
    let on = last.into_iter().filter(|(_, value)| *value != "n").map(|(name, value)| format!("{name}={value}"));
    Ok(on.chain(built).map(|name| (name, 0)).collect())
}

fn members(file: &Path) -> Result<BTreeMap<String, u64>> {
    Ok(match inspect(file)? {
        Contents::Initramfs(tree) | Contents::Carbon(tree) | Contents::Apps(tree) => tree
            .members
            .into_iter()
            .filter(|member| member.mode.starts_with('-'))
            .map(|member| (member.path, member.bytes))
            .collect(),
        _ => BTreeMap::new(),
    })
}

/// Bytes of a file.
pub fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).tried("look at", path)?.len())
}

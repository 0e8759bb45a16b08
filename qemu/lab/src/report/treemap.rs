//! The content of a medium as a tree of sizes.

use std::collections::BTreeMap;

use crate::figures::{Figure, Figures};
use serde::Serialize;

/// A part and its own parts.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    pub name: String,
    /// Bytes.
    pub value: u64,
    /// Its parts; the sum of their values is `value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
}

/// The members of the medium, each with its own parts if they are known.
pub fn tree(figures: &Figures) -> Vec<Node> {
    let Some(medium) = figures.get("bytes.medium") else { return vec![] };
    medium.parts.iter().map(|(path, bytes)| node(path, *bytes, known(figures, path))).collect()
}

/// The figure of a member, found by its name on any medium.
fn known<'a>(figures: &'a Figures, path: &str) -> Option<(&'a Figure, &'a Figures)> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let figure = match name {
        "carbon" | "carbon.erofs" => "bytes.carbon",
        "users.ext4" | "homes" => "bytes.homes",
        _ if name.starts_with("initramfs") => "bytes.initramfs",
        _ => return figures.get(&format!("bytes.{name}")).map(|figure| (figure, figures)),
    };
    figures.get(figure).map(|figure| (figure, figures))
}

/// If a file is compressed, its size is divided among its parts in proportion to their unpacked sizes.
fn node(name: &str, bytes: u64, of: Option<(&Figure, &Figures)>) -> Node {
    let named = name.to_owned();
    let parts = of.map(|(figure, _)| &figure.parts).filter(|parts| parts.values().any(|value| *value > 0));
    let (Some(parts), Some((_, figures))) = (parts, of) else {
        return Node { name: named, value: bytes, children: vec![] };
    };
    let all: u64 = parts.values().sum();
    let share = |value: u64| u64::try_from(u128::from(value) * u128::from(bytes) / u128::from(all.max(1))).unwrap_or(0);
    let sections: BTreeMap<&str, u64> = parts.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let child = |(path, value): (&&str, &u64)| {
        // only at the top of the initramfs is it a program of the shim; elsewhere it is another file of that name
        let own =
            (name.ends_with("initramfs") && path.matches('/').count() == 1).then(|| known(figures, path)).flatten();
        node(path, share(*value), own)
    };
    Node { name: named, value: bytes, children: sections.iter().map(child).filter(|node| node.value > 0).collect() }
}

#[cfg(test)]
mod tests {
    use super::tree;
    use crate::figures::{Figure, Figures};

    fn figure(value: u64, parts: &[(&str, u64)]) -> Figure {
        Figure { value, parts: parts.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect() }
    }

    #[test]
    fn members_show_their_parts_and_compressed_ones_are_scaled() {
        let figures: Figures = [
            ("bytes.medium".to_owned(), figure(70, &[("carbon.erofs", 50), ("initramfs", 10), ("kernel", 10)])),
            ("bytes.carbon".to_owned(), figure(50, &[("/bin/node", 90), ("/lib/x", 10)])),
            ("bytes.initramfs".to_owned(), figure(10, &[("/init", 8), ("/setup", 2)])),
            ("bytes.init".to_owned(), figure(8, &[(".text a", 6), (".rodata b", 2)])),
            ("bytes.kernel".to_owned(), figure(10, &[("CONFIG_A=y", 0)])),
        ]
        .into();
        let text = serde_json::to_string(&tree(&figures)).unwrap();
        assert_eq!(
            text,
            "[{\"name\":\"carbon.erofs\",\"value\":50,\"children\":[{\"name\":\"/bin/node\",\"value\":45},{\"name\":\"/lib/x\",\"value\":5}]},\
             {\"name\":\"initramfs\",\"value\":10,\"children\":[{\"name\":\"/init\",\"value\":8,\"children\":[{\"name\":\".rodata b\",\"value\":2},\
             {\"name\":\".text a\",\"value\":6}]},{\"name\":\"/setup\",\"value\":2}]},{\"name\":\"kernel\",\"value\":10}]"
        );
        assert_eq!(tree(&Figures::new()), []);
        // a file with the same name as the file that contains it
        let odd: Figures = [
            ("bytes.medium".to_owned(), figure(9, &[("carbon.erofs", 9)])),
            ("bytes.carbon".to_owned(), figure(9, &[("/bin/carbon", 9)])),
        ]
        .into();
        assert_eq!(tree(&odd)[0].children[0].children, []);
    }
}

//! The kernel's mitigations of speculation flaws. Users share a core, so each flaw must be
//! mitigated on each processor model.

use std::collections::BTreeMap;

use qemu::{machine::Machine, vm::Vm};
use shim::arches::Arch;
use tests::{Boot, Disk};

/// Flaws and the kernel's verdicts on them.
type Verdicts = &'static [(&'static str, &'static str)];

/// Processor models of QEMU, each with the verdicts that are accepted although they are not a full
/// mitigation: QEMU emulates neither the microcode nor the firmware that these flaws need besides
/// the kernel. If the text shows the kernel's own part, only that text is accepted.
const X86_64: &[(&str, Verdicts)] = &[
    ("max", &[]),
    (
        "Haswell",
        &[
            NO_HYPERVISOR,
            CLEARS_BUFFERS,
            ("mmio_stale_data", "Unknown: No mitigations"), // too old to be in Intel's list
            NO_SSBD,
            ("srbds", "Unknown: Dependent on hypervisor status"), // mitigated by microcode alone
        ],
    ),
    ("Skylake-Server", SKYLAKE),
    ("Cascadelake-Server", SKYLAKE),
    // these two need no microcode for speculative stores, nor for retbleed, which the return thunk
    // mitigates
    ("EPYC", &[SAFE_RET]),
    ("EPYC-Rome", &[SAFE_RET]),
    ("EPYC-Milan", &[SAFE_RET, NO_SSBD, ("tsa", "Vulnerable: Clear CPU buffers attempted, no microcode")]),
];

const SKYLAKE: Verdicts = &[
    ("gather_data_sampling", "Unknown: Dependent on hypervisor status"), // mitigated by microcode alone
    NO_HYPERVISOR,
    CLEARS_BUFFERS,
    ("mmio_stale_data", "Vulnerable: Clear CPU buffers attempted, no microcode; SMT Host state unknown"),
    ("retbleed", "Vulnerable"), // IBRS needs microcode
    NO_SSBD,
];
/// An attack of a guest on its hypervisor. Our kernels are not hypervisors.
const NO_HYPERVISOR: (&str, &str) = ("itlb_multihit", "Processor vulnerable");
/// Without `MITIGATION_MDS` the kernel would not even attempt it.
const CLEARS_BUFFERS: (&str, &str) =
    ("mds", "Vulnerable: Clear CPU buffers attempted, no microcode; SMT Host state unknown");
const NO_SSBD: (&str, &str) = ("spec_store_bypass", "Vulnerable");
const SAFE_RET: (&str, &str) = ("spec_rstack_overflow", "Vulnerable: Safe RET, no microcode");

const AARCH64: &[(&str, Verdicts)] = &[
    // a core that the kernel does not know, so it asks the firmware
    ("max", &[("spectre_v2", "Mitigation: CSV2, but not BHB")]),
    ("cortex-a53", &[]),
    ("cortex-a57", NO_FIRMWARE),
    ("cortex-a72", NO_FIRMWARE),
    ("neoverse-n1", &[]),
];

/// SMCCC_ARCH_WORKAROUND_1 and 2 (arch/arm64/kernel/proton-pack.c).
const NO_FIRMWARE: Verdicts = &[("spec_store_bypass", "Vulnerable"), ("spectre_v2", "Vulnerable")];

/// What the kernel reports about each flaw on this processor.
fn verdicts(arch: &'static Arch, cpu: &'static str, words: &str) -> BTreeMap<String, String> {
    let disk = Disk::with(&[]);
    let machine = Boot::on(arch).words(words).first("speculation", &disk).machine();
    let mut vm = Vm::start(Machine { cpu, ..machine }).unwrap();
    vm.expect("speculation: told").unwrap();
    let said = vm.transcript();
    let line = |line: &str| {
        let (name, verdict) = line.trim_end().strip_prefix("speculation ")?.split_once(": ")?;
        Some((name.to_owned(), verdict.to_owned()))
    };
    said.lines().filter_map(line).collect()
}

fn models(arch: &Arch) -> &'static [(&'static str, Verdicts)] {
    if arch.name == "x86_64" { X86_64 } else { AARCH64 }
}

fn is_mitigated(verdict: &str) -> bool {
    let partly = ["Vulnerable", "but not"].iter().any(|word| verdict.contains(word));
    verdict == "Not affected" || verdict.starts_with("Mitigation: ") && !partly
}

pub fn processor_vulnerabilities_are_mitigated(arch: &'static Arch) {
    let mut open = String::new();
    for (cpu, accepted) in models(arch) {
        let verdicts = verdicts(arch, cpu, "");
        assert!(verdicts.contains_key("spectre_v2"), "{cpu}: {verdicts:?}");
        for (flaw, verdict) in &verdicts {
            if !is_mitigated(verdict) && !accepted.contains(&(flaw, verdict)) {
                open += &format!("{cpu}: {flaw}: {verdict}\n");
            }
        }
    }
    assert!(open.is_empty(), "not mitigated:\n{open}");
}

/// With `mitigations=off` the kernel reports verdicts that the test above would not accept.
pub fn a_missing_mitigation_is_detected(arch: &'static Arch) {
    let (cpu, flaws): (_, &[&str]) = match arch.name {
        "x86_64" => ("Skylake-Server", &["indirect_target_selection", "mds", "meltdown", "spectre_v1", "spectre_v2"]),
        _ => ("neoverse-n1", &["spec_store_bypass", "spectre_v2"]),
    };
    let accepted = models(arch).iter().find_map(|(name, accepted)| (*name == cpu).then_some(*accepted)).unwrap();
    let verdicts = verdicts(arch, cpu, "mitigations=off");
    for flaw in flaws {
        let verdict = verdicts[*flaw].as_str();
        assert!(!is_mitigated(verdict) && !accepted.contains(&(flaw, verdict)), "{flaw}: {verdict}");
    }
}

//! The progress of a kernel build: compares the lines that kbuild prints with those of earlier builds. No I/O.
//!
//! After a small change, a build prints only some of the lines, in the same order. So the position of a line among all
//! lines shows the progress, but the number of lines does not.

use std::collections::HashMap;

/// The steps of earlier builds, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    order: Vec<String>,
    place: HashMap<String, usize>,
}

/// A running build.
#[derive(Debug)]
pub struct Build {
    known: Steps,
    seen: Vec<String>,
    at: usize,
}

impl Steps {
    /// Parses what `text` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::of(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// If a step occurs twice, only the first one counts.
    fn of(steps: Vec<String>) -> Self {
        let mut known = Self::default();
        for step in steps {
            if !known.place.contains_key(&step) {
                known.place.insert(step.clone(), known.order.len());
                known.order.push(step);
            }
        }
        known
    }

    /// One step per line.
    #[must_use]
    pub fn text(&self) -> String {
        self.order.iter().map(|step| format!("{step}\n")).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.order.len() as u64
    }

    /// Adds the steps of another build. Each new step goes after the one that came before it there.
    fn merged(self, seen: Vec<String>) -> Self {
        let mut behind: HashMap<Option<usize>, Vec<String>> = HashMap::new();
        let mut last = None;
        for step in seen {
            match self.place.get(&step) {
                Some(at) => last = Some(*at),
                None => behind.entry(last).or_default().push(step),
            }
        }
        let mut order = behind.remove(&None).unwrap_or_default();
        for (at, step) in self.order.into_iter().enumerate() {
            order.push(step);
            order.append(&mut behind.remove(&Some(at)).unwrap_or_default());
        }
        Self::of(order)
    }
}

impl Build {
    /// Begins a build.
    #[must_use]
    pub fn new(known: Steps) -> Self {
        Self { known, seen: Vec::new(), at: 0 }
    }

    /// Takes a line of kbuild's output. Returns how many of the known steps are done, including those that were
    /// skipped.
    pub fn line(&mut self, line: &str) -> u64 {
        if let Some(step) = step(line) {
            // of steps that run in parallel, the furthest one counts
            self.at = self.known.place.get(&step).map_or(self.at, |place| self.at.max(place + 1));
            self.seen.push(step);
        }
        self.at as u64
    }

    /// How many steps this build did.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.seen.len() as u64
    }

    /// The known steps for the next build.
    #[must_use]
    pub fn done(self) -> Steps {
        self.known.merged(self.seen)
    }
}

/// `  CC    fs/ext4/inode.o`, with single spaces; other lines are not steps.
fn step(line: &str) -> Option<String> {
    line.starts_with("  ").then(|| line.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::{Build, Steps};

    /// The output of a build with that many objects in ten folders.
    fn lines(objects: usize) -> Vec<String> {
        let object = |n: usize| format!("  CC      dir{}/{n}.o", n * 10 / objects);
        let ends = ["  LD      vmlinux.o", "  LD      vmlinux", "  BUILD   arch/x86/boot/bzImage"].map(str::to_owned);
        (0..objects).map(object).chain(ends).collect()
    }

    /// Runs a build: its progress at each line in per cent, and the known steps after it.
    fn run(known: Steps, lines: &[String]) -> (Vec<u64>, Steps) {
        let total = known.total().max(1);
        let mut build = Build::new(known);
        let at = lines.iter().map(|line| build.line(line) * 100 / total).collect();
        (at, build.done())
    }

    #[test]
    fn a_full_build_is_the_reference_for_the_next() {
        let all = lines(1797);
        let (at, known) = run(Steps::default(), &all);
        assert_eq!((at.iter().max(), known.total()), (Some(&0), 1800));
        let (at, again) = run(known.clone(), &all);
        for (number, at) in at.iter().enumerate() {
            assert_eq!(*at, (number as u64 + 1) * 100 / 1800);
        }
        assert_eq!((Steps::parse(&again.text()), &again), (known.clone(), &known));
    }

    /// The reason for this module: 550 of 1800 steps; by a count of lines, the build would end at 30 %.
    #[test]
    fn an_incremental_build_ends_at_100_percent() {
        let all = lines(1797);
        let (_, known) = run(Steps::default(), &all);
        let changed = |from: usize, to: usize| all[from..to].iter().chain(&all[1797..]).cloned().collect::<Vec<_>>();
        let some = changed(0, 550);
        assert_eq!(some.len() * 100 / all.len(), 30);
        let (at, after) = run(known.clone(), &some);
        assert_eq!((at[274], at[549], at[550], *at.last().unwrap()), (15, 30, 99, 100));
        assert_eq!(after, known, "and it takes nothing from the measure");
        // skipped steps count as done
        let (at, _) = run(known.clone(), &changed(1250, 1797));
        assert_eq!((at[0], at[546], *at.last().unwrap()), (69, 99, 100));
        let every_third: Vec<_> = all.iter().step_by(3).cloned().collect();
        let (at, _) = run(known, &every_third);
        assert!(at.iter().enumerate().all(|(number, at)| at.abs_diff(number as u64 * 300 / 1800) <= 1));
    }

    #[test]
    fn parallel_compilation_changes_progress_little() {
        let mut all = lines(1797);
        let (_, known) = run(Steps::default(), &all);
        all[..1790].chunks_mut(64).for_each(<[String]>::reverse);
        let (at, _) = run(known, &all);
        assert!(at.iter().enumerate().all(|(number, at)| at.abs_diff(number as u64 * 100 / 1800) <= 4));
    }

    #[test]
    fn new_drivers_are_inserted_where_they_were_built() {
        let (_, virt) = run(Steps::default(), &lines(100));
        let mut more = lines(100);
        more.splice(50..50, (0..100).map(|n| format!("  CC      drivers/{n}.o")));
        let (at, both) = run(virt, &more);
        assert!(at[149] < 50 && both.total() == 203, "{at:?}");
        let (at, _) = run(both.clone(), &more);
        assert_eq!((at[100], at[149], *at.last().unwrap()), (49, 73, 100));
        // and without them the rest still ends at 100 %
        let (at, _) = run(both, &lines(100));
        assert_eq!(*at.last().unwrap(), 100);
    }

    #[test]
    fn a_step_that_is_done_twice_counts_once() {
        let mut all = lines(100);
        all.insert(0, "  GEN     Makefile".to_owned());
        all.insert(90, "  GEN     Makefile".to_owned());
        let (_, known) = run(Steps::default(), &all);
        let (at, _) = run(known.clone(), &all);
        assert_eq!((known.total(), at[0], at[90], *at.last().unwrap()), (104, 0, 86, 100));
    }

    #[test]
    fn other_lines_are_not_steps() {
        let mut build = Build::new(Steps::parse("CC a.o\n\nLD vmlinux\n"));
        let said = ["make[1]: Entering directory 'x'", "", "a.c: warning: x", "  CC      a.o", "  CC   unknown.o"];
        assert_eq!(said.map(|line| build.line(line)), [0, 0, 0, 1, 1]);
        assert_eq!((build.line("  LD      vmlinux"), build.count()), (2, 3));
    }
}

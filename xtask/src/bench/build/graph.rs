//! The packages that a binary is made of: who uses whom, and what only one of them brings.

use std::collections::{BTreeMap, BTreeSet};

/// A crate as cargo names it. Built twice, for a build script and for the binary, it is still one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
}

impl Package {
    pub(super) fn new(name: &str, version: &str) -> Self {
        Self { name: name.to_owned(), version: version.to_owned() }
    }
}

pub(super) struct Graph {
    top: Package,
    uses: BTreeMap<Package, BTreeSet<Package>>,
    ours: BTreeSet<Package>,
}

/// A line of `cargo tree`.
struct Line {
    depth: usize,
    package: Package,
    /// It lies in a folder of this machine.
    is_ours: bool,
}

impl Graph {
    /// Reads what `cargo tree --prefix depth --format {p}` prints; `None` when a line is not of its form.
    ///
    /// A line uses those one deeper below it. What is below a package stands where it comes first; later it is marked `(*)`.
    pub(super) fn read(tree: &str) -> Option<Self> {
        let (mut uses, mut ours) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeSet::new());
        // From the top down to the line before.
        let mut above: Vec<Package> = Vec::new();
        for line in tree.lines().filter(|line| !line.is_empty()) {
            let Line { depth, package, is_ours } = Line::read(line)?;
            if depth > above.len() {
                return None;
            }
            above.truncate(depth);
            if let Some(user) = above.last() {
                uses.entry(user.clone()).or_default().insert(package.clone());
            }
            if is_ours {
                ours.insert(package.clone());
            }
            above.push(package);
        }
        let top = above.into_iter().next()?;
        Some(Self { top, uses, ours })
    }

    pub(super) fn is_ours(&self, package: &Package) -> bool {
        self.ours.contains(package)
    }

    /// Others' packages that ours name as a dependency, with the names of ours that do.
    pub(super) fn direct(&self) -> BTreeMap<&Package, Vec<&str>> {
        let mut direct = BTreeMap::<_, Vec<_>>::new();
        for user in &self.ours {
            for used in self.uses.get(user).into_iter().flatten().filter(|used| !self.is_ours(used)) {
                direct.entry(used).or_default().push(user.name.as_str());
            }
        }
        direct
    }

    /// What the top would no longer reach without `package`, itself included.
    pub(super) fn only_brought_by(&self, package: &Package) -> BTreeSet<&Package> {
        let without = self.reached(Some(package));
        self.reached(None).difference(&without).copied().collect()
    }

    /// All that the top uses, itself included, without ever passing through `left_out`.
    fn reached(&self, left_out: Option<&Package>) -> BTreeSet<&Package> {
        let mut reached = BTreeSet::new();
        let mut next = vec![&self.top];
        while let Some(package) = next.pop() {
            if Some(package) != left_out && reached.insert(package) {
                next.extend(self.uses.get(package).into_iter().flatten());
            }
        }
        reached
    }
}

impl Line {
    /// Such as `2serde_derive v1.0.229 (proc-macro) (*)` or `1accrual-api v0.1.0 (/work/crates/api)`.
    fn read(line: &str) -> Option<Self> {
        let (depth, package) = line.split_at(line.find(|c: char| !c.is_ascii_digit())?);
        let (name, rest) = package.split_once(" v")?;
        let version = rest.split(' ').next()?;
        Some(Self {
            depth: depth.parse().ok()?,
            package: Package::new(name, version),
            is_ours: rest.contains(" (/"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A diamond: `left` and `right` both use `base`, and `right` alone uses `derive`, which uses `syn`.
    const TREE: &str = "\
0accrual v0.1.0 (/work/crates/accrual)
1accrual-api v0.1.0 (/work/crates/api)
2left v1.0.0
3base v0.2.0+c.7
4leaf v0.1.0
2right v2.0.0
3base v0.2.0+c.7 (*)
3derive v1.1.0 (proc-macro)
4syn v3.0.0
1accrual-api v0.1.0 (/work/crates/api) (*)
1derive-user v0.1.0
1left v1.0.0 (*)
";

    fn names<'a>(packages: impl IntoIterator<Item = &'a Package>) -> Vec<&'a str> {
        packages.into_iter().map(|package| package.name.as_str()).collect()
    }

    #[test]
    fn a_tree_is_read_by_depth() {
        let graph = Graph::read(TREE).unwrap();
        let used = |name, version| names(graph.uses.get(&Package::new(name, version)).into_iter().flatten());
        assert_eq!(used("accrual", "0.1.0"), ["accrual-api", "derive-user", "left"]);
        assert_eq!(used("accrual-api", "0.1.0"), ["left", "right"]);
        assert_eq!(used("left", "1.0.0"), ["base"]);
        assert_eq!(used("right", "2.0.0"), ["base", "derive"], "also where base is repeated");
        assert_eq!(used("base", "0.2.0+c.7"), ["leaf"]);
        assert_eq!(used("derive", "1.1.0"), ["syn"]);
        assert_eq!(names(&graph.ours), ["accrual", "accrual-api"]);
    }

    #[test]
    fn a_dependency_is_told_with_those_of_ours_that_name_it() {
        let graph = Graph::read(TREE).unwrap();
        let direct: Vec<_> = graph.direct().into_iter().map(|(used, by)| (used.name.as_str(), by)).collect();
        let expected = [
            ("derive-user", vec!["accrual"]),
            ("left", vec!["accrual", "accrual-api"]),
            ("right", vec!["accrual-api"]),
        ];
        assert_eq!(direct, expected);
    }

    #[test]
    fn what_two_use_is_brought_by_neither_alone() {
        let graph = Graph::read(TREE).unwrap();
        let brought = |name, version| names(graph.only_brought_by(&Package::new(name, version)));
        assert_eq!(brought("left", "1.0.0"), ["left"]);
        assert_eq!(brought("right", "2.0.0"), ["derive", "right", "syn"]);
        assert_eq!(brought("base", "0.2.0+c.7"), ["base", "leaf"]);
    }

    #[test]
    fn another_form_is_not_guessed_at() {
        for tree in ["", "accrual v0.1.0", "0accrual", "0accrual v0.1.0\n2web v1.0.0"] {
            assert!(Graph::read(tree).is_none(), "{tree}");
        }
    }
}

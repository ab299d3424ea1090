//! The shape of the workspace is what `ARCHITECTURE.md` says: its table of crates is read, not copied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What cargo knows of the workspace's own packages.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

/// The name of a package's room: `forebay-ring` is `ring`.
fn room(package: &str) -> &str {
    package.strip_prefix("forebay-").unwrap_or(package)
}

/// The names of the packages that `package` depends on in a build (not only in its tests).
fn dependencies(package: &Value) -> impl Iterator<Item = &str> {
    let all = package["dependencies"].as_array().expect("dependencies").iter();
    all.filter(|one| one["kind"].as_str() != Some("dev")).map(|one| one["name"].as_str().expect("a name"))
}

/// The rows of the table of crates, in order: the room and the rooms that it may depend on directly.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let page = read("ARCHITECTURE.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| crate |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let name = |word: &str| word.trim().trim_matches('`').to_string();
            let may = cells[cells.len() - 1];
            let may = if may == "-" { BTreeSet::new() } else { may.split(',').map(name).collect() };
            (name(cells[0]), may)
        })
        .collect()
}

/// All that each room may use: what the table says, and what that may use in turn.
fn allowed() -> Arrows {
    let mut all = Arrows::new();
    for (name, mut may) in table() {
        if may.contains("all") {
            may = all.keys().cloned().collect();
        }
        let further: Vec<String> = may.iter().flat_map(|one| all[one].iter().cloned()).collect();
        may.extend(further);
        all.insert(name, may);
    }
    all
}

/// No crate depends on one that the table does not give it, and none but tests on the test kit.
#[test]
fn no_arrow_points_up() {
    let allowed = allowed();
    for package in packages() {
        let from = room(package["name"].as_str().expect("a name"));
        let may =
            allowed.get(from).unwrap_or_else(|| panic!("{from} is not in the table of ARCHITECTURE.md"));
        let ours = dependencies(&package).filter(|name| name.starts_with("forebay-"));
        for to in ours.map(room) {
            assert!(
                may.contains(to),
                "{from} depends on {to}: the table of ARCHITECTURE.md does not allow it"
            );
        }
    }
}

/// The workspace lists its members in the order of the table, which is the order of flow: a row names only rows
/// above it.
#[test]
fn members_stand_in_flow_order() {
    let rows: Vec<String> = table().into_iter().map(|(name, _)| name).collect();
    let manifest = read("Cargo.toml");
    let members = manifest.lines().filter_map(|line| line.trim().strip_prefix("\"crates/"));
    let members: Vec<&str> = members.map(|line| line.trim_end_matches(['"', ','])).collect();
    assert_eq!(members, rows, "members of Cargo.toml and rows of ARCHITECTURE.md");
    for (at, (name, may)) in table().iter().enumerate() {
        let below = may.iter().find(|one| *one != "all" && !rows[..at].contains(one));
        assert_eq!(below, None, "{name} may not use what comes after it");
    }
}

/// The crates that mix, and those that stand below them, stay small: no runtime, no server, no TLS.
#[test]
fn the_core_stays_small() {
    let heavy = ["tokio", "axum", "hyper", "rustls", "reqwest", "zbus", "symphonia", "cpal", "clap"];
    for package in packages() {
        let name = room(package["name"].as_str().expect("a name")).to_string();
        if ["units", "ring", "dsp", "engine", "protocol", "session", "producer"].contains(&name.as_str()) {
            let found = dependencies(&package).find(|one| heavy.contains(one));
            assert_eq!(found, None, "{name} has a heavy dependency");
        }
    }
}

/// Unsafe code is forbidden by the compiler in every crate but the few that the page names.
#[test]
fn unsafe_code_is_where_it_belongs() {
    let page = read("ARCHITECTURE.md");
    let from = page.find("Unsafe code only in").expect("an invariant on unsafe code");
    let line = page[from..].split('.').next().expect("a sentence");
    for package in packages() {
        let name = room(package["name"].as_str().expect("a name")).to_string();
        let main = ["src/lib.rs", "src/main.rs"].map(|file| root().join("crates").join(&name).join(file));
        let main = main.iter().find(|file| file.exists()).expect("a crate has a root file");
        let source = std::fs::read_to_string(main).expect("it is text");
        let may = line.contains(&format!("`{name}`"));
        let forbids = source.contains("#![forbid(unsafe_code)]");
        assert!(may || forbids, "{name}: forbid unsafe code or name the crate in ARCHITECTURE.md");
    }
}

/// Every source file of a crate (tests and benches apart), with its path from the crates folder.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = path.strip_prefix(root().join("crates")).expect("inside").display().to_string();
            found.push((name, std::fs::read_to_string(&path).expect("it is text")));
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for package in packages() {
        let name = room(package["name"].as_str().expect("a name")).to_string();
        sources(&root().join("crates").join(name).join("src"), &mut found);
    }
    found
}

/// Atomics are named in `sync` modules, where loom takes their place, and in `rt`, which stands alone; a plain stop
/// flag may be anywhere.
#[test]
fn atomics_have_one_door() {
    for (file, text) in all_sources() {
        let is_door = file.ends_with("/sync.rs") || file.starts_with("rt/");
        let named = text.lines().find(|line| line.contains("::sync::atomic") && !line.contains("AtomicBool"));
        assert!(
            is_door || named.is_none(),
            "{file}: take atomics from a sync module: {}",
            named.unwrap_or("")
        );
    }
}

/// What runs in a render has no lock to wait for: the crates of the audio path name none.
#[test]
fn the_audio_path_has_no_locks() {
    for (file, text) in all_sources() {
        if ["ring/", "dsp/", "engine/"].iter().any(|room| file.starts_with(room))
            && !file.ends_with("tests.rs")
        {
            let code = text.split("#[cfg(test)]").next().expect("a part");
            let lock =
                ["Mutex", "RwLock", "Condvar"].into_iter().find(|lock| code.contains(&format!("{lock}<")));
            assert_eq!(lock, None, "{file} has a lock");
        }
    }
}

/// No licence is missing, and every package has the workspace's.
#[test]
fn licences_are_there() {
    for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(!read(file).is_empty());
    }
    for package in packages() {
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{}", package["name"]);
    }
}

/// Everything that is linked by default may be given away under a licence that `deny.toml` allows. (cargo-deny checks
/// more; this needs nothing installed.)
#[test]
fn licences_of_dependencies_are_allowed() {
    let deny = read("deny.toml");
    let list = deny.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).expect("an allow list");
    let allowed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    for package in metadata["packages"].as_array().expect("packages") {
        let licence = package["license"].as_str().unwrap_or("none given").replace('/', " OR ");
        let one_of = |choice: &str| {
            let parts = choice.trim().trim_matches(['(', ')']).split(" AND ");
            parts.into_iter().all(|part| allowed.contains(&part.trim().trim_matches(['(', ')'])))
        };
        // "A OR B", "(A OR B) AND C": some choice must be allowed in each part.
        let fine = licence.split(" OR ").any(one_of)
            || licence.split(" AND ").all(|part| part.split(" OR ").any(one_of));
        let name = package["name"].as_str().expect("a name");
        let fine = fine || deny.contains(&format!("{{ crate = \"{name}\", allow = [\"{licence}\"] }}"));
        assert!(fine, "{name}: {licence} is not in the allow list of deny.toml");
    }
}

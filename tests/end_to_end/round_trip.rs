//! What a terminal saved comes back the same without Tillward: with the copy of a repository, one
//! recovery identity and stock restic, also after the agent was killed while it saved.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use controller::api::model::AssignmentState;
use harness::dice::Dice;
use harness::world::{Broker, Registry, World, recovery, run};
use rusqlite::Connection;
use shared::digest::Digest;

use crate::backups::{begun, saved, total_of, whole};
use crate::fleet::Fleet;
use crate::random::Moments;

/// What the till had sold before the test began.
const EARLIER_SALES: u32 = 30_000;

/// Of files beside the till's own.
const TREE_BYTES: u64 = 100_000_000;

/// The same, where the agent is killed while they are saved.
const SMALL_TREE_BYTES: u64 = 12_000_000;

const KILLS: u32 = 6;

/// Reading takes about as long, and sending much longer.
const APART_MAX: Duration = Duration::from_millis(1_500);

/// So slow that no backup ends before the last kill.
const LINE_BYTES_PER_S: u64 = 300_000;

/// Where every system has many files of many kinds and sizes.
const REAL_FILES: [&str; 2] = ["/usr/share/doc", "/usr/share/locale"];

/// A larger file would stand for many.
const FILE_BYTES_MAX: u64 = 2_000_000;

#[test]
fn a_hundred_megabytes_and_a_years_sales_come_back_the_same_by_stock_restic() {
    saved_and_opened().unwrap();
}

fn saved_and_opened() -> Result<()> {
    let (mut fleet, tree) = selling_beside_a_tree(TREE_BYTES)?;
    let (world, programs) = (&fleet.world, &fleet.world.programs);
    world.terminals[0].sold_before(programs, &world.hosts[0], EARLIER_SALES)?;
    // From here on nobody sells: what is saved is what the till has.
    fleet.check_books()?;

    let snapshot = saved(&mut fleet, 1)?.remove(0).manifest.to_string();
    let world = &fleet.world;
    let places = world.directory().join("fleet/controller/data/backups");
    let kept = |place: &str| {
        let mut kept = digests(&places.join(place))?;
        // By which the controller knows the place; each has its own.
        kept.retain(|path, _| path != "tillward-place.json");
        Ok::<_, anyhow::Error>(kept)
    };
    let first = kept("first")?;
    ensure!(first.len() > 10 && first == kept("second")?, "the places differ: {first:#?}");

    let restored = open_by_restic(&fleet, &snapshot)?;
    let listed = listed(&restored)?;
    let mut found = digests(&restored)?;
    found.retain(|path, _| path.starts_with("export") || path.starts_with("paths"));
    assert_eq!(found, listed, "what is restored, and what the listing says");
    compare(&tree, &restored.join("paths/tree"))?;

    let shown = fleet.world.tillward_json(&["backup", "show", &snapshot])?;
    let journal = fleet.world.terminals[0].till_directory().join("till.db");
    let (sales, total) = sales(&restored.join("export/sales.db"))?;
    ensure!(sales.len() > EARLIER_SALES as usize, "only {} sales", sales.len());
    assert_eq!((sales, total), self::sales(&journal)?, "the restored books, and the till's");
    assert_eq!(total, total_of(&shown, "sales")?, "the restored books, and the manifest");
    fleet.check_books()
}

#[test]
fn kills_at_random_moments_leave_one_snapshot_that_stock_restic_finds_whole() {
    killed_while_sending().unwrap();
}

fn killed_while_sending() -> Result<()> {
    let (mut fleet, tree) = selling_beside_a_tree(SMALL_TREE_BYTES)?;
    fleet.world.https.slow_down(LINE_BYTES_PER_S);
    let campaign = begun(&fleet, &["backup", "now", "--select", "model=px7"])?;
    let mut moments = Moments::new(KILLS, APART_MAX);
    let ended = fleet.follow(campaign, |world, _look| {
        let World { terminals, programs, https, .. } = world;
        if moments.has_come() {
            terminals[0].kill_agent()?;
            terminals[0].start_agent(programs)?;
            moments.is_over();
        }
        if moments.left() == 0 {
            https.full_speed();
        }
        Ok(())
    })?;
    assert_eq!((moments.left(), ended.states()), (0, vec![AssignmentState::Succeeded]));
    let snapshots = whole(&fleet, 1)?;
    assert_eq!(snapshots[0].number, 1);
    let restored = open_by_restic(&fleet, &snapshots[0].manifest.to_string())?;
    compare(&tree, &restored.join("paths/tree"))?;
    fleet.check_books()
}

/// A shop with a terminal that also saves a tree of real files.
fn selling_beside_a_tree(bytes: u64) -> Result<(Fleet, PathBuf)> {
    let mut fleet = Fleet::start(Broker::Embedded, &Registry::Sqlite)?;
    let at = fleet.open_shop("north")?;
    let tree = fleet.world.directory().join("tree");
    grow(&tree, bytes)?;
    let terminal = &fleet.world.terminals[at];
    let mut configuration = File::options().append(true).open(terminal.configuration())?;
    write!(
        configuration,
        "\n[[backup.paths]]\nname = \"tree\"\nclass = \"logs\"\npath = {tree:?}\n"
    )?;
    fleet.world.enrol_and_start(at)?;
    fleet.wait_until_online(1)?;
    fleet.wait_until_it_sells(at)?;
    Ok((fleet, tree))
}

/// Exports the repository, opens it with one of two recovery identities, and restores it.
fn open_by_restic(fleet: &Fleet, snapshot: &str) -> Result<PathBuf> {
    let directory = fleet.world.directory();
    let (rescued, restored) = (directory.join("rescued"), directory.join("restored"));
    let text = rescued.to_str().context("paths of tests are UTF-8")?;
    fleet.world.tillward(&["backup", "export", snapshot, "--to", text])?;
    let mut open = Command::new(fleet.world.programs.tillward()?);
    open.env_remove("TILLWARD_CONTEXT").args(["recovery", "open", "--repository"]).arg(&rescued);
    open.arg("--identity").arg(recovery::identity(directory, recovery::OWNERS[1]));
    let said = run(&mut open)?;
    ensure!(said.contains("1 snapshot"), "{said}");
    let restic = |words: &[&str]| {
        let mut restic = Command::new("restic");
        restic.arg("--no-cache").arg("-r").arg(&rescued).args(words);
        restic.arg("--password-file").arg(rescued.join("restic-password"));
        run(&mut restic)
    };
    let said = restic(&["check", "--read-data"])?;
    ensure!(said.contains("no errors were found"), "{said}");
    let into = restored.to_str().context("paths of tests are UTF-8")?;
    restic(&["restore", "latest", "--target", into])?;
    Ok(restored)
}

/// Copies real files until there are enough bytes; what is missing is made from a seed, of bytes
/// that are no digits.
fn grow(tree: &Path, bytes: u64) -> Result<()> {
    let mut left = bytes;
    for from in REAL_FILES {
        let from = Path::new(from);
        for path in files(from)?.into_iter().map(|path| from.join(path)) {
            let bytes = fs::metadata(&path)?.len();
            if bytes > FILE_BYTES_MAX || bytes > left || path.to_str().is_none() {
                continue;
            }
            let to = tree.join(path.strip_prefix("/").context("it is absolute")?);
            fs::create_dir_all(to.parent().context("it has a parent")?)?;
            fs::copy(&path, to)?;
            left -= bytes;
        }
    }
    fs::create_dir_all(tree.join("made"))?;
    let mut dice = Dice::from_seed(7);
    for number in 0.. {
        let bytes = left.min(FILE_BYTES_MAX);
        if bytes == 0 {
            break;
        }
        let content: Vec<u8> = (0..bytes).map(|_| 0x80 | dice.below(0x80) as u8).collect();
        fs::write(tree.join(format!("made/{number}")), content)?;
        left -= bytes;
    }
    Ok(())
}

/// Plain files below `root`, relative to it, ascending. Links are not followed.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path().strip_prefix(root)?.to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn digests(root: &Path) -> Result<BTreeMap<PathBuf, Digest>> {
    let digest = |path: PathBuf| {
        let digest = Digest::of(&fs::read(root.join(&path))?);
        Ok((path, digest))
    };
    files(root)?.into_iter().map(digest).collect()
}

/// By the listing in the snapshot: `<sha256> <bytes> <data set> <path>` a line.
fn listed(restored: &Path) -> Result<BTreeMap<PathBuf, Digest>> {
    let text = fs::read_to_string(restored.join("listing"))?;
    let entry = |line: &str| {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        let [sha256, _bytes, _set, path] = words.as_slice() else {
            anyhow::bail!("`{line}` is no line of a listing");
        };
        Ok((PathBuf::from(path), sha256.parse()?))
    };
    text.lines().map(entry).collect()
}

fn compare(saved: &Path, restored: &Path) -> Result<()> {
    let saved_files = files(saved)?;
    assert_eq!(saved_files, files(restored)?, "the same files");
    for path in saved_files {
        let same = fs::read(saved.join(&path))? == fs::read(restored.join(&path))?;
        ensure!(same, "{} differs", path.display());
    }
    Ok(())
}

/// Every row, and the total of what was approved.
fn sales(database: &Path) -> Result<(Vec<String>, i64)> {
    let books = Connection::open(database)?;
    let is_sound: String = books.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    assert_eq!(is_sound, "ok", "{}", database.display());
    let mut rows = books.prepare(
        "SELECT concat_ws(' ', stan, binding, batch, kind, state, amount_minor, begun_ms,
                changed_ms)
         FROM sale ORDER BY stan",
    )?;
    let rows = rows.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let total = "SELECT coalesce(sum(amount_minor), 0) FROM sale WHERE state = 'approved'";
    Ok((rows, books.query_row(total, [], |row| row.get(0))?))
}

//! Commits records to a store and copies the disk's image right after some of the commits were
//! acknowledged: each copy is the disk as a power cut at that moment would have left it.
//!
//! `power-cut-writer STORE IMAGE COPIES BARRIER CONTENT BYTES COMMITS…`: the directory of the
//! store, the image that it is on, where the copies go, `power-cut` or `flush-only`, `records` or
//! `orders` (which also raise the high-water mark), the bytes of each value, and after which
//! commits to copy. Ends without closing the store.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use shared::queue::{Batch, Bounds, Class, Options, Shelf, Store};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = |what: &str| arguments.next().with_context(|| format!("{what} is missing"));
    let directory = PathBuf::from(next("the directory of the store")?);
    let image = PathBuf::from(next("the image")?);
    let copies = PathBuf::from(next("the directory for the copies")?);
    let options = Options::new(Bounds::CONTROLLER, || Duration::ZERO).disk_reserve_bytes(0);
    let options = match next("the barrier")?.to_str() {
        Some("power-cut") => options,
        Some("flush-only") => options.without_barrier_for_the_power_cut_suite(),
        other => bail!("the barrier is `power-cut` or `flush-only`, not {other:?}"),
    };
    let with_orders = next("the content")? == "orders";
    let bytes: usize = next("the bytes")?.to_string_lossy().parse().context("the bytes")?;
    let moments = arguments
        .map(|moment| moment.to_string_lossy().parse::<u64>().context("a moment to copy"))
        .collect::<anyhow::Result<Vec<_>>>()?;

    let store = Store::open(&directory, options)?.store;
    for number in 1..=moments.iter().copied().max().unwrap_or(0) {
        let mut batch = Batch::new();
        let value: Vec<u8> = number.to_be_bytes().into_iter().cycle().take(bytes).collect();
        batch.put(Shelf::Journal, number, value.clone());
        batch.push(Class::Report, value);
        if with_orders {
            batch.saw_order(number);
        }
        store.commit(batch)?;
        if moments.contains(&number) {
            copy(&image, &copies.join(format!("{number}.img")))?;
        }
    }
    // Closing would make everything durable in its own time.
    std::mem::forget(store);
    Ok(())
}

fn copy(image: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = Command::new("cp").arg("--sparse=always").arg(image).arg(to).status();
    ensure!(copied.context("cp")?.success(), "`{}` could not be copied", image.display());
    Ok(())
}

//! What the hardware does to us: power that goes away, disks that fill up.
//!
//! These tests mount file systems of their own. They need root, loop devices, `mkfs.ext4`, `mount`
//! and `umount`, and fail with a sentence that says so where one of them is missing.

mod backup_power_cut;
mod disk;
mod full_disk;
mod full_place;
mod luks;
mod power_cut;
mod wiped_disk;

#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#[path = "../../agent/snapshot/tests/proof/restic.rs"]
mod restic;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#[expect(dead_code, reason = "a terminal as the snapshot program's own proof has it")]
#[path = "../../agent/snapshot/tests/proof/rig.rs"]
mod rig;

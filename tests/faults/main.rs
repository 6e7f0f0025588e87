//! What the hardware does to us: power that goes away, disks that fill up.
//!
//! These tests mount file systems of their own. They need root, loop devices, `mkfs.ext4`, `mount`
//! and `umount`, and fail with a sentence that says so where one of them is missing.

mod disk;
mod full_disk;
mod full_place;
mod power_cut;

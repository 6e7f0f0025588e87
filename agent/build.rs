//! How the program is linked: it is to be small on a terminal.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for argument in [
        // Addresses that only the loader fills in take a bit each instead of 24 bytes (glibc 2.36).
        "-Wl,-z,pack-relative-relocs",
        // Functions with the same code are one function, and texts share their ends.
        "-Wl,--icf=all",
        "-Wl,-O2",
        "-Wl,--build-id=none",
    ] {
        println!("cargo::rustc-link-arg-bin=tillward-agent={argument}");
    }
}

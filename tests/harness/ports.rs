//! Free ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

/// A port that was free a moment ago. A server that finds it taken says so, and the caller asks
/// for another; servers that can report the port they were given should be asked for port 0.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

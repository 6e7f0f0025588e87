//! Where the controller keeps what terminals save, read from its configuration.

use std::path::{Path, PathBuf};

use anyhow::Result;
use controller::config::{Config, PlaceConfig};

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub name: String,
    /// What would be lost together with it.
    pub region: String,
    /// A world's places are directories.
    pub directory: PathBuf,
}

pub(super) fn read(configuration: &Path) -> Result<[Place; 2]> {
    let places = Config::load(configuration)?.backups.places;
    Ok(places.map(|PlaceConfig { name, region, url }| {
        let directory = PathBuf::from(url.to_string());
        Place { name, region, directory }
    }))
}

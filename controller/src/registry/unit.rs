//! Units: each physical device, what happened to it, and who looked at it, as they are stored.

use async_trait::async_trait;
use shared::time::UnixTime;

use super::RegistryError;
use super::audit::By;
use super::page::Page;
use crate::position::import::Mistake;
use crate::unit::custody::{UnitMove, UnitStep};
use crate::unit::import::NewUnit;
use crate::unit::inspection::{Inspection, NewInspection};
use crate::unit::record::Unit;
use crate::unit::remains::{Facts, NewWord};
use crate::unit::{UnitRefused, UnitState};

type Result<T> = std::result::Result<T, RegistryError>;

/// Which units are listed; all where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitsOf {
    pub state: Option<UnitState>,
    pub store: Option<String>,
    pub model: Option<String>,
    /// Those that somebody must have looked at by then.
    pub due_by: Option<UnixTime>,
}

/// A unit after a step or an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<T> {
    pub unit: Unit,
    pub what: T,
    /// How it differs from its record: it is frozen, and so is its terminal.
    pub difference: Option<String>,
}

/// The part of the registry that is about physical devices. A serial number stands for the one of
/// its units that is not disposed of, or else for the newest.
#[async_trait]
pub trait UnitRegistry {
    /// Puts units on the list, in stock, all or none; gives how many. With `dry` nothing is done.
    async fn add_units(
        &self,
        new: &[NewUnit],
        dry: bool,
        by: &By,
    ) -> Result<std::result::Result<u64, Vec<Mistake>>>;

    async fn unit(&self, serial: &str) -> Result<Option<Unit>>;

    /// By number.
    async fn units(&self, of: &UnitsOf, page: &Page<u64>) -> Result<Vec<Unit>>;

    /// Something happens to a unit. What differs from its record freezes it, and its terminal.
    async fn move_unit(
        &self,
        serial: &str,
        step: &UnitStep,
        by: &By,
    ) -> Result<std::result::Result<Changed<UnitMove>, UnitRefused>>;

    /// Somebody looked at a unit. What differs from its record freezes it, and its terminal.
    async fn inspect_unit(
        &self,
        serial: &str,
        found: &NewInspection,
        by: &By,
    ) -> Result<std::result::Result<Changed<Inspection>, UnitRefused>>;

    /// Somebody answers for a sanitisation of the unit by hand; gives what is known of it then.
    async fn sanitise_unit(
        &self,
        serial: &str,
        said: &NewWord,
        by: &By,
    ) -> Result<std::result::Result<Facts, UnitRefused>>;

    /// What is known of what is on the unit.
    async fn unit_remains(&self, serial: &str) -> Result<Facts>;

    /// What happened to it, oldest first.
    async fn unit_moves(&self, unit: u64, page: &Page<u64>) -> Result<Vec<UnitMove>>;

    /// Oldest first.
    async fn inspections(&self, unit: u64, page: &Page<u64>) -> Result<Vec<Inspection>>;
}

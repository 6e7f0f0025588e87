//! What the API is asked about units.

use super::{Answer, Client, segment};
use crate::api::model::{
    NewUnitEvent, NewUnitInspection, NewUnitSanitisation, NewUnits, Unit, UnitChanged, UnitHistory,
    UnitInspection, UnitSanitisation, UnitState, UnitsAdded,
};

/// Where a unit is found.
fn path(serial: &str) -> String {
    format!("/v1/units/{}", segment(serial))
}

impl Client {
    pub(in super::super) async fn units(
        &self,
        state: Option<UnitState>,
        store: Option<&str>,
        model: Option<&str>,
        due: bool,
    ) -> Answer<Vec<Unit>> {
        let state = state.map(UnitState::as_str);
        let named = [("state", state), ("store", store), ("model", model)];
        let mut query: Vec<_> =
            named.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        query.extend(due.then_some(("due", "true")));
        self.list("/v1/units", &query).await
    }

    pub(in super::super) async fn units_due(&self, within_days: u16) -> Answer<Vec<Unit>> {
        let days = within_days.to_string();
        self.list("/v1/units/inspections/due", &[("within_days", &days)]).await
    }

    pub(in super::super) async fn add_units(&self, asked: &NewUnits) -> Answer<UnitsAdded> {
        self.post("/v1/units", asked).await
    }

    pub(in super::super) async fn unit(&self, serial: &str) -> Answer<Unit> {
        self.get(&path(serial), &[]).await
    }

    pub(in super::super) async fn unit_history(&self, serial: &str) -> Answer<Vec<UnitHistory>> {
        self.list(&format!("{}/events", path(serial)), &[]).await
    }

    pub(in super::super) async fn unit_inspections(
        &self,
        serial: &str,
    ) -> Answer<Vec<UnitInspection>> {
        self.list(&format!("{}/inspections", path(serial)), &[]).await
    }

    pub(in super::super) async fn move_unit(
        &self,
        serial: &str,
        asked: &NewUnitEvent,
    ) -> Answer<UnitChanged> {
        self.post(&format!("{}/events", path(serial)), asked).await
    }

    pub(in super::super) async fn inspect_unit(
        &self,
        serial: &str,
        asked: &NewUnitInspection,
    ) -> Answer<UnitChanged> {
        self.post(&format!("{}/inspections", path(serial)), asked).await
    }

    pub(in super::super) async fn unit_sanitisation(
        &self,
        serial: &str,
    ) -> Answer<UnitSanitisation> {
        self.get(&format!("{}/sanitisation", path(serial)), &[]).await
    }

    pub(in super::super) async fn sanitise_unit(
        &self,
        serial: &str,
        asked: &NewUnitSanitisation,
    ) -> Answer<UnitSanitisation> {
        self.post(&format!("{}/sanitisation", path(serial)), asked).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_one_part_of_a_path() {
        assert_eq!(path("PX-1_a"), "/v1/units/PX-1_a");
        assert_eq!(path("A/B?C%D"), "/v1/units/A%2FB%3FC%25D");
    }
}

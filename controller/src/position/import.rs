//! Taking over an estate that was bound before: what a table says against what is known. Pure.
//!
//! All of it or nothing, and every mistake at once: half an estate is worse than none.

use std::collections::{BTreeMap, BTreeSet};

use shared::id::{BindingId, PositionId, TerminalId};

use super::binding::{BindingPolicy, BindingState};
use super::tuple::{self, Tuple};
use super::{LINE_CHARS_MAX, PositionState};
use crate::provider::record::Provider;

/// In one import; a larger estate comes in parts, each of which is one transaction.
pub const ROWS_MAX: usize = 5000;

/// Mistakes that are told: whoever has more has another kind of file.
pub const MISTAKES_MAX: usize = 200;

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands in the file, from 1.
    pub line: u32,
    /// Of the unit that fills the position, where it is known.
    pub serial: Option<String>,
    pub store: String,
    pub lane: String,
    pub provider: String,
    pub tuple: Tuple,
    /// Where the binding is registered: the registry's reference.
    pub registration: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub line: u32,
    pub what: String,
}

/// What the registry knows of what the rows name.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// By store and lane.
    pub positions: BTreeMap<(String, String), KnownPosition>,
    /// By serial.
    pub units: BTreeMap<String, KnownUnit>,
    /// That are not over, of the positions above and of the rows' TIDs.
    pub bindings: Vec<KnownBinding>,
    /// By key: those of the rows that are in the registry.
    pub providers: BTreeMap<String, Provider>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPosition {
    pub id: PositionId,
    pub state: PositionState,
    pub terminal: Option<TerminalId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownUnit {
    pub id: TerminalId,
    pub is_revoked: bool,
    /// The position that it fills: its store and lane.
    pub fills: Option<(String, String)>,
    /// Where it was claimed for.
    pub store: String,
    pub lane: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBinding {
    pub id: BindingId,
    pub position: PositionId,
    pub provider: String,
    pub state: BindingState,
    pub tuple: Tuple,
}

/// What is to be done about one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub row: Row,
    /// The unit that is put into the position.
    pub fill: Option<TerminalId>,
    /// The row's binding is known as it is.
    pub is_known: bool,
}

/// What the rows come to, or everything that is wrong with them, by line.
pub fn plan(
    rows: Vec<Row>,
    known: &Known,
    policy: BindingPolicy,
) -> Result<Vec<Step>, Vec<Mistake>> {
    let mut work = Work { known, policy, mistakes: Vec::new(), seen: Seen::default() };
    if rows.is_empty() || rows.len() > ROWS_MAX {
        let count = rows.len();
        let what = match count {
            0 => "there are no rows".to_owned(),
            _ => format!("there are {count} rows: import at most {ROWS_MAX} at a time"),
        };
        return Err(vec![Mistake { line: 0, what }]);
    }
    let steps: Vec<_> = rows.into_iter().map(|row| work.step(row)).collect();
    match work.mistakes.is_empty() {
        true => Ok(steps),
        false => {
            work.mistakes.truncate(MISTAKES_MAX);
            Err(work.mistakes)
        }
    }
}

/// What earlier rows have named.
#[derive(Default)]
struct Seen {
    serials: BTreeSet<String>,
    tids: BTreeSet<(String, String, String)>,
    providers: BTreeSet<(String, String, String)>,
    /// By position: the serial that fills it.
    places: BTreeMap<(String, String), String>,
    active: BTreeSet<(String, String)>,
}

struct Work<'a> {
    known: &'a Known,
    policy: BindingPolicy,
    mistakes: Vec<Mistake>,
    seen: Seen,
}

impl Work<'_> {
    fn wrong(&mut self, line: u32, what: impl Into<String>) {
        self.mistakes.push(Mistake { line, what: what.into() });
    }

    fn step(&mut self, row: Row) -> Step {
        self.fields(&row);
        let place = (row.store.clone(), row.lane.clone());
        let position = self.known.positions.get(&place).copied();
        if position.is_some_and(|it| it.state == PositionState::Closed) {
            self.wrong(row.line, "the position is closed");
        }
        let fill = self.unit(&row, &place, position);
        let is_known = self.binding(&row, &place, position);
        Step { row, fill, is_known }
    }

    fn fields(&mut self, row: &Row) {
        for (field, text) in
            [("store", &row.store), ("lane", &row.lane), ("provider", &row.provider)]
        {
            let count = text.chars().count();
            if !(1..=LINE_CHARS_MAX).contains(&count)
                || text.trim() != text
                || text.chars().any(char::is_control)
            {
                let what = format!(
                    "`{field}` is empty, longer than {LINE_CHARS_MAX} characters, or has spaces \
                     around it"
                );
                self.wrong(row.line, what);
            }
        }
        for mistake in tuple::mistakes(&row.tuple, self.known.providers.get(&row.provider)) {
            self.wrong(row.line, mistake.to_string());
        }
    }

    /// The unit that has to be put there, if it does not stand there already.
    fn unit(
        &mut self,
        row: &Row,
        place: &(String, String),
        position: Option<KnownPosition>,
    ) -> Option<TerminalId> {
        let serial = row.serial.as_ref()?;
        let other = self.seen.places.insert(place.clone(), serial.clone());
        if other.as_ref().is_some_and(|other| other != serial) {
            self.wrong(row.line, "an earlier row puts another unit into this position");
        }
        if !self.seen.serials.insert(serial.clone()) {
            if other.as_ref() != Some(serial) {
                let what = format!("an earlier row puts {serial} into another position");
                self.wrong(row.line, what);
            }
            return None;
        }
        let known = self.known;
        let Some(unit) = known.units.get(serial) else {
            let what = format!("no terminal has serial number `{serial}`: claim it first");
            self.wrong(row.line, what);
            return None;
        };
        if unit.is_revoked {
            self.wrong(row.line, format!("{serial} was revoked"));
        }
        if let Some((store, lane)) = unit.fills.as_ref().filter(|fills| *fills != place) {
            self.wrong(row.line, format!("{serial} fills lane {lane} of store {store}"));
        }
        let claimed = (&unit.store, unit.lane.as_ref().unwrap_or(&place.1));
        if claimed != (&place.0, &place.1) {
            let what = format!("{serial} was claimed for store {}, lane {}", claimed.0, claimed.1);
            self.wrong(row.line, what);
        }
        match position.and_then(|it| it.terminal) {
            Some(there) if there == unit.id => None,
            Some(there) => {
                self.wrong(row.line, format!("{there} fills the position"));
                None
            }
            None => Some(unit.id),
        }
    }

    /// Whether the binding is there as the row says.
    fn binding(
        &mut self,
        row: &Row,
        place: &(String, String),
        position: Option<KnownPosition>,
    ) -> bool {
        let Row { line, provider, tuple, .. } = row;
        let (known, line) = (self.known, *line);
        let tid = (provider.clone(), tuple.mid.clone(), tuple.tid.clone());
        if !self.seen.tids.insert(tid) {
            self.wrong(line, "an earlier row has the same provider, MID and TID");
        }
        let at = (place.0.clone(), place.1.clone(), provider.clone());
        if !self.seen.providers.insert(at) {
            self.wrong(line, "an earlier row binds the position to this provider");
        }
        let here = |it: &&KnownBinding| position.is_some_and(|position| position.id == it.position);
        let same = |it: &&KnownBinding| it.provider == *provider;
        let mine = known.bindings.iter().filter(here).filter(same).find(|it| it.state.is_in_hand());
        let taken = known.bindings.iter().filter(same).find(|it| {
            it.tuple.mid == tuple.mid
                && it.tuple.tid == tuple.tid
                && mine.is_none_or(|mine| mine.id != it.id)
        });
        if let Some(taken) = taken {
            self.wrong(line, format!("binding {} has this MID and TID", taken.id));
        }
        let is_first = self.seen.active.insert(place.clone());
        if self.policy.one_active && !is_first {
            self.wrong(line, "an earlier row makes another binding of the position active");
        }
        match mine {
            Some(mine) if mine.state == BindingState::Active && mine.tuple == *tuple => true,
            Some(mine) => {
                let state = mine.state;
                let what = format!("binding {} is {state} there, and differs", mine.id);
                self.wrong(line, what);
                false
            }
            None => {
                let active = known.bindings.iter().filter(here);
                let active = active.into_iter().find(|it| it.state == BindingState::Active);
                if let Some(active) = active.filter(|_| self.policy.one_active) {
                    let what = format!("binding {} of the position is active", active.id);
                    self.wrong(line, what);
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;

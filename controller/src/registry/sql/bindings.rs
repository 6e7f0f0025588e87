//! Bindings and the versions of their tuples: the trait's methods over the statements.

mod import;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use shared::document::Profile;
use shared::id::{BindingId, PositionId, TerminalId};
use shared::outcome::Outcome;

use super::session::{
    Access, Database, Row, Transaction, code, int, json, maybe_text, maybe_time, text, time,
};
use super::{SqlRegistry, audit, finish, positions, read, tally, transaction, write};
use crate::position::binding::told::{self, Moves, Till};
use crate::position::binding::{
    self, Binding, BindingEvent, BindingPolicy, BindingRefused, BindingState, Registration, Version,
};
use crate::position::import::{Mistake, Row as ImportRow};
use crate::position::tuple::Tuple;
use crate::position::{Position, PositionEvent, PositionRefused, PositionState};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::position::{BindingsOf, Imported, NewBinding, PositionRegistry, PutPosition};

type Result<T> = std::result::Result<T, RegistryError>;

type Refused<T> = std::result::Result<T, BindingRefused>;

#[async_trait]
impl<D: Database> PositionRegistry for SqlRegistry<D> {
    async fn put_position(&self, put: &PutPosition, by: &By) -> Result<Position> {
        write!(self, "set a position", tx => positions::put(tx, put, by))
    }

    async fn position(&self, id: PositionId) -> Result<Option<Position>> {
        read!(self, "find a position", tx => positions::by_id(tx, id))
    }

    async fn position_at(&self, store: &str, lane: &str) -> Result<Option<Position>> {
        read!(self, "find a position", tx => positions::at(tx, store, lane))
    }

    async fn positions(&self, page: &Page<PositionId>) -> Result<Vec<Position>> {
        read!(self, "list positions", tx => positions::page(tx, page))
    }

    async fn positions_of(&self, terminals: &[TerminalId]) -> Result<Vec<Position>> {
        read!(self, "find positions", tx => positions::of(tx, terminals))
    }

    async fn providers_of(&self, terminals: &[TerminalId]) -> Result<Vec<(TerminalId, String)>> {
        read!(self, "find providers", tx => positions::providers_of(tx, terminals))
    }

    async fn fill_position(
        &self,
        id: PositionId,
        terminal: TerminalId,
        by: &By,
    ) -> Result<std::result::Result<Position, PositionRefused>> {
        write!(self, "fill a position", tx => positions::fill(tx, id, terminal, by))
    }

    async fn move_position(
        &self,
        id: PositionId,
        event: PositionEvent,
        by: &By,
    ) -> Result<std::result::Result<Position, PositionRefused>> {
        write!(self, "move a position", tx => positions::move_on(tx, id, event, by))
    }

    async fn add_binding(&self, new: &NewBinding, by: &By) -> Result<Refused<Binding>> {
        write!(self, "make a binding", tx => add(tx, new, by))
    }

    async fn binding(&self, id: BindingId) -> Result<Option<Binding>> {
        read!(self, "find a binding", tx => by_id(tx, id))
    }

    async fn bindings(&self, of: &BindingsOf, page: &Page<BindingId>) -> Result<Vec<Binding>> {
        read!(self, "list bindings", tx => listed(tx, of, page))
    }

    async fn binding_versions(&self, id: BindingId) -> Result<Vec<Version>> {
        read!(self, "list a binding's versions", tx => versions(tx, id))
    }

    async fn change_binding(
        &self,
        id: BindingId,
        seen: u32,
        tuple: &Tuple,
        by: &By,
    ) -> Result<Refused<Binding>> {
        write!(self, "change a binding", tx => change(tx, id, seen, tuple, by))
    }

    async fn note_registration(
        &self,
        id: BindingId,
        registration: &Registration,
        by: &By,
    ) -> Result<Refused<Binding>> {
        write!(self, "note a registration", tx => note_registration(tx, id, registration, by))
    }

    async fn move_bindings(
        &self,
        moves: &[(BindingId, BindingEvent)],
        policy: BindingPolicy,
        by: &By,
    ) -> Result<Refused<Vec<Binding>>> {
        write!(self, "move bindings", tx => move_on(tx, moves, policy, by))
    }

    async fn import_bindings(
        &self,
        rows: &[ImportRow],
        policy: BindingPolicy,
        dry: bool,
        by: &By,
    ) -> Result<std::result::Result<Imported, Vec<Mistake>>> {
        write!(self, "import bindings", tx => import::run(tx, rows, policy, dry, by))
    }
}

/// A binding with its newest version, in the order in which [`row_of`] takes the columns.
macro_rules! select_bindings {
    ($tail:literal) => {
        concat!(
            "SELECT b.id, b.position, b.provider, b.state, b.state_at, b.state_by, b.state_why,
                 b.created_at, b.created_by, v.version, v.tuple, v.registration,
                 v.registration_reference, v.registration_at, v.set_at, v.set_by, v.set_why
             FROM bindings b
             JOIN binding_versions v ON v.binding = b.id AND v.version = b.version ",
            $tail
        )
    };
}

fn row_of(mut row: Row) -> Result<Binding> {
    let (id, position, provider) = (row.parsed("binding")?, row.parsed("position")?, row.text()?);
    let (state, state_at) = (row.code()?, row.time()?);
    let (state_by, state_why) = (row.text()?, row.text()?);
    let (created_at, created_by) = (row.time()?, row.text()?);
    let version = version(row)?;
    Ok(Binding {
        id,
        position,
        provider,
        state,
        state_at,
        state_by,
        state_why,
        version,
        created_at,
        created_by,
    })
}

fn version(mut row: Row) -> Result<Version> {
    Ok(Version {
        number: row.number()?,
        tuple: row.json("binding's tuple")?,
        registration: Registration {
            status: row.code()?,
            reference: row.maybe_text()?,
            at: row.maybe_time()?,
        },
        set_at: row.time()?,
        set_by: row.text()?,
        set_why: row.text()?,
    })
}

async fn by_id(tx: &mut Transaction, id: BindingId) -> Result<Option<Binding>> {
    let row = tx.row(select_bindings!("WHERE b.id = $1"), vec![text(id)]).await?;
    row.map(row_of).transpose()
}

async fn known(tx: &mut Transaction, id: BindingId) -> Result<Binding> {
    let missing = || RegistryError::Missing { what: "binding", which: id.to_string() };
    by_id(tx, id).await?.ok_or_else(missing)
}

async fn listed(
    tx: &mut Transaction,
    of: &BindingsOf,
    page: &Page<BindingId>,
) -> Result<Vec<Binding>> {
    let after = page.after.map(|id| id.to_string()).unwrap_or_default();
    let select = select_bindings!(
        "WHERE b.id > $1 AND ($3 IS NULL OR b.position = $3) AND ($4 IS NULL OR b.provider = $4)
         ORDER BY b.id LIMIT $2"
    );
    let values = vec![
        text(after),
        int(page.items()),
        maybe_text(of.position),
        maybe_text(of.provider.as_ref()),
    ];
    tx.rows(select, values).await?.into_iter().map(row_of).collect()
}

async fn versions(tx: &mut Transaction, id: BindingId) -> Result<Vec<Version>> {
    let select = "SELECT version, tuple, registration, registration_reference, registration_at,
             set_at, set_by, set_why
         FROM binding_versions WHERE binding = $1 ORDER BY version";
    tx.rows(select, vec![text(id)]).await?.into_iter().map(version).collect()
}

/// Those of a position that are not over: a handful.
async fn standing(
    tx: &mut Transaction,
    position: PositionId,
) -> Result<BTreeMap<BindingId, BindingState>> {
    let select = "SELECT id, state FROM bindings
         WHERE position = $1 AND state NOT IN ('retired', 'failed')";
    let state = |mut row: Row| Ok((row.parsed("binding")?, row.code()?));
    tx.rows(select, vec![text(position)]).await?.into_iter().map(state).collect()
}

/// Another binding that the provider would take for this one.
async fn tid_taken(
    tx: &mut Transaction,
    provider: &str,
    tuple: &Tuple,
    but: Option<BindingId>,
) -> Result<Refused<()>> {
    let select = "SELECT id, position FROM bindings
         WHERE provider = $1 AND mid = $2 AND tid = $3 AND state NOT IN ('retired', 'failed')
             AND ($4 IS NULL OR id <> $4)";
    let Tuple { mid, tid, .. } = tuple;
    let values = vec![text(provider), text(mid), text(tid), maybe_text(but)];
    let Some(mut row) = tx.row(select, values).await? else { return Ok(Ok(())) };
    let (by, position) = (row.parsed("binding")?, row.parsed("position")?);
    let (mid, tid) = (mid.clone(), tid.clone());
    Ok(Err(BindingRefused::TidTaken { by, position, mid, tid }))
}

async fn add(tx: &mut Transaction, new: &NewBinding, by: &By) -> Result<Refused<Binding>> {
    if let Err(refused) = may_add(tx, new).await? {
        return Ok(Err(refused));
    }
    write_new(tx, new, by).await?;
    Ok(Ok(known(tx, new.id).await?))
}

pub(super) async fn may_add(tx: &mut Transaction, new: &NewBinding) -> Result<Refused<()>> {
    let NewBinding { position, provider, tuple, .. } = new;
    if positions::known(tx, *position).await?.state == PositionState::Closed {
        return Ok(Err(BindingRefused::PositionClosed { position: *position }));
    }
    let of = BindingsOf { position: Some(*position), provider: Some(provider.clone()) };
    let theirs = listed(tx, &of, &Page::first(u32::MAX)).await?;
    if let Some(other) = theirs.iter().find(|it| it.state.is_in_hand()) {
        return Ok(Err(BindingRefused::ProviderTaken { by: other.id }));
    }
    tid_taken(tx, provider, tuple, None).await
}

/// One that [`may_add`] has looked at.
pub(super) async fn write_new(tx: &mut Transaction, new: &NewBinding, by: &By) -> Result<()> {
    insert(tx, new, BindingState::Draft, by).await?;
    insert_version(tx, new.id, 1, &new.tuple, &Registration::NONE, by).await?;
    audit::append(tx, by, "binding-made", new.id).await
}

async fn insert(
    tx: &mut Transaction,
    new: &NewBinding,
    state: BindingState,
    by: &By,
) -> Result<()> {
    let insert = "INSERT INTO bindings (id, position, provider, state, state_at, state_by,
             state_why, version, mid, tid, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $5, $6)";
    let values = vec![
        text(new.id),
        text(new.position),
        text(&new.provider),
        code(state),
        time(by.at),
        text(&by.who),
        text(&by.why),
        text(&new.tuple.mid),
        text(&new.tuple.tid),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

async fn insert_version(
    tx: &mut Transaction,
    binding: BindingId,
    number: u32,
    tuple: &Tuple,
    registration: &Registration,
    by: &By,
) -> Result<()> {
    let insert = "INSERT INTO binding_versions (binding, version, tuple, registration,
             registration_reference, registration_at, set_at, set_by, set_why)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = vec![
        text(binding),
        int(number),
        json(tuple),
        code(registration.status),
        maybe_text(registration.reference.as_ref()),
        maybe_time(registration.at),
        time(by.at),
        text(&by.who),
        text(&by.why),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

async fn change(
    tx: &mut Transaction,
    id: BindingId,
    seen: u32,
    tuple: &Tuple,
    by: &By,
) -> Result<Refused<Binding>> {
    let before = known(tx, id).await?;
    let state = match binding::changed(&before, seen, tuple) {
        Ok(state) => state,
        Err(refused) => return Ok(Err(refused)),
    };
    if before.version.tuple == *tuple {
        return Ok(Ok(before));
    }
    if let Err(refused) = tid_taken(tx, &before.provider, tuple, Some(id)).await? {
        return Ok(Err(refused));
    }
    let number = seen.saturating_add(1);
    insert_version(tx, id, number, tuple, &Registration::NONE, by).await?;
    let update = "UPDATE bindings SET version = $2, mid = $3, tid = $4 WHERE id = $1";
    let values = vec![text(id), int(number), text(&tuple.mid), text(&tuple.tid)];
    tx.execute(update, values).await?;
    write_state(tx, id, state, by).await?;
    audit::append(tx, by, BindingEvent::Change.audited_as(), id).await?;
    Ok(Ok(known(tx, id).await?))
}

async fn note_registration(
    tx: &mut Transaction,
    id: BindingId,
    to: &Registration,
    by: &By,
) -> Result<Refused<Binding>> {
    let before = known(tx, id).await?;
    let from = &before.version.registration;
    if from == to {
        return Ok(Ok(before));
    }
    if let Err(refused) = binding::registered(from, to) {
        return Ok(Err(refused));
    }
    let update = "UPDATE binding_versions SET registration = $3, registration_reference = $4,
             registration_at = $5
         WHERE binding = $1 AND version = $2";
    let values = vec![
        text(id),
        int(before.version.number),
        code(to.status),
        maybe_text(to.reference.as_ref().or(from.reference.as_ref())),
        maybe_time(to.at),
    ];
    tx.execute(update, values).await?;
    audit::append(tx, by, &format!("registration-{}", to.status), id).await?;
    Ok(Ok(known(tx, id).await?))
}

async fn write_state(
    tx: &mut Transaction,
    id: BindingId,
    state: BindingState,
    by: &By,
) -> Result<()> {
    let update = "UPDATE bindings SET state = $2, state_at = $3, state_by = $4, state_why = $5
         WHERE id = $1 AND state <> $2";
    let values = vec![text(id), code(state), time(by.at), text(&by.who), text(&by.why)];
    if tx.execute(update, values).await? == 0 {
        return Ok(());
    }
    // With whom a terminal settles is what a campaign may go by.
    let select = "SELECT p.terminal FROM bindings b JOIN positions p ON p.id = b.position
         WHERE b.id = $1 AND p.terminal IS NOT NULL";
    match tx.row(select, vec![text(id)]).await? {
        Some(mut row) => tally::changed(tx, row.parsed("terminal")?).await,
        None => Ok(()),
    }
}

/// Looks at all moves before it writes the first one.
async fn move_on(
    tx: &mut Transaction,
    moves: &[(BindingId, BindingEvent)],
    policy: BindingPolicy,
    by: &By,
) -> Result<Refused<Vec<Binding>>> {
    let mut after = BTreeMap::new();
    let mut positions = BTreeSet::new();
    for (id, event) in moves {
        let mut it = known(tx, *id).await?;
        it.state = after.get(id).copied().unwrap_or(it.state);
        let next = match binding::moved(&it, *event) {
            Ok(next) => next,
            Err(refused) => return Ok(Err(refused)),
        };
        after.insert(*id, next);
        positions.insert(it.position);
    }
    for position in positions {
        let mut states = standing(tx, position).await?;
        states.iter_mut().for_each(|(id, state)| *state = *after.get(id).unwrap_or(state));
        let states: Vec<_> = states.into_iter().collect();
        if let Err(refused) = binding::may_stand(policy, position, &states) {
            return Ok(Err(refused));
        }
    }
    // Whoever leaves a state makes room for who comes into it.
    for (id, state) in &after {
        write_state(tx, *id, *state, by).await?;
    }
    let mut moved = Vec::new();
    for (id, event) in moves {
        audit::append(tx, by, event.audited_as(), id).await?;
        moved.push(known(tx, *id).await?);
    }
    Ok(Ok(moved))
}

/// What a terminal's signed end of a change of provider moves; gives where it does not agree with
/// what is written down. Nothing where the binding of its profile never was.
pub(super) async fn told(
    tx: &mut Transaction,
    profile: &Profile,
    outcome: &Outcome,
    by: &By,
) -> Result<Vec<String>> {
    if told::till(outcome) == Till::Unknown {
        return Ok(vec![]);
    }
    let Some(new) = by_id(tx, profile.binding).await? else { return Ok(vec![]) };
    if new.position != profile.position {
        let (id, here, there) = (new.id, new.position, profile.position);
        return Ok(vec![format!("binding {id} is of {here}, and the profile is for {there}")]);
    }
    let before = active(tx, new.position).await?;
    let mut differs = told::differences(profile, &new);
    let old = left(tx, profile).await?;
    let old_state = old.as_ref().map(|it| it.state);
    let registration = new.version.registration.status;
    match told::moves(outcome, old_state, (new.state, registration)) {
        Ok(Moves { old: of_old, new: of_new }) => {
            let of_old = of_old.into_iter().filter_map(|event| Some((old.as_ref()?.id, event)));
            let of_new = of_new.into_iter().map(|event| (new.id, event));
            let moves: Vec<_> = of_old.chain(of_new).collect();
            // How many may be active is asked when a change is planned: here it is told what is so.
            let policy = BindingPolicy { one_active: false };
            let refused = move_on(tx, &moves, policy, by).await?.err();
            differs.extend(refused.map(|why| why.to_string()));
        }
        Err(stay) => differs.push(stay.to_string()),
    }
    // A terminal that serves several acquirers has as many active ones as before.
    let after = active(tx, new.position).await?;
    if after > before.max(1) {
        differs.push(format!("{after} bindings of {} are active, one more", new.position));
    }
    Ok(differs)
}

/// How many bindings of a position are active.
async fn active(tx: &mut Transaction, position: PositionId) -> Result<usize> {
    let states = standing(tx, position).await?;
    Ok(states.values().filter(|state| **state == BindingState::Active).count())
}

/// The binding that the terminal had before, found by what its acquirer knows it by where the
/// profile names none of this position.
async fn left(tx: &mut Transaction, profile: &Profile) -> Result<Option<Binding>> {
    let Profile { position, binding: new, replaces, .. } = profile;
    if let Some(id) = replaces.binding {
        let named = by_id(tx, id).await?;
        if let Some(named) = named.filter(|it| it.position == *position && it.id != *new) {
            return Ok(Some(named));
        }
    }
    let of = BindingsOf { position: Some(*position), provider: None };
    let all = listed(tx, &of, &Page::first(u32::MAX)).await?;
    Ok(all.into_iter().find(|it| {
        let tuple = &it.version.tuple;
        it.id != *new
            && (&tuple.mid, &tuple.tid) == (&replaces.mid, &replaces.tid)
            && matches!(it.state, BindingState::Active | BindingState::Standby)
    }))
}

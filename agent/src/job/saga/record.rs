//! The durable half of a job: exactly what its journal says, nothing else.

use std::collections::BTreeMap;

use shared::document::receipt::Evidence;
use shared::limits::EVIDENCE_MAX;
use shared::outcome::{Failure, Outcome};

use super::super::Action;
use super::super::step::{Lasts, Mark, Step, Table, Undo};
use crate::journal::Entry;

/// A journal that this build cannot continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal names step `{step}`, which this build's table does not have")]
pub struct Unreplayable {
    pub step: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not begun, or undone.
    Pending,
    Skipped,
    Intended,
    /// Done, or passed over where there is no way back.
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Forward,
    /// Undoing the highest step that stands; `undoing` says which of its actions, once begun.
    Back {
        goal: Goal,
        undoing: Option<usize>,
    },
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// To wait at this step again.
    Retreat {
        to: usize,
    },
    End(Ending),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Failed { failure: Failure, disturbed: bool },
    Withdrawn(Outcome),
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    table: Table,
    pub(super) standing: Vec<Standing>,
    pub(super) noted: BTreeMap<&'static str, bool>,
    pub(super) course: Course,
    pub(super) evidence: Vec<Evidence>,
    /// The version that the application reported last.
    pub(super) version: Option<String>,
    /// The first thing that could not be undone, and for which a person is needed.
    pub(super) trouble: Option<Failure>,
    /// Restarts since something was established that lasts.
    pub(super) interruptions: u32,
}

impl Record {
    pub(super) fn new(table: Table) -> Self {
        Self {
            table,
            standing: vec![Standing::Pending; table.len()],
            noted: BTreeMap::new(),
            course: Course::Forward,
            evidence: Vec::new(),
            version: None,
            trouble: None,
            interruptions: 0,
        }
    }

    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), Unreplayable> {
        match entry {
            Entry::Accepted { .. } => {}
            Entry::Resumed => self.interruptions += 1,
            Entry::Intended { step, noted } => {
                let at = self.stands(step, Standing::Intended)?;
                if let Some(noted) = noted {
                    self.noted.insert(self.table[at].name, *noted);
                }
            }
            Entry::Happened { step, evidence, version } => {
                self.stands(step, Standing::Over)?;
                evidence.iter().for_each(|piece| self.note(piece.clone()));
                self.version = version.clone().or(self.version.take());
            }
            Entry::Noted { piece } => self.note(piece.clone()),
            Entry::Skipped { step } => {
                self.stands(step, Standing::Skipped)?;
            }
            Entry::PassedOver { failure, at } => {
                let place = self.stands(&failure.step, Standing::Over)?;
                self.note_failure("not done", failure, *at);
                if self.table[place].vital {
                    self.trouble.get_or_insert_with(|| failure.clone());
                }
            }
            Entry::Failed { failure, disturbed } => {
                let ending = Ending::Failed { failure: failure.clone(), disturbed: *disturbed };
                self.turn_back(Goal::End(ending));
            }
            Entry::Withdrawn { outcome } => {
                self.turn_back(Goal::End(Ending::Withdrawn(outcome.clone())));
            }
            Entry::Retreating { to } => {
                let to = self.place(to)?;
                self.turn_back(Goal::Retreat { to });
            }
            Entry::Undoing { step, action } => {
                let at = self.place(step)?;
                let actions = self.undo_actions(at);
                let which = actions.iter().position(|known| known == action);
                let which = which.ok_or_else(|| Unreplayable { step: step.clone() })?;
                if let Course::Back { undoing, .. } = &mut self.course {
                    *undoing = Some(which);
                }
            }
            Entry::Undone { step } => {
                self.stands(step, Standing::Pending)?;
            }
            Entry::NotUndone { step, failure, at } => {
                let place = self.stands(step, Standing::Pending)?;
                self.note_failure("not undone", failure, *at);
                if matches!(self.table[place].undo, Undo::By(_)) {
                    self.trouble.get_or_insert_with(|| failure.clone());
                }
            }
            Entry::Retreated { to, evidence } => {
                let to = self.place(to)?;
                self.standing[to..].fill(Standing::Pending);
                self.evidence.clone_from(evidence);
                self.course = Course::Forward;
                self.trouble = None;
                self.interruptions = 0;
            }
        }
        Ok(())
    }

    /// How the step at `place` is undone, as things stand.
    pub(super) fn undo_actions(&self, place: usize) -> &'static [Action] {
        match self.is_stranded() {
            true => self.table[place].stranded,
            false => self.table[place].undo.actions(),
        }
    }

    /// Something that mattered could be neither done nor undone, and the table says what leaves
    /// the shop safe: nothing else is done any more, so that people are called at once. Where
    /// there is only forward, what the shop needs to be safe may be done already.
    pub(super) fn is_stranded(&self) -> bool {
        let Some(trouble) = &self.trouble else { return false };
        let behind = |step: &&Step| self.is_final() && step.name != trouble.step;
        self.table.iter().skip_while(behind).any(|step| !step.stranded.is_empty())
    }

    /// Whether the step at `place` is being replaced by what leaves the shop safe.
    pub(super) fn is_being_stopped_at(&self, place: usize) -> bool {
        self.is_stranded() && self.standing[place] == Standing::Intended
    }

    /// The first step that is not over.
    pub(super) fn at(&self) -> usize {
        let open = |standing: &Standing| match standing {
            Standing::Pending | Standing::Intended => true,
            Standing::Skipped | Standing::Over => false,
        };
        self.standing.iter().position(open).unwrap_or(self.table.len())
    }

    /// The step with this mark, where it was intended at least.
    pub(super) fn marked(&self, mark: Mark) -> Option<usize> {
        let place = self.table.iter().position(|step| step.mark == mark)?;
        matches!(self.standing[place], Standing::Intended | Standing::Over).then_some(place)
    }

    /// Whether the shop was disturbed, and has not been left alone again.
    pub(super) fn is_disturbed(&self) -> bool {
        let disturbs = [Mark::TakesLease, Mark::StopsTrading];
        disturbs.into_iter().any(|mark| self.marked(mark).is_some()) || self.is_final()
    }

    /// Whether there is only forward.
    pub(super) fn is_final(&self) -> bool {
        self.marked(Mark::PointOfNoReturn).is_some()
    }

    fn place(&self, name: &str) -> Result<usize, Unreplayable> {
        let place = self.table.iter().position(|step| step.name == name);
        place.ok_or_else(|| Unreplayable { step: name.to_owned() })
    }

    fn stands(&mut self, name: &str, standing: Standing) -> Result<usize, Unreplayable> {
        let place = self.place(name)?;
        self.standing[place] = standing;
        let over = matches!(standing, Standing::Over | Standing::Skipped);
        if over && self.table[place].lasts == Lasts::Always {
            self.interruptions = 0;
        }
        if let Course::Back { undoing, .. } = &mut self.course {
            *undoing = None;
        }
        Ok(place)
    }

    fn turn_back(&mut self, goal: Goal) {
        let undoing = match self.course {
            Course::Back { undoing, .. } => undoing,
            Course::Forward | Course::Over => None,
        };
        self.course = Course::Back { goal, undoing };
        self.interruptions = 0;
    }

    fn note_failure(&mut self, what: &str, failure: &Failure, at: shared::time::UnixTime) {
        let note = shared::limits::short_text(&format!("{what}: {}", failure.detail));
        self.note(Evidence { step: failure.step.clone(), at, note, digest: None });
    }

    /// Beyond the limit the oldest goes: the newest is what explains the end.
    fn note(&mut self, piece: Evidence) {
        if self.evidence.len() >= EVIDENCE_MAX {
            self.evidence.remove(0);
        }
        self.evidence.push(piece);
    }
}

//! A till in memory that does what a test tells it, and time that passes when somebody waits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use shared::backup::DataClass;
use shared::durable::{self, Readers};

use crate::machine::Timekeeper;
use crate::pos::protocol::{OpenBatch, Work};
use crate::pos::{
    Application, Binding, BindingState, Check, DataSet, Export, Figures, Host, Left,
    PosApplication, PosError, SelfTest, Settled, Status, Suspicion, Tested, Trading, Trial, Tuple,
    Wanted,
};
use crate::stop::Waited;

/// What a test can turn.
#[derive(Clone, Debug)]
pub(crate) struct Knobs {
    pub(crate) component: String,
    pub(crate) version: String,
    pub(crate) instance: u32,
    pub(crate) work: Work,
    pub(crate) panics: bool,
    /// Instead of every answer.
    pub(crate) broken: Option<PosError>,
    /// What the restart answers.
    pub(crate) restart: Result<(), PosError>,
    /// Which version runs after a restart; `None`: the restart changes nothing.
    pub(crate) restarts_into: Option<String>,
    pub(crate) printer: bool,
    pub(crate) host: bool,
    /// Bindings whose hosts do not answer.
    pub(crate) hosts_away: Vec<&'static str>,
    pub(crate) no_tests: bool,
    pub(crate) left: Left,
    pub(crate) host_count: u64,
    pub(crate) host_reference: &'static str,
    /// In the data set `sales`.
    pub(crate) sales: u64,
    pub(crate) batch_open: bool,
    pub(crate) held_ms: u64,
    /// The binding `a` of provider alpha is active at first, and alone.
    pub(crate) bindings: Vec<Binding>,
    /// Whether there is room for a second binding.
    pub(crate) slot: bool,
    pub(crate) staged: Option<Tuple>,
    pub(crate) tested: Vec<String>,
    /// Of the test sales.
    pub(crate) declines: bool,
    /// Keys of tests whose answer was lost.
    pub(crate) lost: Vec<String>,
    /// Test sales that were not taken back.
    pub(crate) tests_left: u64,
    pub(crate) figures: Figures,
    pub(crate) stopped: Option<String>,
    pub(crate) suspicion: Option<Suspicion>,
    /// What it was asked, in order.
    pub(crate) asked: Vec<&'static str>,
    /// Of that, what a binding was named for that empties or erases it.
    pub(crate) named: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct ToyTill(Mutex<Knobs>);

impl ToyTill {
    /// Sells with version 1.0.0, healthy in every way.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Knobs {
            component: "pos".to_owned(),
            version: "1.0.0".to_owned(),
            instance: 1,
            work: Work::Free,
            panics: false,
            broken: None,
            restart: Ok(()),
            restarts_into: None,
            printer: true,
            host: true,
            hosts_away: Vec::new(),
            no_tests: false,
            left: Left::default(),
            host_count: 3,
            host_reference: "a-42",
            sales: 3,
            batch_open: false,
            held_ms: 0,
            bindings: vec![binding("a", BindingState::Active, "alpha", "A-MID", "A-1")],
            slot: true,
            staged: None,
            tested: Vec::new(),
            declines: false,
            lost: Vec::new(),
            tests_left: 0,
            figures: Figures::default(),
            stopped: None,
            suspicion: None,
            asked: Vec::new(),
            named: Vec::new(),
        }))
    }

    pub(crate) fn turn<T>(&self, turn: impl FnOnce(&mut Knobs) -> T) -> T {
        turn(&mut self.0.lock().unwrap())
    }

    fn answer<T>(
        &self,
        asked: &'static str,
        answer: impl FnOnce(&mut Knobs) -> Result<T, PosError>,
    ) -> Result<T, PosError> {
        self.turn(|knobs| {
            assert!(!knobs.panics, "as the test wants it");
            knobs.asked.push(asked);
            knobs.broken.clone().map_or_else(|| answer(knobs), Err)
        })
    }
}

impl PosApplication for std::sync::Arc<ToyTill> {
    fn status(&self) -> Result<Status, PosError> {
        self.answer("status", |knobs| {
            Ok(Status {
                application: Application {
                    component: knobs.component.clone(),
                    version: knobs.version.clone(),
                    instance: knobs.instance.to_string(),
                    started_at: 0,
                },
                work: knobs.work,
                trading: if knobs.stopped.is_some() { Trading::Held } else { Trading::Open },
                hold_expires_at: None,
                bindings: knobs
                    .bindings
                    .iter()
                    .map(|it| Binding {
                        left: knobs.left,
                        open_batch: knobs.batch_open.then(|| OpenBatch {
                            count: 2,
                            total_minor: 700,
                            currency: "CNY".to_owned(),
                        }),
                        ..it.clone()
                    })
                    .collect(),
                stopped: knobs.stopped.clone(),
                suspicion: knobs.suspicion.clone(),
            })
        })
    }

    fn hold(&self, _lease: Duration, _reason: &str) -> Result<(), PosError> {
        self.answer("hold", |_| Ok(()))
    }

    fn release(&self) -> Result<(), PosError> {
        self.answer("release", |knobs| {
            knobs.stopped = None;
            Ok(())
        })
    }

    fn drain(&self, binding: Option<&str>) -> Result<Left, PosError> {
        self.answer("drain", |knobs| {
            knobs.named.extend(binding.map(|it| format!("drain {it}")));
            Ok(knobs.left)
        })
    }

    fn settle(&self, binding: Option<&str>) -> Result<Vec<Settled>, PosError> {
        self.answer("settle", |knobs| {
            knobs.named.extend(binding.map(|it| format!("settle {it}")));
            Ok(vec![Settled {
                binding: "a".to_owned(),
                batch_number: 12,
                currency: "CNY".to_owned(),
                count: 3,
                total_minor: 1250,
                host_count: knobs.host_count,
                host_total_minor: 1250,
                host_reference: knobs.host_reference.to_owned(),
            }])
        })
    }

    fn self_test(&self) -> Result<SelfTest, PosError> {
        self.answer("self_test", |knobs| {
            if knobs.no_tests {
                return Err(PosError::Unsupported("no".to_owned()));
            }
            let (passed, detail) = (knobs.printer, String::new());
            let check = Check { name: "printer".to_owned(), passed, detail };
            Ok(SelfTest { passed, checks: vec![check] })
        })
    }

    fn host_check(&self) -> Result<Vec<Host>, PosError> {
        self.answer("host_check", |knobs| {
            if knobs.no_tests {
                return Err(PosError::Unsupported("no".to_owned()));
            }
            let detail = "refused".to_owned();
            let host = |it: &Binding| Host {
                binding: it.binding.clone(),
                reachable: knobs.host && !knobs.hosts_away.contains(&it.binding.as_str()),
                detail: detail.clone(),
                last_batch: None,
            };
            Ok(knobs.bindings.iter().map(host).collect())
        })
    }

    fn restart(&self) -> Result<(), PosError> {
        self.turn(|knobs| {
            knobs.asked.push("restart");
            knobs.restart.clone()?;
            if let Some(version) = &knobs.restarts_into {
                knobs.version.clone_from(version);
                knobs.instance += 1;
                knobs.broken = None;
            }
            Ok(())
        })
    }

    fn show_notice(&self, _text: &str) -> Result<(), PosError> {
        self.answer("show_notice", |_| Ok(()))
    }

    fn export(&self, into: &Path) -> Result<Export, PosError> {
        self.answer("export", |knobs| {
            durable::replace_file(&into.join("sales.db"), b"three sales", Readers::Anyone).unwrap();
            let data_sets = vec![sales(knobs.sales)];
            Ok(Export { data_sets, batch_open: knobs.batch_open, held_ms: knobs.held_ms })
        })
    }

    fn rehearse(&self, from: &Path, wanted: &[Wanted]) -> Result<Vec<DataSet>, PosError> {
        self.answer("rehearse", |knobs| loaded(knobs, from, wanted))
    }

    fn import(&self, from: &Path, wanted: &[Wanted]) -> Result<Vec<DataSet>, PosError> {
        self.answer("import", |knobs| loaded(knobs, from, wanted))
    }

    fn revert_import(&self) -> Result<(), PosError> {
        self.answer("revert_import", |_| Ok(()))
    }

    fn commit_import(&self) -> Result<(), PosError> {
        self.answer("commit_import", |_| Ok(()))
    }

    fn stage_binding(&self, name: &str, tuple: &Tuple) -> Result<Option<String>, PosError> {
        self.answer("stage_binding", |knobs| {
            if !knobs.slot {
                return Err(PosError::Refused("there is one slot".to_owned()));
            }
            knobs.bindings.retain(|it| it.binding != name);
            let staged = BindingState::Staged;
            let Tuple { provider, mid, tid, .. } = tuple;
            knobs.bindings.push(binding(name, staged, provider, mid, tid));
            knobs.staged = Some(tuple.clone());
            Ok(Some("3F8A21".to_owned()))
        })
    }

    fn switch_binding(&self, to: &str) -> Result<String, PosError> {
        self.answer("switch_binding", |knobs| {
            if !knobs.bindings.iter().any(|it| it.binding == to) {
                return Err(PosError::Refused(format!("{to} is not staged")));
            }
            for it in &mut knobs.bindings {
                it.state = match it.state {
                    _ if it.binding == to => Some(BindingState::Active),
                    // Another acquirer's, which sells on.
                    other if it.provider.as_deref() == Some("gamma") => other,
                    _ => Some(BindingState::Standby),
                };
            }
            Ok(to.to_owned())
        })
    }

    fn test_transaction(&self, trial: &Trial<'_>) -> Result<Tested, PosError> {
        self.answer("test_transaction", |knobs| {
            knobs.tested.push(format!("{} {}", trial.key, trial.test.kind.as_str()));
            let (reference, detail) = ("r-1".to_owned(), "the host said so".to_owned());
            let passed = !knobs.declines && !knobs.lost.contains(&trial.key);
            Ok(Tested { passed, reference, detail })
        })
    }

    fn void_tests(&self, _binding: &str) -> Result<u64, PosError> {
        self.answer("void_tests", |knobs| Ok(knobs.tests_left))
    }

    fn erase_binding(&self, name: &str) -> Result<(), PosError> {
        self.answer("erase_binding", |knobs| {
            knobs.named.push(format!("erase {name}"));
            knobs.bindings.retain(|it| it.binding != name);
            Ok(())
        })
    }

    fn figures(&self, _binding: &str) -> Result<Figures, PosError> {
        self.answer("figures", |knobs| Ok(knobs.figures))
    }

    fn stop_trading(&self, message: &str) -> Result<(), PosError> {
        self.answer("stop_trading", |knobs| {
            knobs.stopped = Some(message.to_owned());
            Ok(())
        })
    }

    fn erase(&self, owing: bool) -> Result<(), PosError> {
        self.answer("erase", |knobs| {
            let owes = knobs.batch_open || knobs.left != Left::default();
            if knobs.stopped.is_none() || (owes && !owing) {
                return Err(PosError::Refused("it sells, or owes something".to_owned()));
            }
            knobs.bindings.clear();
            Ok(())
        })
    }
}

pub(crate) fn binding(
    name: &str,
    state: BindingState,
    provider: &str,
    mid: &str,
    tid: &str,
) -> Binding {
    Binding {
        binding: name.to_owned(),
        open_batch: None::<OpenBatch>,
        left: Left::default(),
        state: Some(state),
        provider: Some(provider.to_owned()),
        mid: Some(mid.to_owned()),
        tid: Some(tid.to_owned()),
    }
}

/// The one data set of this till.
fn sales(records: u64) -> DataSet {
    DataSet {
        name: "sales".to_owned(),
        class: DataClass::Transactions,
        schema: 1,
        files: vec!["sales.db".to_owned()],
        records,
        totals: BTreeMap::from([("CNY".to_owned(), 1250)]),
        first: Some(1),
        last: Some(3),
    }
}

fn loaded(knobs: &Knobs, from: &Path, wanted: &[Wanted]) -> Result<Vec<DataSet>, PosError> {
    assert_eq!(wanted, [Wanted { name: "sales".to_owned(), schema: 1 }]);
    assert!(from.join("sales.db").exists(), "it was fetched to {}", from.display());
    Ok(vec![sales(knobs.sales)])
}

type Happening<'a> = (Duration, Box<dyn Fn() + 'a>);

/// Time that passes only by waiting, and what happens on the way.
#[derive(Default)]
pub(crate) struct Later<'a> {
    now: Cell<Duration>,
    happenings: RefCell<Vec<Happening<'a>>>,
    stops_at: Option<Duration>,
}

impl<'a> Later<'a> {
    pub(crate) fn at(self, seconds: u64, happens: impl Fn() + 'a) -> Self {
        self.happenings.borrow_mut().push((Duration::from_secs(seconds), Box::new(happens)));
        self
    }

    pub(crate) fn stop_at(mut self, seconds: u64) -> Self {
        self.stops_at = Some(Duration::from_secs(seconds));
        self
    }
}

impl Timekeeper for Later<'_> {
    fn uptime(&self) -> Duration {
        self.now.get()
    }

    fn wait(&self, duration: Duration) -> Waited {
        assert!(!duration.is_zero(), "a wait of nothing is a busy loop");
        self.now.set(self.now.get() + duration);
        self.happenings.borrow_mut().retain(|(at, happens)| {
            let due = *at <= self.now.get();
            if due {
                happens();
            }
            !due
        });
        match self.stops_at.is_some_and(|at| at <= self.now.get()) {
            true => Waited::Stopped,
            false => Waited::ToTheEnd,
        }
    }
}

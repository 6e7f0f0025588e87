//! A fleet under test: shops that sell, terminals that are enrolled, and what must be true of
//! both when a campaign is over.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use controller::api::model::{
    Assignment, AssignmentState, Campaign, CampaignState, Presence, Terminal, TerminalDetail,
};
use harness::wait::wait_for;
use harness::world::{Broker, Registry, Shop, TillRelease, World};
use serde::Deserialize;
use serde_json::Value;
use shared::id::CampaignId;
use tempfile::TempDir;

use crate::print::say;

/// For one thing that a few processes do together on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// For a whole campaign, whatever happens to it.
pub(crate) const CAMPAIGN_PATIENCE: Duration = Duration::from_secs(240);

/// A good successor.
pub(crate) const GOOD: TillRelease = TillRelease {
    version: "2.0.0",
    counter: 2,
    settle_first: true,
    health_stable: "2s",
    health_within: "30s",
};

/// Starts, and fails its own test.
pub(crate) const BAD: TillRelease = TillRelease {
    version: "2.0.1",
    counter: 3,
    settle_first: false,
    health_stable: "2s",
    health_within: "6s",
};

#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) world: World,
    directory: Option<TempDir>,
}

/// How a campaign stands.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Look {
    pub(crate) campaign: Campaign,
    pub(crate) terminals: Vec<Assignment>,
}

impl Look {
    /// In the order of serial numbers.
    pub(crate) fn states(&self) -> Vec<AssignmentState> {
        self.terminals.iter().map(|terminal| terminal.state).collect()
    }

    pub(crate) fn count(&self, counted: impl Fn(AssignmentState) -> bool) -> usize {
        self.terminals.iter().filter(|terminal| counted(terminal.state)).count()
    }

    fn in_short(&self) -> String {
        let text = |it: &Assignment| format!("{} {:?} {:?}", it.serial, it.state, it.step);
        let terminals: Vec<_> = self.terminals.iter().map(text).collect();
        format!("{:?}: {}", self.campaign.state, terminals.join(", "))
    }
}

#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

impl Fleet {
    /// A controller and its broker, without terminals.
    pub(crate) fn start(broker: Broker, registry: &Registry) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("tillward-e2e-").tempdir()?;
        let world = World::start(directory.path(), broker, registry)?;
        Ok(Self { world, directory: Some(directory) })
    }

    /// The same with one shop for each of these stores, all of which sell and are online. The
    /// first terminal is TW-1.
    pub(crate) fn selling(broker: Broker, registry: &Registry, stores: &[&str]) -> Result<Self> {
        let mut fleet = Self::start(broker, registry)?;
        for store in stores {
            fleet.open_shop(store)?;
        }
        for at in 0..stores.len() {
            fleet.world.enrol_and_start(at)?;
        }
        fleet.wait_until_online(stores.len())?;
        Ok(fleet)
    }

    /// On the simplest of everything.
    pub(crate) fn small(stores: &[&str]) -> Result<Self> {
        Self::selling(Broker::Embedded, &Registry::Sqlite, stores)
    }

    /// A shop that sells; its terminal is not enrolled.
    pub(crate) fn open_shop(&mut self, store: &str) -> Result<usize> {
        let number = self.world.terminals.len() + 1;
        self.world.open_shop(&Shop {
            serial: format!("TW-{number}"),
            store: store.to_owned(),
            model: "px7".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
        })
    }

    pub(crate) fn start_agent(&mut self, at: usize) -> Result<()> {
        let World { terminals, programs, .. } = &mut self.world;
        terminals[at].start_agent(programs)
    }

    pub(crate) fn wait_until_online(&self, count: usize) -> Result<()> {
        wait_for("the terminals are online", SOON, || {
            let list = self.terminals().map_err(|error| format!("{error:#}"))?;
            let online = list.iter().filter(|it| it.presence == Presence::Online).count();
            if online == count { Ok(()) } else { Err(format!("{online} of {count}")) }
        })?;
        Ok(())
    }

    pub(crate) fn terminals(&self) -> Result<Vec<Terminal>> {
        let list = self.world.tillward_json(&["terminal", "list"])?;
        Ok(serde_json::from_value::<List<_>>(list)?.items)
    }

    pub(crate) fn terminal(&self, serial: &str) -> Result<TerminalDetail> {
        Ok(serde_json::from_value(self.world.tillward_json(&["terminal", "show", serial])?)?)
    }

    /// Describes a campaign and starts it.
    pub(crate) fn campaign(
        &self,
        release: &str,
        selector: &str,
        more: &[&str],
    ) -> Result<CampaignId> {
        let create = ["campaign", "create", "--release", release, "--where", selector];
        // Many of these stores have one till.
        let more = [&["--fallback", "by hand"], more].concat();
        let made: Campaign =
            serde_json::from_value(self.world.tillward_json(&[&create[..], &more].concat())?)?;
        self.world.tillward(&["campaign", "start", &made.id.to_string()])?;
        Ok(made.id)
    }

    pub(crate) fn look(&self, campaign: CampaignId) -> Result<Look> {
        let show = self.world.tillward_json(&["campaign", "show", &campaign.to_string()])?;
        let mut look: Look = serde_json::from_value(show)?;
        look.terminals.sort_by(|one, other| one.serial.cmp(&other.serial));
        Ok(look)
    }

    /// Looks at the campaign until it is as it should be.
    pub(crate) fn wait_until(
        &self,
        campaign: CampaignId,
        what: &str,
        is_so: impl Fn(&Look) -> bool,
    ) -> Result<Look> {
        let found = wait_for(what, CAMPAIGN_PATIENCE, || {
            let look = self.look(campaign).map_err(|error| format!("{error:#}"))?;
            if is_so(&look) { Ok(look) } else { Err(look.in_short()) }
        })?;
        Ok(found)
    }

    /// Looks at the campaign until it is complete, and lets happen what happens meanwhile.
    pub(crate) fn follow(
        &mut self,
        campaign: CampaignId,
        mut meanwhile: impl FnMut(&mut World, &Look) -> Result<()>,
    ) -> Result<Look> {
        let mut broken = None;
        let ended = wait_for("the campaign is complete", CAMPAIGN_PATIENCE, || {
            // A controller that is just being killed cannot be asked.
            let look = self.look(campaign).map_err(|error| format!("{error:#}"))?;
            if let Err(error) = meanwhile(&mut self.world, &look) {
                broken = Some(error);
                return Ok(look);
            }
            match look.campaign.state {
                CampaignState::Completed => Ok(look),
                CampaignState::Draft
                | CampaignState::AwaitingApproval
                | CampaignState::Running
                | CampaignState::Paused
                | CampaignState::Halted
                | CampaignState::Aborted => Err(look.in_short()),
            }
        })?;
        match broken {
            Some(error) => Err(error.context("while the campaign ran")),
            None => Ok(ended),
        }
    }

    pub(crate) fn complete(&mut self, campaign: CampaignId) -> Result<Look> {
        self.follow(campaign, |_, _| Ok(()))
    }

    /// What the till itself says that it is, in the process that runs now.
    pub(crate) fn version(&self, at: usize) -> Result<String> {
        let status = self.world.terminals[at].till_status(&self.world.programs)?;
        let version = status["application"]["version"].as_str();
        Ok(version.context("a till says its version")?.to_owned())
    }

    /// Waits until the till makes sales that it had not made yet.
    pub(crate) fn wait_until_it_sells(&self, at: usize) -> Result<()> {
        let terminal = &self.world.terminals[at];
        let sales = || -> Result<i64> {
            let books = self.world.audit()?;
            let mut tills = books["tills"].as_array().into_iter().flatten();
            let till = tills.find(|till| till["terminal"] == terminal.shop.serial.as_str());
            Ok(till.and_then(|till| till["sales"].as_i64()).unwrap_or(0))
        };
        // A till that has just been set up has no books yet.
        let before = sales().unwrap_or(0);
        let what = format!("{} sells", terminal.shop.serial);
        wait_for(&what, SOON, || match sales() {
            Ok(now) if now > before => Ok(()),
            Ok(now) => Err(format!("{now} sales, {before} of them before")),
            Err(error) => Err(format!("{error:#}")),
        })?;
        Ok(())
    }

    /// Closes the books of every till, and compares them with the hosts'.
    pub(crate) fn close_books(&self) -> Result<Value> {
        for terminal in &self.world.terminals {
            terminal.close_books(&self.world.programs)?;
        }
        self.world.audit()
    }

    /// Nothing was lost, doubled or settled twice; every shop sold; nothing is left in doubt.
    pub(crate) fn check_books(&self) -> Result<()> {
        let books = self.close_books()?;
        for wrong in ["lost", "doubled", "settled_twice", "wrong_host", "in_doubt", "open"] {
            ensure!(books["total"][wrong] == 0, "the books are wrong: {books:#}");
        }
        for till in books["tills"].as_array().into_iter().flatten() {
            ensure!(till["sales"].as_i64() > Some(0), "a shop sold nothing: {till:#}");
        }
        Ok(())
    }

    /// Every order of the campaign was made once and ended once, and nobody contradicts himself.
    pub(crate) fn check_once_in_effect(&self, campaign: CampaignId) -> Result<()> {
        let count = |what: &str| format!("(SELECT COUNT(*) FROM {what})");
        let orders = count("orders o WHERE o.campaign = a.campaign AND o.terminal = a.terminal");
        let ends = count("receipts r WHERE r.order_id = a.order_id AND r.said = 'finished'");
        let query = format!(
            "SELECT a.terminal, a.attempt, {orders}, {ends} FROM assignments a
             WHERE a.campaign = '{campaign}'"
        );
        let rows = self.world.records.rows(&query)?;
        ensure!(!rows.is_empty(), "the registry knows no assignment of {campaign}");
        for row in rows {
            let once = row[1..].iter().all(|count| count == "1");
            ensure!(once, "terminal, attempt, orders, final receipts: {row:?}");
        }
        // A campaign that was halted was one until somebody had decided.
        let alarms = self.world.records.rows(
            "SELECT terminal, kind, detail FROM alarms
             WHERE kind <> 'campaign-halted' OR ended_at IS NULL",
        )?;
        ensure!(alarms.is_empty(), "alarms: {alarms:?}");
        Ok(())
    }

    /// What every process said last.
    fn last_words(&self) {
        let Ok(logs) = fs::read_dir(self.world.logs()) else { return };
        let mut paths: Vec<_> = logs.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(25)..];
            say(&format!("-- {}\n{}", path.display(), last.join("\n")));
        }
    }
}

/// What is printed here is shown only if the test failed.
impl Drop for Fleet {
    fn drop(&mut self) {
        self.last_words();
        if let Some(directory) = self.directory.take()
            && std::env::var_os("TILLWARD_KEEP").is_some()
        {
            say(&format!("-- everything is left in {}", directory.keep().display()));
        }
    }
}

/// Whole seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

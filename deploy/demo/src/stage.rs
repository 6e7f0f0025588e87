//! The fleet on which all scenarios play: a controller, two acquirer hosts, and shops that sell.
//!
//! Each scenario finds it with every agent running and every till selling, and leaves it so.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::wait::wait_for;
use harness::world::{Shop, World};
use serde_json::Value;

use crate::books::Books;
use crate::tell::Teller;

/// For one thing that a few processes do together on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Where all shops are.
pub(crate) const ZONE: &str = "Asia/Shanghai";

/// Whether a host's books are falsified before they are first compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    Planned,
    None,
}

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) tell: Teller,
    sabotage: Sabotage,
}

impl Stage {
    pub(crate) fn new(world: World, tell: Teller, sabotage: Sabotage) -> Self {
        Self { world, tell, sabotage }
    }

    /// Shops that sell version 1.0.0 with enrolled terminals: the first half of them in `north`,
    /// the last one in `lab`, the others in `south`.
    pub(crate) fn open_shops(&mut self, terminals: u8) -> Result<()> {
        self.tell.step(&format!("opening {terminals} shops, which sell version 1.0.0 from now on"));
        for number in 1..=terminals {
            let store = match number {
                n if n == terminals => "lab",
                n if n <= terminals / 2 => "north",
                _ => "south",
            };
            self.world.open_shop(&Shop {
                serial: format!("TW-{number}"),
                store: store.to_owned(),
                model: "px7".to_owned(),
                zone: ZONE.to_owned(),
            })?;
        }
        self.tell.step("claiming and enrolling every terminal");
        for at in 0..self.world.terminals.len() {
            self.world.enrol_and_start(at)?;
        }
        self.wait_until_online(self.world.terminals.len())
    }

    /// Exactly so many terminals.
    fn wait_until_online(&self, count: usize) -> Result<()> {
        wait_for(&format!("{count} terminals are online"), SOON, || {
            let list = self.terminals().map_err(|error| format!("{error:#}"))?;
            let online = list.iter().filter(|terminal| terminal["presence"] == "online").count();
            if online == count { Ok(()) } else { Err(format!("{online} are")) }
        })?;
        Ok(())
    }

    fn terminals(&self) -> Result<Vec<Value>> {
        self.list(&["terminal", "list"])
    }

    /// The id of each terminal, by its serial number.
    pub(crate) fn ids(&self) -> Result<BTreeMap<String, String>> {
        let text = |terminal: &Value, key: &str| {
            terminal[key].as_str().map(str::to_owned).context("a terminal has an id and a serial")
        };
        let ids = self.terminals()?;
        ids.iter().map(|it| Ok((text(it, "serial")?, text(it, "id")?))).collect()
    }

    /// What `tillward … list` lists.
    pub(crate) fn list(&self, words: &[&str]) -> Result<Vec<Value>> {
        let list = self.world.tillward_json(words)?;
        list["items"].as_array().cloned().with_context(|| format!("{words:?} lists no items"))
    }

    /// Runs a command of the operator's for all to see; what it printed.
    pub(crate) fn operator(&self, words: &[&str]) -> Result<String> {
        self.tell.command(words);
        self.world.tillward(words)
    }

    /// The same with `--json`, parsed.
    pub(crate) fn operator_json(&self, words: &[&str]) -> Result<Value> {
        self.tell.command(words);
        self.world.tillward_json(words)
    }

    /// Every till drains and settles, and nobody sells until [`Self::sell_again`].
    pub(crate) fn close_books(&mut self) -> Result<Books> {
        self.tell.step("closing the books: every till drains and settles");
        for terminal in &self.world.terminals {
            terminal.close_books(&self.world.programs)?;
        }
        if self.sabotage == Sabotage::Planned {
            self.falsify_books()?;
            self.sabotage = Sabotage::None;
        }
        Books::read(&self.world)
    }

    /// Takes one captured sale out of a host's books, as a loss on the way would.
    fn falsify_books(&self) -> Result<()> {
        let host = self.world.hosts.first().context("there is a host")?;
        host.lose_one_sale()?;
        self.tell.step("falsified a host's books: the comparison must notice");
        Ok(())
    }

    pub(crate) fn sell_again(&self) -> Result<()> {
        for terminal in &self.world.terminals {
            terminal.ask_till(&self.world.programs, "{\"id\":1,\"do\":\"release\"}")?;
        }
        Ok(())
    }

    /// What the programs said last, for whoever looks for the reason of a failure.
    pub(crate) fn last_words(&self) -> String {
        let agents = self.world.terminals.iter().filter_map(|terminal| terminal.agent.as_ref());
        let processes = agents.chain([&self.world.controller.process]);
        processes.map(|process| process.last_words()).collect::<Vec<_>>().join("\n")
    }
}

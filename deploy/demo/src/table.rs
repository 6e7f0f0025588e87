//! What happened, as a table: one line a terminal.

use std::fmt;

use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, Table, presets};
use harness::world::World;
use serde_json::Value;

use crate::promises::Promises;

#[derive(Debug)]
pub(crate) struct Story {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    serial: String,
    store: String,
    version: String,
    outcome: String,
    sales: i64,
    lost: i64,
    doubled: i64,
    settled_twice: i64,
    downtime_ms: i64,
}

impl Story {
    /// Reads it from tills, hosts and controller, and checks what is promised of the money.
    pub(crate) fn read(world: &World, promises: &mut Promises) -> Result<Self> {
        let books = world.audit()?;
        let number =
            |till: &Value, key: &str| till[key].as_i64().with_context(|| format!("no {key}"));
        let outcomes = last_outcomes(world)?;
        let mut rows = Vec::new();
        for terminal in &world.terminals {
            let serial = &terminal.shop.serial;
            let mut tills = books["tills"].as_array().into_iter().flatten();
            let till = tills.find(|till| till["terminal"] == serial.as_str());
            let till = till.with_context(|| format!("the audit does not name {serial}"))?;
            let status = terminal.till_status(&world.programs)?;
            rows.push(Row {
                serial: serial.clone(),
                store: terminal.shop.store.clone(),
                version: status["application"]["version"].as_str().unwrap_or("?").to_owned(),
                outcome: outcomes(serial),
                sales: number(till, "sales")?,
                lost: number(till, "lost")?,
                doubled: number(till, "doubled")?,
                settled_twice: number(till, "settled_twice")?,
                downtime_ms: number(till, "downtime_ms")?,
            });
        }
        let story = Self { rows };
        story.promise(promises);
        Ok(story)
    }

    fn promise(&self, promises: &mut Promises) {
        let total = |of: fn(&Row) -> i64| self.rows.iter().map(of).sum::<i64>();
        promises.equal("no sale was lost", &total(|row| row.lost), &0);
        promises.equal("no sale was charged twice", &total(|row| row.doubled), &0);
        promises.equal("nothing was settled twice", &total(|row| row.settled_twice), &0);
        let idle: Vec<_> = self.rows.iter().filter(|r| r.sales == 0).map(|r| &r.serial).collect();
        promises.equal("every shop sold", &idle, &Vec::new());
        let other = self.rows.iter().filter(|row| row.version != "2.0.0").map(|row| &row.serial);
        promises.equal(
            "every till runs 2.0.0 in the end",
            &other.collect(),
            &Vec::<&String>::new(),
        );
    }
}

/// How the newest campaign on each terminal ended.
fn last_outcomes(world: &World) -> Result<impl Fn(&str) -> String> {
    let list = world.tillward_json(&["campaign", "list"])?;
    let mut campaigns = list["items"].as_array().cloned().unwrap_or_default();
    campaigns.sort_by_key(|campaign| campaign["created_at"].as_i64());
    let mut told = Vec::new();
    for campaign in campaigns {
        let id = campaign["id"].as_str().context("a campaign has an id")?;
        let version = campaign["version"].as_str().unwrap_or("?").to_owned();
        let show = world.tillward_json(&["campaign", "show", id])?;
        for terminal in show["terminals"].as_array().into_iter().flatten() {
            let text = |key: &str| terminal[key].as_str().unwrap_or("?").to_owned();
            told.push((text("serial"), format!("{version} {}", text("state"))));
        }
    }
    Ok(move |serial: &str| {
        let own = told.iter().filter(|(of, _)| of == serial).map(|(_, what)| what.as_str());
        own.collect::<Vec<_>>().join(", ")
    })
}

impl fmt::Display for Story {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header([
            "terminal",
            "store",
            "version",
            "outcome",
            "sales",
            "lost",
            "charged twice",
            "settled twice",
            "downtime",
        ]);
        for row in &self.rows {
            table.add_row([
                row.serial.clone(),
                row.store.clone(),
                row.version.clone(),
                row.outcome.clone(),
                row.sales.to_string(),
                row.lost.to_string(),
                row.doubled.to_string(),
                row.settled_twice.to_string(),
                format!("{:.1} s", row.downtime_ms as f64 / 1000.0),
            ]);
        }
        for column in table.column_iter_mut().skip(4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        write!(out, "\n{table}\n")
    }
}

/// What a visitor can try while the fleet stays up.
pub(crate) fn what_next(world: &World) -> Result<String> {
    let tillward = world.programs.tillward()?;
    let context = world.directory().join("fleet/operator/operator.toml");
    Ok(format!(
        "\nThe fleet stays up and sells until ctrl-c. In another window:\n\n  \
         export TILLWARD_CONTEXT={context}\n  \
         alias tillward={tillward}\n\n  \
         tillward terminal list\n  \
         tillward campaign list\n  \
         tillward release list\n  \
         tillward campaign create --release DIGEST --where 'store=lab' --max-parallel 1\n  \
         tillward audit\n\n\
         Logs are in {logs}.\n",
        context = context.display(),
        tillward = tillward.display(),
        logs = world.logs().display(),
    ))
}

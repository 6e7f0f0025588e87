//! `tillward store`: what is said of stores, and when their terminals may be disturbed.

use clap::{ArgGroup, Args, Subcommand};

use super::calendar::show as calendar;
use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::measure::{size_text, time_text};
use super::print::Print;
use super::words::{NOTHING, or_nothing};
use crate::api::model::{OpenOrClosed, Store, StoreDescription, StoreDetail, StoreHours};
use crate::pacing::Limit;

/// Describe stores, and see when their terminals may be disturbed
#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    List(List),
    Show(Show),
    Set(Set),
}

/// List stores
#[derive(Debug, Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show a store, the windows and freezes that concern it, and whether it is open now
#[derive(Debug, Args)]
pub(super) struct Show {
    store: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Say something about a store; what is not named stays as it is
///
/// A store is known once a terminal is claimed for it, or a position is set in it.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").required(true).multiple(true).args([
        "region", "no_region", "at_once", "no_at_once", "fallback", "no_fallback",
        "download_limit", "no_download_limit",
    ])),
    after_long_help = "\
Example:
  tillward store set north --region coast --at-once 2 --fallback 'cash, or the counter'
  tillward store set north --no-at-once --reason 'the new tills are quick'
  tillward store set west --download-limit 256KiB"
)]
pub(super) struct Set {
    store: String,
    /// Which windows and freezes it shares with other stores
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// It is in no region any more
    #[arg(long, conflicts_with = "region")]
    no_region: bool,
    /// How many of its terminals may be disturbed at once
    #[arg(long, value_name = "COUNT")]
    at_once: Option<u32>,
    /// Nothing is said of how many
    #[arg(long, conflicts_with = "at_once")]
    no_at_once: bool,
    /// How it sells while its last selling terminal is at it
    #[arg(long, value_name = "TEXT")]
    fallback: Option<String>,
    /// It has no fallback any more
    #[arg(long, conflicts_with = "fallback")]
    no_fallback: bool,
    /// How many bytes of software a second its terminals fetch together, at least 4KiB
    #[arg(long, value_name = "SIZE")]
    download_limit: Option<Limit>,
    /// It goes by the controller's default again
    #[arg(long, conflicts_with = "download_limit")]
    no_download_limit: bool,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl StoreCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::List(args) => {
                let stores = client.stores().await?;
                match args.json {
                    true => print.json_list(&stores),
                    false => list(stores, print),
                }
            }
            Self::Show(args) => {
                let store = client.store(&args.store).await?;
                match args.json {
                    true => print.json(&store),
                    false => show(store, print),
                }
            }
            Self::Set(args) => {
                let before = client.store(&args.store).await?.store;
                let store = client.describe_store(&args.store, &args.asked(before)).await?;
                match args.json {
                    true => print.json(&store),
                    false => list(vec![store], print),
                }
            }
        }
        Ok(Exit::Done)
    }
}

impl Set {
    /// All that is said from now on.
    fn asked(&self, before: Store) -> StoreDescription {
        StoreDescription {
            seen_version: before.version,
            region: changed(before.region, &self.region, self.no_region),
            at_once_max: changed(before.at_once_max, &self.at_once, self.no_at_once),
            fallback: changed(before.fallback, &self.fallback, self.no_fallback),
            download_bytes_per_s: changed(
                before.download_bytes_per_s,
                &self.download_limit.map(Limit::bytes_per_s),
                self.no_download_limit,
            ),
            reason: self.reason.clone(),
        }
    }
}

fn changed<T: Clone>(before: Option<T>, said: &Option<T>, is_cleared: bool) -> Option<T> {
    said.clone().or(before.filter(|_| !is_cleared))
}

fn list(stores: Vec<Store>, print: &mut Print) {
    let row = |it: Store| {
        let set = it.set_at.map(time_text);
        let at_once = or_nothing(it.at_once_max);
        let bandwidth = bandwidth(&it);
        [
            it.name,
            or_nothing(it.region),
            at_once,
            or_nothing(it.fallback),
            bandwidth,
            or_nothing(set),
            or_nothing(it.set_by),
        ]
    };
    let header = ["store", "region", "at once", "fallback", "bandwidth", "set", "by"];
    let rows = stores.into_iter().map(row).collect();
    print.table(header, rows, "no store is known: claim a terminal for one");
}

fn show(StoreDetail { store, hours, calendars }: StoreDetail, print: &mut Print) {
    let bandwidth = bandwidth(&store);
    let set = store.set_at.map(|at| format!("{} by {}", time_text(at), or_nothing(store.set_by)));
    let lines = [
        ("store", store.name),
        ("region", or_nothing(store.region)),
        ("at once", or_nothing(store.at_once_max)),
        ("fallback", or_nothing(store.fallback)),
        ("bandwidth", bandwidth),
        ("set", or_nothing(set)),
    ];
    for (name, value) in lines {
        print.line(format_args!("{name:<10}{value}"));
    }
    print.line("");
    let row = |it: StoreHours| [it.zone, open_text(&it.download), open_text(&it.activation)];
    let rows = hours.into_iter().map(row).collect();
    print.table(["zone", "downloads", "disturbances"], rows, "no terminal is enrolled in it");
    print.line("");
    calendar::list(calendars, print, "nothing closes it");
}

/// `256.0 KiB/s`
fn bandwidth(store: &Store) -> String {
    or_nothing(store.download_bytes_per_s.map(|it| format!("{}/s", size_text(it))))
}

fn open_text(it: &OpenOrClosed) -> String {
    let Some(why) = it.why.as_deref().filter(|_| !it.is_open) else { return "open".to_owned() };
    let why = match why {
        "freeze" => "frozen",
        "window" => "closed",
        "margin" => "closes too soon",
        other => other,
    };
    let opens = it.opens_at.map_or_else(|| NOTHING.to_owned(), time_text);
    format!("{why}, opens {opens}")
}

#[cfg(test)]
mod tests {
    use super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_list_says_what_is_said_of_each_store() {
        let shown = golden::printed(|print| list(samples::stores(), print));
        golden::check("store-list", &shown);
    }

    #[test]
    fn a_store_is_shown_with_what_closes_it() {
        let shown = golden::printed(|print| show(samples::store(), print));
        golden::check("store-show", &shown);
    }

    #[test]
    fn what_is_not_named_stays_and_what_is_taken_back_goes() {
        let [before, ..] = <[Store; 2]>::try_from(samples::stores()).expect("two");
        let set = Set {
            store: "north".to_owned(),
            region: None,
            no_region: true,
            at_once: Some(3),
            no_at_once: false,
            fallback: None,
            no_fallback: false,
            download_limit: None,
            no_download_limit: true,
            reason: Some("tills are quick".to_owned()),
            json: false,
        };
        let wanted = StoreDescription {
            seen_version: before.version,
            region: None,
            at_once_max: Some(3),
            fallback: before.fallback.clone(),
            download_bytes_per_s: None,
            reason: Some("tills are quick".to_owned()),
        };
        assert_eq!(set.asked(before), wanted);
    }
}

//! `tillward calendar`: windows and freezes, one by one and as files of other programs.

mod add;
mod files;
pub(super) mod show;

use clap::{ArgGroup, Args, Subcommand};
use shared::time::UnixTime;

use super::client::Client;
use super::client::places::Query;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;
use crate::api::model::{CalendarEntry, CalendarKind, CalendarScope, Decision};
use show::scope_text;

/// Keep windows and freezes: when terminals may fetch, and when shops may be disturbed
#[derive(Debug, Subcommand)]
pub(super) enum CalendarCommand {
    List(show::List),
    Show(show::Show),
    Add(add::Add),
    Import(files::Import),
    Export(files::Export),
    Remove(Remove),
}

/// Take a window or a freeze away; it is kept as ended
///
/// An order that is signed keeps the calendar with which it was signed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward calendar remove freeze-1a2b3c4d5e6f --reason 'the sale is over'")]
pub(super) struct Remove {
    /// As `calendar list` shows it
    uid: String,
    /// Where it stands in several kinds
    #[arg(long, value_parser = kind)]
    kind: Option<CalendarKind>,
    #[command(flatten)]
    scope: MaybeScope,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Whom it concerns.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whom").required(true).args(["fleet", "region", "store"])))]
struct Scope {
    /// Every store
    #[arg(long)]
    fleet: bool,
    /// The stores of a region
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// One store
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
}

/// Only what concerns these.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("of").args(["fleet", "region", "store"])))]
struct MaybeScope {
    /// Only what is set for every store
    #[arg(long)]
    fleet: bool,
    /// Only what is set for this region
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Only what is set for this store
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
}

impl Scope {
    /// As the API says it.
    fn parts(&self) -> (CalendarScope, Option<&str>) {
        match (&self.region, &self.store) {
            (Some(region), _) => (CalendarScope::Region, Some(region)),
            (None, Some(store)) => (CalendarScope::Store, Some(store)),
            (None, None) => (CalendarScope::Fleet, None),
        }
    }

    fn query(&self) -> Query<'_> {
        let (scope, subject) = self.parts();
        let scope = match scope {
            CalendarScope::Fleet => "fleet",
            CalendarScope::Region => "region",
            CalendarScope::Store => "store",
        };
        let subject = subject.map(|subject| ("subject", subject));
        [Some(("scope", scope)), subject].into_iter().flatten().collect()
    }
}

impl MaybeScope {
    fn query(&self) -> Query<'_> {
        let pairs = [
            self.fleet.then_some([("scope", "fleet")].as_slice()).map(<[_]>::to_vec),
            self.region.as_ref().map(|it| vec![("scope", "region"), ("subject", it.as_str())]),
            self.store.as_ref().map(|it| vec![("scope", "store"), ("subject", it.as_str())]),
        ];
        pairs.into_iter().flatten().flatten().collect()
    }
}

/// `download`, `activation` or `freeze`.
fn kind(text: &str) -> Result<CalendarKind, String> {
    let found = CalendarKind::ALL.into_iter().find(|kind| kind.word() == text);
    let words = || CalendarKind::ALL.map(CalendarKind::word).join(", ");
    found.ok_or_else(|| format!("choose one of {}", words()))
}

impl CalendarCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::List(args) => args.run(&client, print).await,
            Self::Show(args) => args.run(&client, print).await,
            Self::Add(args) => args.run(&client, now, print).await,
            Self::Import(args) => args.run(&client, print).await,
            Self::Export(args) => args.run(&client, print).await,
            Self::Remove(args) => args.run(&client, print).await,
        }
    }
}

impl Remove {
    async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let mut query = self.scope.query();
        query.push(("uid", &self.uid));
        query.extend(self.kind.map(|kind| ("kind", kind.word())));
        let number = one(&self.uid, client.calendars(&query).await?)?.number;
        let why = Decision { reason: self.reason.clone() };
        let removed = client.remove_calendar(number, &why).await?;
        match self.json {
            true => print.json(&removed),
            false => print.line(format_args!(
                "removed: {} `{}` of {}",
                removed.kind.word(),
                removed.uid,
                scope_text(&removed)
            )),
        }
        Ok(Exit::Done)
    }
}

/// The only one of these with its uid.
fn one(uid: &str, mut found: Vec<CalendarEntry>) -> Result<CalendarEntry, Failure> {
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            found.push(last);
            let each = found.iter().map(|it| format!("{} of {}", it.kind.word(), scope_text(it)));
            let each = each.collect::<Vec<_>>().join(", ");
            Err(Failure::because(format_args!("`{uid}` stands in several places: {each}"))
                .exit(Exit::Refused)
                .hint("say which by --kind, --fleet, --region or --store"))
        }
        (None, _) => Err(Failure::because(format_args!("no window or freeze is called `{uid}`"))
            .exit(Exit::Refused)
            .hint("`tillward calendar list` lists those that stand")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{golden, samples};
    use super::*;

    #[test]
    fn an_entry_is_named_by_its_uid_where_only_one_has_it() {
        let named = |uid: &str| {
            let found = samples::calendars().into_iter().filter(|it| it.uid == uid);
            one(uid, found.collect())
        };
        assert_eq!(named("christmas").map(|it| it.number).ok(), Some(1));
        let told = |uid: &str| {
            let failure = named(uid).expect_err("it is not one");
            golden::printed(|print| failure.print(print))
        };
        golden::check("calendar-not-one", &(told("nights") + &told("nobody")));
    }

    #[test]
    fn a_scope_is_asked_for_in_the_words_of_the_api() {
        let scope = |region: Option<&str>, store: Option<&str>| MaybeScope {
            fleet: region.is_none() && store.is_none(),
            region: region.map(str::to_owned),
            store: store.map(str::to_owned),
        };
        assert_eq!(scope(None, None).query(), [("scope", "fleet")]);
        assert_eq!(scope(Some("coast"), None).query(), [("scope", "region"), ("subject", "coast")]);
        assert_eq!(scope(None, Some("north")).query(), [("scope", "store"), ("subject", "north")]);
        let nothing = MaybeScope { fleet: false, region: None, store: None };
        assert_eq!(nothing.query(), []);
    }
}

//! `tillward request`: wishes for changes, how they were verified, and what is suspicious.

mod new;
mod suspicion;

use clap::{Args, Subcommand, ValueEnum};
use shared::id::RequestId;

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::measure::time_text;
use super::print::Print;
use super::words::{NOTHING, or_nothing, word};
use crate::api::model::{Decision, Request, VerificationMethod, Verify};

/// Write down who wishes for a change, verify it, and stop what is suspicious
#[derive(Debug, Subcommand)]
pub(super) enum RequestCommand {
    New(Box<new::New>),
    List(List),
    Show(Show),
    Verify(VerifyRequest),
    /// Accept a verified request; it can be scheduled from then on
    Accept(Decide),
    /// Reject a request for good
    Reject(Decide),
    /// Cancel a request; a campaign that carries it out must be over
    Cancel(Decide),
    /// Take a scheduled request off the schedule, so that another campaign can carry it out
    ///
    /// The campaign that was to carry it out must be over.
    Unschedule(Decide),
    /// Close a scheduled request: what was asked for is done
    ///
    /// The campaign that carried it out must be over.
    Close(Decide),
    Suspicious(suspicion::Raise),
    Suspicions(suspicion::List),
    Unfreeze(suspicion::Lift),
}

/// List requests, newest first
#[derive(Debug, Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show one request
#[derive(Debug, Args)]
pub(super) struct Show {
    request: RequestId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Say how you made sure that the requester wished for it
///
/// Somebody else than who made the request or wrote it down.
#[derive(Debug, Args)]
pub(super) struct VerifyRequest {
    request: RequestId,
    #[arg(long, value_enum)]
    method: Method,
    /// The contact on file that was used: a number, a key, an account
    #[arg(long, value_name = "TEXT")]
    contact: String,
    /// What was found out
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Method {
    /// They were called at the number on file
    CallBack,
    SignedApiCall,
    ConsoleLogin,
}

#[derive(Debug, Args)]
pub(super) struct Decide {
    request: RequestId,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl RequestCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        match self {
            Self::New(args) => show(&args.run(&client).await?, args.is_json(), print),
            Self::List(args) => {
                let requests = client.requests().await?;
                match args.json {
                    true => print.json_list(&requests),
                    false => list(&requests, print),
                }
            }
            Self::Show(args) => show(&client.request_of(args.request).await?, args.json, print),
            Self::Verify(args) => {
                let method = match args.method {
                    Method::CallBack => VerificationMethod::CallBack,
                    Method::SignedApiCall => VerificationMethod::SignedApiCall,
                    Method::ConsoleLogin => VerificationMethod::ConsoleLogin,
                };
                let (contact, reason) = (args.contact.clone(), args.reason.clone());
                let how = Verify { method, contact, reason };
                show(&client.decide_request(args.request, "verify", &how).await?, args.json, print);
            }
            Self::Accept(args) => args.run("accept", &client, print).await?,
            Self::Reject(args) => args.run("reject", &client, print).await?,
            Self::Cancel(args) => args.run("cancel", &client, print).await?,
            Self::Unschedule(args) => args.run("unschedule", &client, print).await?,
            Self::Close(args) => args.run("close", &client, print).await?,
            Self::Suspicious(args) => args.run(&client, print).await?,
            Self::Suspicions(args) => args.run(&client, print).await?,
            Self::Unfreeze(args) => args.run(&client, print).await?,
        }
        Ok(Exit::Done)
    }
}

impl Decide {
    async fn run(&self, action: &str, client: &Client, print: &mut Print) -> Result<(), Failure> {
        let why = Decision { reason: self.reason.clone() };
        show(&client.decide_request(self.request, action, &why).await?, self.json, print);
        Ok(())
    }
}

fn list(requests: &[Request], print: &mut Print) {
    let row = |it: &Request| {
        [
            word(&it.asked.kind),
            it.state.clone(),
            it.asked.requester.clone(),
            word(&it.asked.reason),
            providers(it).unwrap_or_else(|| NOTHING.to_owned()),
            it.asked.selector.clone(),
            time_text(it.created_at),
            it.id.to_string(),
        ]
    };
    let header = ["kind", "state", "requester", "reason", "change", "where", "made", "request"];
    print.table(header, requests.iter().map(row).collect(), "nobody wishes for a change");
}

/// From which provider to which, of what is named.
fn providers(it: &Request) -> Option<String> {
    let named = [("from", &it.asked.from), ("to", &it.asked.to)];
    let named = named.iter().filter(|(_, name)| !name.is_empty());
    let said: Vec<_> = named.map(|(which, name)| format!("{which} {name}")).collect();
    (!said.is_empty()).then(|| said.join(" "))
}

fn show(it: &Request, json: bool, print: &mut Print) {
    if json {
        return print.json(it);
    }
    let asked = &it.asked;
    let why = it.state_reason.as_deref().unwrap_or(NOTHING);
    let since = time_text(it.state_at);
    let state = match &it.frozen_from {
        Some(before) => format!("{} (was {before})", it.state),
        None => it.state.clone(),
    };
    let note = if asked.note.is_empty() { NOTHING } else { &asked.note };
    let verified = it.verification.as_ref().map(|how| {
        format!("{} by {} at {}, {}", word(&how.method), how.by, time_text(how.at), how.contact)
    });
    let reviewed = it.review.as_ref().map(|review| {
        let decision = if review.is_accepted { "accepted" } else { "rejected" };
        format!("{decision} by {} at {}", review.by, time_text(review.at))
    });
    let change = match providers(it) {
        Some(providers) => format!("{} {providers}", word(&asked.kind)),
        None => word(&asked.kind),
    };
    let lines = [
        ("request", it.id.to_string()),
        ("state", format!("{state} since {since} by {}: {why}", it.state_by)),
        ("requester", format!("{}, by {}", asked.requester, word(&asked.channel))),
        ("written by", format!("{} at {}", it.created_by, time_text(it.created_at))),
        ("reason", format!("{}: {note}", word(&asked.reason))),
        ("change", change),
        ("where", asked.selector.clone()),
        ("fallback", or_nothing(asked.fallback.as_ref())),
        ("clause", or_nothing(asked.clause.as_ref())),
        ("waiver", or_nothing(asked.waiver.as_ref())),
        ("verified", or_nothing(verified)),
        ("reviewed", or_nothing(reviewed)),
        ("campaign", or_nothing(it.campaign)),
    ];
    for (name, value) in lines {
        print.line(format_args!("{name:<11} {value}"));
    }
    for paper in &asked.attachments {
        let until = paper.expires_at.map_or_else(|| "no end".to_owned(), time_text);
        let reader = paper.reviewer.as_deref().unwrap_or(NOTHING);
        print.line(format_args!(
            "paper       {}, {}, until {until}, read by {reader}",
            paper.name, paper.sha256
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_request_says_who_wished_who_verified_and_who_decided() {
        let request = samples::request();
        golden::check("request-show", &golden::printed(|print| show(&request, false, print)));
        golden::check("request-list", &golden::printed(|print| list(&[request], print)));
    }

    #[test]
    fn a_request_to_stop_names_no_providers() {
        let mut request = samples::request();
        (request.asked.from, request.asked.to) = (String::new(), String::new());
        let kind = word(&request.asked.kind);
        let shown = golden::printed(|print| show(&request, false, print));
        assert!(shown.contains(&format!("change      {kind}\n")), "{shown}");
        let listed = golden::printed(|print| list(&[request], print));
        assert!(!listed.contains(" to "), "{listed}");
    }
}

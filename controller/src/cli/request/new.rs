//! `tillward request new`: who wishes for what, and why.

use clap::{Args, ValueEnum};
use shared::change::rebind::Reason;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::Failure;
use crate::api::model::{Attachment, NewRequest, Request, RequestChannel, RequestKind};

/// Write down that somebody wishes for another provider, or for terminals to stop or sell again
///
/// Nothing happens before somebody else has verified that they did (`tillward request verify`) and
/// it was accepted.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward request new --requester 'Cora Merchant' --channel telephone --reason fee \\
    --from alpha --to beta --where 'store=north' --fallback 'cash' --clause 7.2 \\
    --attach contract:SHA256:2027-01-31:ben")]
pub(crate) struct New {
    /// Who wishes for it, by name
    #[arg(long, value_name = "NAME")]
    requester: String,
    /// How the wish came in
    #[arg(long, value_enum)]
    channel: Channel,
    /// fee, service, upgrade, business, contract-end, fault-hardware, fault-software, policy,
    /// standard, lost-stolen, tampered, customer-feedback or other
    #[arg(long, value_parser = reason)]
    reason: Reason,
    /// Needed where the reason is `other`
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// What is wished for
    #[arg(long, value_enum, default_value = "rebind")]
    kind: Kind,
    /// The present provider's key, for a change of provider
    #[arg(long, value_name = "KEY", required_if_eq("kind", "rebind"))]
    from: Option<String>,
    /// The new provider's key, for a change of provider
    #[arg(long, value_name = "KEY", required_if_eq("kind", "rebind"))]
    to: Option<String>,
    /// The terminals whose positions are meant, for example `store=north`
    #[arg(long = "where", value_name = "SELECTOR")]
    selector: String,
    /// How the shops take money meanwhile
    #[arg(long, value_name = "TEXT")]
    fallback: Option<String>,
    /// Of the contract, that allows it
    #[arg(long, value_name = "TEXT")]
    clause: Option<String>,
    /// Why no clause is needed
    #[arg(long, value_name = "TEXT")]
    waiver: Option<String>,
    /// A paper that is kept elsewhere: until when it holds (a day, or `-`) and who has read it
    #[arg(long = "attach", value_name = "NAME:SHA256:DAY:READER", value_parser = attachment)]
    attachments: Vec<Attachment>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Rebind,
    /// Stop for a while; nothing is erased
    Suspend,
    /// Sell again after that
    Resume,
    /// Stop for good, and empty
    Decommission,
    /// Another unit takes its place
    Replace,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Channel {
    Telephone,
    Email,
    Letter,
    Visit,
    Console,
    Api,
}

fn reason(text: &str) -> Result<Reason, String> {
    let found = Reason::ALL.into_iter().find(|reason| reason.as_str() == text);
    found.ok_or_else(|| {
        let all = Reason::ALL.map(Reason::as_str).join(", ");
        format!("`{text}` is no reason: write one of {all}")
    })
}

fn attachment(text: &str) -> Result<Attachment, String> {
    let wrong = || "write `NAME:SHA256:DAY:READER`, such as `licence:…:2027-01-31:ben`".to_owned();
    let mut parts = text.rsplitn(4, ':');
    let (reader, day) = (parts.next().ok_or_else(wrong)?, parts.next().ok_or_else(wrong)?);
    let (digest, name) = (parts.next().ok_or_else(wrong)?, parts.next().ok_or_else(wrong)?);
    let sha256 = digest.parse().map_err(|_| format!("`{digest}` is no SHA-256 in hexadecimal"))?;
    let expires_at = match day {
        "-" => None,
        day => Some(end_of(day)?),
    };
    let reviewer = Some(reader.to_owned()).filter(|reader| !reader.is_empty());
    Ok(Attachment { name: name.to_owned(), sha256, expires_at, reviewer })
}

/// A paper holds on its last day too, wherever that ends last: UTC-12.
fn end_of(day: &str) -> Result<UnixTime, String> {
    let date: jiff::civil::Date = day.parse().map_err(|_| format!("`{day}` is no day"))?;
    let next = date.tomorrow().map_err(|why| why.to_string())?;
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(-12));
    let end = next.to_zoned(zone).map_err(|why| why.to_string())?;
    Ok(UnixTime(end.timestamp().as_second()))
}

impl New {
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    pub(super) async fn run(&self, client: &Client) -> Result<Request, Failure> {
        let asked = NewRequest {
            kind: match self.kind {
                Kind::Rebind => RequestKind::Rebind,
                Kind::Suspend => RequestKind::Suspend,
                Kind::Resume => RequestKind::Resume,
                Kind::Decommission => RequestKind::Decommission,
                Kind::Replace => RequestKind::Replace,
            },
            requester: self.requester.clone(),
            channel: match self.channel {
                Channel::Telephone => RequestChannel::Telephone,
                Channel::Email => RequestChannel::Email,
                Channel::Letter => RequestChannel::Letter,
                Channel::Visit => RequestChannel::Visit,
                Channel::Console => RequestChannel::Console,
                Channel::Api => RequestChannel::Api,
            },
            reason: self.reason,
            note: self.note.clone(),
            from: self.from.clone().unwrap_or_default(),
            to: self.to.clone().unwrap_or_default(),
            selector: self.selector.clone(),
            fallback: self.fallback.clone(),
            clause: self.clause.clone(),
            waiver: self.waiver.clone(),
            attachments: self.attachments.clone(),
        };
        Ok(client.make_request(&asked).await?)
    }
}

#[cfg(test)]
mod tests {
    use shared::digest::Digest;

    use super::*;

    #[test]
    fn a_paper_holds_on_its_last_day_everywhere() {
        let digest = Digest::of(b"x");
        let read = attachment(&format!("a: b:{digest}:2027-01-31:ben")).unwrap();
        assert_eq!((read.name.as_str(), read.reviewer.as_deref()), ("a: b", Some("ben")));
        assert_eq!(
            read.expires_at.map(|at| at.to_string()).as_deref(),
            Some("2027-02-01T12:00:00Z")
        );
        let open = attachment(&format!("a:{digest}:-:")).unwrap();
        assert_eq!((open.expires_at, open.reviewer), (None, None));
        for wrong in ["a", "a:b:-:", &format!("a:{digest}:31.1.2027:ben")] {
            assert!(attachment(wrong).is_err(), "{wrong}");
        }
    }
}

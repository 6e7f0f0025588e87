//! What is the same for notices and letters, whatever they are about.

use std::fs;
use std::path::Path;

use clap::Args;
use shared::durable::{Readers, replace_file};
use shared::time::UnixTime;

use super::failure::Failure;
use super::measure;
use super::print::Print;
use crate::api::model::{Letter, Notice};

/// That a party was told, and what came of it.
#[derive(Debug, Args)]
pub(super) struct NoticeArgs {
    /// How, for example `letter` or `mail`
    #[arg(long)]
    channel: String,
    /// What the channel calls it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reference: String,
    /// When it was sent
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    sent: UnixTime,
    /// When it arrived
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    delivered: Option<UnixTime>,
    /// When the party said that it knows
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    acknowledged: Option<UnixTime>,
}

impl NoticeArgs {
    pub(super) fn notice(&self, party: &str) -> Notice {
        Notice {
            party: party.to_owned(),
            channel: self.channel.clone(),
            reference: self.reference.clone(),
            sent_at: self.sent,
            delivered_at: self.delivered,
            acknowledged_at: self.acknowledged,
        }
    }
}

/// Writes each letter as a page, and as plain text where there is one.
pub(super) fn write_letters(
    letters: &[Letter],
    to: &Path,
    print: &mut Print,
) -> Result<(), Failure> {
    let unwritten = |error| Failure::new(error).context(to.display().to_string());
    fs::create_dir_all(to).map_err(unwritten)?;
    for letter in letters {
        // The party is the controller's word: no path is made of it.
        let plain = letter.party.chars().filter(|c| c.is_ascii_lowercase() || *c == '-');
        let name = format!("{}-{}", plain.collect::<String>(), letter.digest.short());
        let path = to.join(format!("{name}.html"));
        replace_file(&path, letter.html.as_bytes(), Readers::Anyone).map_err(Failure::new)?;
        if !letter.text.is_empty() {
            let path = to.join(format!("{name}.txt"));
            replace_file(&path, letter.text.as_bytes(), Readers::Anyone).map_err(Failure::new)?;
        }
        print.line(format_args!("{}  {}", letter.digest, path.display()));
    }
    Ok(())
}

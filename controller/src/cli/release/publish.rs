//! `tillward release publish`: the artifact and then the document go to the controller.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::client::Client;
use super::super::context::ContextArgs;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::{describe, read_named, verify};

/// Upload a signed release to the controller
///
/// Can be repeated: what the controller has already is not sent again.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The directory of the release
    #[arg(value_name = "OUT")]
    directory: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Publish {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let (files, release) = read_named(&self.directory)?;
        verify::sound(&release.document)?;
        verify::artifact(&files, &release.document)?;
        let client = Client::new(context.read()?)?;
        let artifact = &release.document.artifact;
        if client.has_artifact(artifact.sha256, artifact.size).await? {
            print.remark("the controller has the artifact already");
        } else {
            let progress = progress(artifact.size);
            let bar = progress.clone();
            let saw = move |bytes| bar.inc(bytes);
            client.put_artifact(artifact.sha256, &files.artifact(), artifact.size, saw).await?;
            progress.finish_and_clear();
        }
        let published = client.publish(release.to_bytes()).await?;
        match self.json {
            true => print.json(&published),
            false => {
                describe::published(&published, print);
                print.remark(format_args!(
                    "\nNext:\n  tillward campaign create --release {} --where 'model={}' \
                     --max-parallel 1",
                    published.digest,
                    published.models.first().map_or("…", String::as_str)
                ));
            }
        }
        Ok(Exit::Done)
    }
}

fn progress(size: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("  {bar:30} {bytes} of {total_bytes}, {eta} left")
        .expect("the template is well formed");
    ProgressBar::new(size).with_style(style)
}

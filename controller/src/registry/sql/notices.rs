//! Who was told of a change, and letters as they were made.

use async_trait::async_trait;

use super::session::{Access, Database, Row, Transaction, maybe_time, text, time};
use super::{SqlRegistry, audit, finish, read, rebinds, requests, transaction, write};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::notice::{Noted, Notice, NoticeAbout, NoticeRegistry, Paper};

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> NoticeRegistry for SqlRegistry<D> {
    async fn put_notice(&self, about: NoticeAbout, notice: &Notice, by: &By) -> Result<()> {
        write!(self, "note a notice", tx => put(tx, about, notice, by))
    }

    async fn notices(&self, about: NoticeAbout) -> Result<Vec<Noted>> {
        read!(self, "list notices", tx => of(tx, about))
    }

    async fn add_paper(&self, about: NoticeAbout, paper: &Paper, by: &By) -> Result<()> {
        write!(self, "keep a letter", tx => add_paper(tx, about, paper, by))
    }

    async fn papers(&self, about: NoticeAbout) -> Result<Vec<Paper>> {
        read!(self, "list letters", tx => papers(tx, about))
    }
}

/// Nobody is told of what is not there.
async fn known(tx: &mut Transaction, about: NoticeAbout) -> Result<()> {
    match about {
        NoticeAbout::Stop(request) => requests::known(tx, request).await.map(drop),
        NoticeAbout::Rebind(campaign) => {
            let missing = || RegistryError::Missing {
                what: "change of provider",
                which: campaign.to_string(),
            };
            rebinds::of_campaign(tx, campaign).await?.map(drop).ok_or_else(missing)
        }
    }
}

async fn put(tx: &mut Transaction, about: NoticeAbout, notice: &Notice, by: &By) -> Result<()> {
    known(tx, about).await?;
    write(tx, about, notice, by).await
}

/// Of what is known to be there.
pub(super) async fn write(
    tx: &mut Transaction,
    about: NoticeAbout,
    notice: &Notice,
    by: &By,
) -> Result<()> {
    let Notice { party, channel, reference, sent_at, delivered_at, acknowledged_at } = notice;
    let insert = "INSERT INTO notices (about, party, channel, reference, sent_at,
             delivered_at, acknowledged_at, recorded_at, recorded_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (about, party) DO UPDATE SET channel = $3, reference = $4, sent_at = $5,
             delivered_at = $6, acknowledged_at = $7, recorded_at = $8, recorded_by = $9";
    let values = vec![
        text(about),
        text(party),
        text(channel),
        text(reference),
        time(*sent_at),
        maybe_time(*delivered_at),
        maybe_time(*acknowledged_at),
        time(by.at),
        text(&by.who),
    ];
    tx.execute(insert, values).await?;
    audit::append(tx, by, "notice-recorded", format!("{about}/{party}")).await
}

pub(super) async fn of(tx: &mut Transaction, about: NoticeAbout) -> Result<Vec<Noted>> {
    let select = "SELECT party, channel, reference, sent_at, delivered_at, acknowledged_at,
             recorded_at, recorded_by
         FROM notices WHERE about = $1 ORDER BY party";
    let noted = |mut row: Row| {
        let notice = Notice {
            party: row.text()?,
            channel: row.text()?,
            reference: row.text()?,
            sent_at: row.time()?,
            delivered_at: row.maybe_time()?,
            acknowledged_at: row.maybe_time()?,
        };
        Ok(Noted { notice, at: row.time()?, by: row.text()? })
    };
    tx.rows(select, vec![text(about)]).await?.into_iter().map(noted).collect()
}

async fn add_paper(tx: &mut Transaction, about: NoticeAbout, paper: &Paper, by: &By) -> Result<()> {
    known(tx, about).await?;
    let insert = "INSERT INTO papers (about, digest, party, html, plain, made_at, made_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (about, digest) DO NOTHING";
    let values = vec![
        text(about),
        text(paper.digest),
        text(&paper.party),
        text(&paper.html),
        text(&paper.text),
        time(paper.made_at),
        text(&paper.made_by),
    ];
    match tx.execute(insert, values).await? {
        0 => Ok(()),
        _ => audit::append(tx, by, "letter-made", format!("{about}/{}", paper.digest)).await,
    }
}

async fn papers(tx: &mut Transaction, about: NoticeAbout) -> Result<Vec<Paper>> {
    let select = "SELECT party, digest, html, plain, made_at, made_by FROM papers
         WHERE about = $1 ORDER BY made_at, party, digest";
    let paper = |mut row: Row| {
        Ok(Paper {
            party: row.text()?,
            digest: row.parsed("digest")?,
            html: row.text()?,
            text: row.text()?,
            made_at: row.time()?,
            made_by: row.text()?,
        })
    };
    tx.rows(select, vec![text(about)]).await?.into_iter().map(paper).collect()
}

//! A listing as text: a line for each file, `<sha256> <bytes> <data set> <path>`, so that it can
//! be read, and compared with `sha256sum`, wherever it was restored.

use std::fmt::Write as _;

use shared::digest::Digest;

use super::Entry;

/// Ascending by path, folder by folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing(pub Vec<Entry>);

/// Which line is none of a listing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {0} of the listing makes no sense")]
pub struct NotAListing(usize);

impl Listing {
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Entry { path, data_set, bytes, sha256 } in &self.0 {
            writeln!(text, "{sha256} {bytes} {data_set} {path}").expect("text grows in memory");
        }
        text
    }

    pub fn parse(text: &[u8]) -> Result<Self, NotAListing> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let entries = lines.enumerate().map(|(at, line)| entry(line).ok_or(NotAListing(at + 1)));
        entries.collect::<Result<_, _>>().map(Self)
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }

    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|entry| entry.bytes).sum()
    }
}

fn entry(line: &[u8]) -> Option<Entry> {
    let line = str::from_utf8(line).ok()?;
    let mut words = line.splitn(4, ' ');
    Some(Entry {
        sha256: words.next()?.parse().ok()?,
        bytes: words.next()?.parse().ok()?,
        data_set: words.next()?.to_owned(),
        path: super::walk::inside(words.next()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_reads_back_as_it_was_written_and_nothing_else_does() {
        let entry = |path: &str| Entry {
            path: path.to_owned(),
            data_set: "journal".to_owned(),
            bytes: 7,
            sha256: Digest([1; 32]),
        };
        let listing = Listing(vec![entry("export/a file with spaces"), entry("export/ü")]);
        assert_eq!(Listing::parse(listing.text().as_bytes()), Ok(listing.clone()));
        assert_eq!(listing.bytes(), 14);
        for path in ["../etc/passwd", "/etc/passwd", "export/../../x", ""] {
            let text = Listing(vec![entry(path)]).text();
            assert_eq!(Listing::parse(text.as_bytes()), Err(NotAListing(1)), "{path}");
        }
        assert!(Listing::parse(b"\xff\n").is_err());
    }
}

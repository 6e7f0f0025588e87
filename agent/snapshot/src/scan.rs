//! Looks for card data in a stream of bytes: card numbers by length, range and check digit, and
//! what a card's magnetic tracks hold. Pure: bytes go in by chunks of any size, and where the
//! chunks are cut changes nothing.
//!
//! A number counts where it stands as one run of 13 to 19 digits, or in the groups that cards are
//! embossed in, with spaces or hyphens. A zero byte between two digits is passed over, which is
//! text in UTF-16. Deliberately passed by: numbers inside longer runs of digits, digits behind a
//! decimal point, digits in a long hexadecimal word, and article numbers (GTIN), whose check digit
//! is another: each of these would end the backups of honest shops.

mod brands;
#[cfg(test)]
mod tests;

use shared::digest::Digest;

/// More groups than any card number has.
const GROUPS_MAX: usize = 5;

/// A longer run of digits is no card number, and only its length is told on.
const DIGITS_MAX: usize = 20;

/// How card numbers are grouped where people write them.
const GROUPINGS: &[&[usize]] =
    &[&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 4, 4, 4, 2], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 1]];

/// Shorter words of hexadecimal digits may be a card number between two letters.
const HEX_WORD_MIN: u64 = 24;

/// Looked through for digits at once: most of most files has none.
const BLOCK_BYTES: usize = 32;

/// Behind the card number in track 2: the month, the service code. Fewer digits are no track.
const TRACK_2_DIGITS_MIN: usize = 7;

/// Changes with every change of this module: what was looked through by other rules was not.
pub fn rules() -> Digest {
    let text = [include_str!("scan.rs"), include_str!("scan/brands.rs")];
    Digest::of(text.concat().as_bytes())
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardData {
    Number,
    Track1,
    Track2,
}

impl CardData {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "a card number",
            Self::Track1 => "data of track 1 of a card",
            Self::Track2 => "data of track 2 of a card",
        }
    }
}

/// Where it begins. What it says is told to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub found: CardData,
    pub offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Digit,
    /// A space or a hyphen.
    Between,
    Zero,
    Letter,
    HexLetter,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut at = 0;
    while at < 256 {
        classes[at] = match at as u8 {
            b'0'..=b'9' => Class::Digit,
            b' ' | b'-' => Class::Between,
            0 => Class::Zero,
            b'a'..=b'f' | b'A'..=b'F' => Class::HexLetter,
            b'g'..=b'z' | b'G'..=b'Z' => Class::Letter,
            _ => Class::Other,
        };
        at += 1;
    }
    classes
};

/// Looks at every byte, so that the compiler can look at many at once.
fn has_digit(block: &[u8]) -> bool {
    block.iter().fold(false, |found, byte| found | byte.is_ascii_digit())
}

/// A run of digits.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    offset: u64,
    digits: [u8; DIGITS_MAX],
    /// Counts on where no digit is kept any more.
    length: usize,
    /// The two bytes before it, the nearer one last.
    before: [u8; 2],
}

impl Group {
    fn digits(&self) -> &[u8] {
        &self.digits[..self.length.min(DIGITS_MAX)]
    }
}

/// What has been read, as far as what comes may depend on it.
#[derive(Debug, Default)]
pub struct Scanner {
    offset: u64,
    groups: [Group; GROUPS_MAX],
    /// Of them, in use; the last may still be growing.
    count: usize,
    in_group: bool,
    last: Option<Class>,
    /// The last two bytes that were not zero.
    before: [u8; 2],
    word_length: u64,
    word_is_hex: bool,
    /// A number in a word that may turn out to be a digest.
    doubtful: Option<u64>,
    /// A card number and `=`: the track, if digits follow.
    track_2: Option<u64>,
}

impl Scanner {
    pub fn new() -> Self {
        Self::default()
    }

    /// The first that these bytes complete. Nothing is fed after a hit.
    pub fn feed(&mut self, chunk: &[u8]) -> Option<Hit> {
        for block in chunk.chunks(BLOCK_BYTES) {
            let passed = match block.len() == BLOCK_BYTES && self.is_idle() && !has_digit(block) {
                true => self.pass(block),
                false => 0,
            };
            for &byte in &block[passed..] {
                let hit = self.step(byte);
                if hit.is_some() {
                    return hit;
                }
            }
        }
        None
    }

    /// Whether nothing that was read can become a part of a hit, but for a word that goes on.
    fn is_idle(&self) -> bool {
        !self.in_group && self.count == 0 && self.doubtful.is_none() && self.track_2.is_none()
    }

    /// Passes over bytes without a digit, as far as the last that ends a word, and is then as if
    /// each had been looked at. Returns how many.
    fn pass(&mut self, block: &[u8]) -> usize {
        let ends_word =
            |byte: &u8| matches!(CLASSES[usize::from(*byte)], Class::Between | Class::Other);
        let Some(end) = block.iter().rposition(ends_word) else { return 0 };
        let before = block[..end].iter().rev().find(|byte| **byte != 0);
        self.before = [before.copied().unwrap_or(self.before[1]), block[end]];
        self.last = Some(CLASSES[usize::from(block[end])]);
        self.word_length = 0;
        self.offset += end as u64 + 1;
        end + 1
    }

    #[inline]
    fn step(&mut self, byte: u8) -> Option<Hit> {
        let class = CLASSES[usize::from(byte)];
        let hit = match class {
            Class::Digit => self.digit(byte),
            Class::Zero if self.last != Some(Class::Zero) => None,
            Class::Between | Class::Zero | Class::Letter | Class::HexLetter | Class::Other => {
                self.no_digit(byte, class)
            }
        };
        self.last = Some(class);
        if class != Class::Zero {
            self.before = [self.before[1], byte];
        }
        self.offset += 1;
        hit
    }

    /// What the end of the stream completes.
    pub fn finish(mut self) -> Option<Hit> {
        self.no_digit(b'\n', Class::Other)
    }

    #[inline]
    fn digit(&mut self, byte: u8) -> Option<Hit> {
        if !self.in_group {
            if self.count == GROUPS_MAX {
                self.groups.rotate_left(1);
                self.count -= 1;
            }
            let begun = Group { offset: self.offset, before: self.before, ..Group::default() };
            self.groups[self.count] = begun;
            self.count += 1;
            self.in_group = true;
        }
        let group = &mut self.groups[self.count - 1];
        if let Some(place) = group.digits.get_mut(group.length) {
            *place = byte - b'0';
        }
        group.length += 1;
        self.word(Class::Digit);
        None
    }

    #[inline]
    fn no_digit(&mut self, byte: u8, class: Class) -> Option<Hit> {
        let mut hit = None;
        if self.in_group {
            self.in_group = false;
            hit = self.group_ends(byte);
        } else if class == Class::Between && self.last == Some(Class::Between) {
            self.count = 0;
        }
        if class != Class::Between {
            self.count = 0;
        }
        match class {
            Class::Letter | Class::HexLetter => self.word(class),
            Class::Digit | Class::Between | Class::Zero | Class::Other => {
                hit = hit.or(self.word_ends());
            }
        }
        if byte != b'=' {
            self.track_2 = None;
        }
        hit
    }

    #[inline]
    fn word(&mut self, class: Class) {
        self.word_is_hex = (self.word_length == 0 || self.word_is_hex) && class != Class::Letter;
        self.word_length += 1;
    }

    fn word_ends(&mut self) -> Option<Hit> {
        let is_digest = self.word_is_hex && self.word_length >= HEX_WORD_MIN;
        self.word_length = 0;
        let offset = self.doubtful.take()?;
        (!is_digest).then_some(Hit { found: CardData::Number, offset })
    }

    /// Judges the run of digits that `next` ends, and the groups that it is the last of.
    fn group_ends(&mut self, next: u8) -> Option<Hit> {
        let group = self.groups[self.count - 1];
        if let Some(offset) = self.track_2.take()
            && group.length >= TRACK_2_DIGITS_MIN
        {
            return Some(Hit { found: CardData::Track2, offset });
        }
        let has_length = (13..=19).contains(&group.length);
        if has_length && next == b'^' && group.before == *b"%B" {
            return Some(Hit { found: CardData::Track1, offset: group.offset });
        }
        if has_length && next == b'=' && group.before[1] == b';' {
            self.track_2 = Some(group.offset);
            return None;
        }
        let is_fraction = group.before[1] == b'.' && group.before[0].is_ascii_digit();
        if has_length && !is_fraction && brands::is_card_number(group.digits()) {
            if self.word_length > group.length as u64 || next.is_ascii_alphanumeric() {
                self.doubtful.get_or_insert(group.offset);
                return None;
            }
            return Some(Hit { found: CardData::Number, offset: group.offset });
        }
        self.grouped()
    }

    fn grouped(&self) -> Option<Hit> {
        let groups = &self.groups[..self.count];
        for grouping in GROUPINGS {
            let Some(first) = groups.len().checked_sub(grouping.len()) else { continue };
            let groups = &groups[first..];
            if !groups.iter().zip(*grouping).all(|(group, length)| group.length == *length) {
                continue;
            }
            let mut digits = [0; DIGITS_MAX];
            let mut length = 0;
            for digit in groups.iter().flat_map(Group::digits) {
                digits[length] = *digit;
                length += 1;
            }
            if brands::is_card_number(&digits[..length]) {
                return Some(Hit { found: CardData::Number, offset: groups[0].offset });
            }
        }
        None
    }
}

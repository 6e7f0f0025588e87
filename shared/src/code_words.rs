//! Six words that a console and a terminal both show, so that two people on the telephone can
//! compare what they look at. Each word is five letters, consonants and vowels in turn: it can be
//! said aloud in any language, and stands for 16 bits. Pure.

use crate::digest::Digest;
use crate::id::TerminalId;

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

pub const WORDS: usize = 6;

/// The code of one batch on one terminal. 96 bits: nobody finds another batch with the same.
pub fn code(batch: Digest, terminal: TerminalId) -> String {
    let digest = Digest::of_parts(&[b"tillward/1/code/", &batch.0, terminal.as_bytes()]);
    let words = digest.0.chunks_exact(2).take(WORDS);
    let words: Vec<_> = words.map(|pair| word(u16::from_be_bytes([pair[0], pair[1]]))).collect();
    words.join("-")
}

fn word(bits: u16) -> String {
    let consonant = |shift: u32| char::from(CONSONANTS[usize::from(bits >> shift & 0xf)]);
    let vowel = |shift: u32| char::from(VOWELS[usize::from(bits >> shift & 0x3)]);
    [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)].iter().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_is_five_letters_and_stands_for_itself_alone() {
        let words: BTreeSet<_> = (0..=u16::MAX).map(word).collect();
        assert_eq!(words.len(), 1 << 16);
        assert!(words.iter().all(|word| word.len() == 5));
        assert_eq!((word(0), word(u16::MAX)), ("babab".to_owned(), "zuzuz".to_owned()));
    }

    #[test]
    fn a_code_is_that_of_one_batch_on_one_terminal() {
        let (one, other) = (TerminalId::from_bytes([1; 16]), TerminalId::from_bytes([2; 16]));
        let batch = Digest::of(b"batch");
        let said = code(batch, one);
        assert_eq!(said, code(batch, one));
        assert_eq!(said.split('-').count(), WORDS);
        assert_ne!(said, code(batch, other));
        assert_ne!(said, code(Digest::of(b"another"), one));
    }
}

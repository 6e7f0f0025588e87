//! Patterns of texts: `*` stands for any letters or none, `?` for one. Pure.

/// Never two [`Piece::Any`] beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Letter(char),
    One,
    Any,
}

impl Glob {
    pub(super) fn new(mut pieces: Vec<Piece>) -> Self {
        pieces.dedup_by(|next, before| (*next, *before) == (Piece::Any, Piece::Any));
        Self(pieces)
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Never looks back further than to the last `*`, so that no pattern is slow.
    pub(super) fn fits(&self, text: &str) -> bool {
        let (mut letters, mut at) = (text.chars(), 0);
        // Where to go on after a `*` that takes one letter more.
        let mut last_any = None;
        loop {
            let rest = letters.clone();
            match (self.0.get(at), letters.next()) {
                (None, None) => return true,
                (Some(Piece::Any), _) => {
                    (letters, at) = (rest, at + 1);
                    last_any = Some((letters.clone(), at));
                    continue;
                }
                (Some(Piece::One), Some(_)) => at += 1,
                (Some(Piece::Letter(wanted)), Some(letter)) if *wanted == letter => at += 1,
                (None | Some(Piece::One | Piece::Letter(_)), _) => {
                    let Some((from, after)) = &mut last_any else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    (letters, at) = (from.clone(), *after);
                }
            }
        }
    }
}

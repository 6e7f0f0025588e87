//! Two slots and a symlink that is one or the other, also when the power fails.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Old,
    New,
}

impl Version {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Old => "1.0.0",
            Self::New => "2.0.0",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    Intact,
    Corrupt,
}

#[derive(Clone, Debug)]
pub(crate) struct Slots {
    pub(crate) current: Version,
    previous: Option<Version>,
    pub(crate) download: Option<Bytes>,
    staged: bool,
    committed: bool,
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self {
            current: Version::Old,
            previous: None,
            download: None,
            staged: false,
            committed: true,
        }
    }

    pub(crate) fn stage(&mut self) -> bool {
        self.staged |= self.download == Some(Bytes::Intact);
        self.staged
    }

    pub(crate) fn is_staged(&self) -> bool {
        self.staged
    }

    /// Not idempotent, on purpose: a second switch would forget the way back.
    pub(crate) fn switch(&mut self) -> bool {
        if self.staged {
            self.previous = Some(self.current);
            (self.current, self.committed) = (Version::New, false);
        }
        self.staged
    }

    pub(crate) fn switch_back(&mut self) -> bool {
        match (self.current, self.previous) {
            (Version::Old, _) => true,
            (Version::New, Some(previous)) => {
                (self.current, self.committed) = (previous, true);
                previous == Version::Old
            }
            (Version::New, None) => false,
        }
    }

    pub(crate) fn commit(&mut self) {
        self.committed = true;
    }

    pub(crate) fn is_committed(&self) -> bool {
        self.committed
    }

    pub(crate) fn discard_staged(&mut self) {
        self.staged &= self.current == Version::New;
    }
}

//! Which till this build is. The features of the package choose; nothing else looks at them, so
//! that every edition is compiled and tested from the same source.
//!
//! Version 2 adds tips. Its journal has one column more, with a default: version 1 goes on reading
//! and writing it, or a rollback would have to throw away sales.

/// What distinguishes one edition of the till from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edition {
    /// What `status` and `pos-sim version` report.
    pub(crate) version: &'static str,
    /// The journal schema this edition writes.
    pub(crate) schema: Schema,
    pub(crate) self_test: SelfTest,
}

/// The editions of the till's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Schema {
    One = 1,
    /// Adds `sale.tip_minor`.
    Two = 2,
}

/// How the till's examination of itself ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SelfTest {
    Honest,
    /// The card reader is never found: a release that starts, and must not stay.
    AlwaysFails,
}

const V1: Edition = Edition { version: "1.0.0", schema: Schema::One, self_test: SelfTest::Honest };
const V2: Edition = Edition { version: "2.0.0", schema: Schema::Two, self_test: SelfTest::Honest };
const V2_BAD: Edition =
    Edition { version: "2.0.1", schema: Schema::Two, self_test: SelfTest::AlwaysFails };

/// The edition of this build. With both features the bad one wins.
pub(crate) const THIS: Edition = if cfg!(feature = "v2-bad") {
    V2_BAD
} else if cfg!(feature = "v2") {
    V2
} else {
    V1
};

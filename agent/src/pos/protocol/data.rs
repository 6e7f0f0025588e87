//! What the till's data is, as the till counts it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::backup::DataClass;

use crate::snapshot::protocol::Exported;

/// The answer to `export`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Export {
    pub data_sets: Vec<DataSet>,
    pub batch_open: bool,
    /// For how long no sale could begin.
    #[serde(default)]
    pub held_ms: u64,
}

/// The answer to `rehearse` and `import`.
#[derive(Debug, Deserialize)]
pub(in crate::pos) struct DataSets {
    pub(in crate::pos) data_sets: Vec<DataSet>,
}

/// One data set: exported, or counted again after it was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSet {
    pub name: String,
    pub class: DataClass,
    #[serde(default)]
    pub schema: u32,
    #[serde(default)]
    pub files: Vec<String>,
    pub records: u64,
    #[serde(default)]
    pub totals: BTreeMap<String, i64>,
    pub first: Option<u64>,
    pub last: Option<u64>,
}

impl From<DataSet> for Exported {
    fn from(set: DataSet) -> Self {
        let DataSet { name, class, schema, files, records, totals, first, last } = set;
        Self { name, class, schema, files, records, totals, first, last }
    }
}

/// Which data set of an earlier export is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wanted {
    pub name: String,
    pub schema: u32,
}

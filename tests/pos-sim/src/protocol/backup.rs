//! The verbs of backup and restore: what they are asked with, and the shapes of their answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Code, Refusal, Request, Source};

/// One data set, as it was exported, rehearsed or imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataSet {
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) schema: u8,
    /// Relative to the directory of the export.
    pub(crate) files: Vec<String>,
    pub(crate) records: i64,
    /// By currency, in minor units.
    pub(crate) totals: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<i64>,
}

/// The answer to `export`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Exported {
    pub(crate) data_sets: Vec<DataSet>,
    pub(crate) batch_open: bool,
    /// How long no sale could begin because of the export.
    pub(crate) held_ms: u64,
}

/// An absolute path: the till does not know where the agent stands.
pub(super) fn directory(request: &Request, name: &str) -> Result<PathBuf, Refusal> {
    let path = request.object.get(name).and_then(Value::as_str).map(PathBuf::from);
    path.filter(|path| path.is_absolute()).ok_or_else(|| {
        Refusal::new(Code::Refused, format!("`{name}` must be a directory's absolute path"))
    })
}

pub(super) fn source(request: &Request) -> Result<Source, Refusal> {
    let names = request.object.get("data_sets").and_then(Value::as_array).and_then(|sets| {
        sets.iter().map(|set| set.get("name")?.as_str().map(str::to_owned)).collect()
    });
    let names = names.ok_or_else(|| {
        let text = "`data_sets` must be a list of objects with a `name`";
        Refusal::new(Code::Refused, text)
    })?;
    Ok(Source { from: directory(request, "from")?, data_sets: names })
}

#[cfg(test)]
mod tests {
    use super::super::Verb;
    use super::*;

    fn verb(line: &str) -> Result<Verb, Code> {
        let request = Request::read(line.as_bytes()).unwrap();
        Verb::of(&request).map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_verbs_of_the_page_are_read() {
        let into = PathBuf::from("/b/export");
        let source = Source { from: into.clone(), data_sets: vec!["sales".to_owned()] };
        let sets = r#""data_sets":[{"name":"sales","schema":1}]"#;
        for (rest, expected) in [
            (r#""do":"export","into":"/b/export""#.to_owned(), Verb::Export { into }),
            (
                format!(r#""do":"rehearse","from":"/b/export",{sets}"#),
                Verb::Rehearse(source.clone()),
            ),
            (format!(r#""do":"import","from":"/b/export",{sets}"#), Verb::Import(source)),
            (r#""do":"revert_import""#.to_owned(), Verb::RevertImport),
            (r#""do":"commit_import""#.to_owned(), Verb::CommitImport),
        ] {
            assert_eq!(verb(&format!("{{\"id\":1,{rest}}}")), Ok(expected), "{rest}");
        }
    }

    #[test]
    fn a_directory_that_depends_on_who_asks_is_refused() {
        for rest in [
            r#""do":"export""#,
            r#""do":"export","into":"export""#,
            r#""do":"import","from":"/b""#,
            r#""do":"import","from":"/b","data_sets":["sales"]"#,
            r#""do":"rehearse","from":"","data_sets":[]"#,
        ] {
            assert_eq!(verb(&format!("{{\"id\":1,{rest}}}")), Err(Code::Refused), "{rest}");
        }
    }
}

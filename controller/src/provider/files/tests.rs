//! What is written reads back, and what is hostile is refused with its line.

use super::super::samples;
use super::*;

fn known() -> Vec<Known<Document>> {
    let all = samples::all().into_iter();
    all.map(|(key, document)| Known { version: 7, ..samples::known(&key, document) }).collect()
}

fn documents(items: &[Item]) -> Vec<(&str, Option<u32>, &Document)> {
    let mut all: Vec<_> = items.iter().map(|it| (&*it.key, it.version, &it.document)).collect();
    all.sort_by_key(|(key, _, document)| (document.kind(), *key));
    all
}

fn said(format: Format, text: &str) -> String {
    let mistakes = read(format, text.as_bytes()).expect_err(text);
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
}

const BOTH: [Format; 2] = [Format::Csv, Format::Toml];

#[test]
fn what_is_written_reads_back_equal() {
    let known = known();
    for format in BOTH {
        let text = write(format, &known);
        let read = read(format, text.as_bytes()).unwrap_or_else(|it| panic!("{it:?}\n{text}"));
        let expected: Vec<_> =
            known.iter().map(|it| (&*it.key, Some(it.version), &it.document)).collect();
        assert_eq!(documents(&read), expected, "{text}");
        let marked = format!("\u{feff}{text}");
        assert_eq!(super::read(format, marked.as_bytes()).unwrap(), read);
    }
}

#[test]
fn nothing_is_a_formula() {
    for text in ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "'", "a=b", "x,\"y\"", "x\u{a0}y"] {
        let mut provider = samples::provider();
        provider.name = text.to_owned();
        let known = [samples::known("alpha", Document::Provider(provider))];
        for format in BOTH {
            let written = write(format, &known);
            let read = read(format, written.as_bytes()).unwrap();
            assert_eq!(read[0].document, known[0].document, "{text}");
        }
        let table = write(Format::Csv, &known);
        let mut cells = ::csv::Reader::from_reader(table.as_bytes());
        let cells: Vec<_> = cells
            .records()
            .flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert!(!cells.iter().any(|it| it.starts_with(['=', '+', '-', '@'])), "{cells:?}");
    }
    let row = "kind,key,lowest,highest\nband,=cmd,1,2\n";
    assert!(said(Format::Csv, row).contains("line 2: `key` is `=cmd`"));
}

#[test]
fn all_mistakes_of_a_table_are_said_with_their_lines() {
    let table = "\
kind,key,lowest,highest
band,a,1,2
band,a,1,2
band,b,5,4
bond,c,1,2
band,d,one,2
band,,1,2
band,e,1
band,f,70000,2
";
    let said = said(Format::Csv, table);
    let lines: Vec<_> = said.lines().collect();
    let expected = [
        ("line 3", "band `a` stands on line 2 already"),
        ("line 4", "`highest` is 4, less than `lowest`, 5"),
        ("line 5", "`bond` is no kind of document"),
        ("line 6", "`lowest` is `one`: write a whole number"),
        ("line 7", "`key` is missing"),
        ("line 8", "the row has 3 cells, the first line 4"),
        ("line 9", "`lowest` is `70000`: write a whole number that fits"),
    ];
    assert_eq!(lines.len(), expected.len(), "{said}");
    for (line, (number, what)) in lines.iter().zip(expected) {
        assert!(line.starts_with(number) && line.contains(what), "{line}");
    }
}

#[test]
fn all_mistakes_of_lists_are_said_with_their_lines() {
    let text = "\
[[band]]
key = \"a\"
lowest = 1
highest = 2

[[band]]
key = \"a\"
lowest = 1
highest = 2

[[band]]
lowest = 5
highest = 4

[[bond]]
key = \"c\"

[[band]]
key = \"d\"
lowest = \"one\"
highest = 2

[[band]]
key = \"e\"
lowest = 1
highest = 2
vouched = true
";
    let said = said(Format::Toml, text);
    for (line, what) in [
        (6, "band `a` stands on line 1 already"),
        (11, "`key` is missing"),
        (15, "`bond` is no kind of document"),
        (18, "invalid type"),
        (23, "unknown field `vouched`"),
    ] {
        let found = said.lines().find(|it| it.starts_with(&format!("line {line}: ")));
        assert!(found.is_some_and(|it| it.contains(what)), "{line} {what}: {said}");
    }
    assert_eq!(said.lines().count(), 5, "{said}");
}

#[test]
fn a_key_or_a_column_that_stands_there_twice_is_refused() {
    let twice = "[[band]]\nkey = \"a\"\nkey = \"b\"\n";
    assert!(said(Format::Toml, twice).starts_with("line 3"));
    assert!(said(Format::Csv, "kind,key,key\n").contains("`key` stands there twice"));
    let both = "kind,key,hosts,hosts.0\nprovider,a,x,y\n";
    assert!(said(Format::Csv, both).contains("`hosts.0` is no field"));
    let places = "kind,key,hosts.0,hosts.00\nprovider,a,x,y\n";
    assert!(said(Format::Csv, places).starts_with("line 2"));
}

#[test]
fn other_encodings_and_sizes_are_refused() {
    for format in BOTH {
        for bytes in [&b"kind,key\nband,\xe9t\xe9\n"[..], &b"\xff\xfek\0i\0n\0d\0"[..]] {
            let mistakes = read(format, bytes).unwrap_err();
            assert!(mistakes[0].what.contains("no UTF-8"), "{mistakes:?}");
        }
        let line = read(format, b"a\nb\n\xff").unwrap_err()[0].line;
        assert_eq!(line, 3);
        let large = vec![b'\n'; FILE_BYTES_MAX + 1];
        assert!(read(format, &large).unwrap_err()[0].what.contains("bytes"));
        assert!(read(format, b"\0\0\0\0").is_err(), "what is no text");
        assert!(read(format, b"[[[[").is_err());
    }
    let rows: String = (0..=FILE_ITEMS_MAX).map(|at| format!("band,k{at},1,2\n")).collect();
    let table = format!("kind,key,lowest,highest\n{rows}");
    assert!(said(Format::Csv, &table).contains("more than 10000 documents"));
    let columns: String = (0..1100).map(|at| format!(",c{at}")).collect();
    assert!(said(Format::Csv, &format!("kind{columns}\n")).contains("columns"));
    let wrong: String = (0..1000).map(|at| format!("bond,k{at},1,2\n")).collect();
    let said = said(Format::Csv, &format!("kind,key,lowest,highest\n{wrong}"));
    assert_eq!(said.lines().count(), 101);
    assert!(said.ends_with("and 900 mistakes more after it"));
}

#[test]
fn deep_columns_and_groups_in_the_wrong_place_are_refused() {
    for (header, row) in [
        ("a.b.c.d.e", "1"),
        (".", "1"),
        ("a..b", "1"),
        ("lowest.x", "1"),
        ("hosts.x", "1"),
        ("licence", "1"),
        ("clearing.direct", "1"),
    ] {
        for kind in ["band", "provider"] {
            let table = format!("kind,key,{header}\n{kind},k,{row}\n");
            assert!(said(Format::Csv, &table).starts_with("line 2"), "{table}");
        }
    }
}

#[test]
fn an_empty_file_has_nothing() {
    assert_eq!(read(Format::Toml, b""), Ok(vec![]));
    assert_eq!(read(Format::Csv, b"kind,key\n"), Ok(vec![]));
    assert!(read(Format::Csv, b"").is_err(), "a table names its columns");
    assert_eq!(write(Format::Toml, &[]), "");
    assert_eq!(write(Format::Csv, &[]), "kind,key,version\n");
}

//! Whether what the till counted is what was saved. Pure.

use std::collections::BTreeMap;

use shared::document::manifest::{DataSet, Numbers};

use crate::pos;

/// The first difference, in words; `None` when all is equal.
pub fn difference(saved: &[&DataSet], counted: &[pos::DataSet]) -> Option<String> {
    saved.iter().find_map(|saved| {
        let name = &saved.name;
        let Some(counted) = counted.iter().find(|it| it.name == *name) else {
            return Some(format!("`{name}` was not counted"));
        };
        if counted.records != saved.records {
            let (before, after) = (saved.records, counted.records);
            return Some(format!("`{name}` was saved with {before} records and has {after}"));
        }
        let (before, after) = (without_zeros(&saved.totals), without_zeros(&counted.totals));
        if before != after {
            let (before, after) = (shown(&before), shown(&after));
            return Some(format!("`{name}` was saved with {before} and has {after}"));
        }
        let numbers = counted.first.zip(counted.last);
        let numbers = numbers.map(|(first, last)| Numbers { first, last });
        (numbers != saved.numbers).then(|| format!("`{name}` has other first and last numbers"))
    })
}

/// A currency without an amount is none.
fn without_zeros(totals: &BTreeMap<String, i64>) -> BTreeMap<&str, i64> {
    let amounts = totals.iter().map(|(currency, total)| (currency.as_str(), *total));
    amounts.filter(|(_, total)| *total != 0).collect()
}

/// What was compared, for the receipt.
pub fn summary(saved: &[&DataSet]) -> String {
    let records: u64 = saved.iter().map(|set| set.records).sum();
    let mut totals = BTreeMap::<&str, i64>::new();
    for (currency, total) in saved.iter().flat_map(|set| without_zeros(&set.totals)) {
        *totals.entry(currency).or_default() += total;
    }
    format!("{} data sets, {records} records, {}", saved.len(), shown(&totals))
}

fn shown(totals: &BTreeMap<&str, i64>) -> String {
    if totals.is_empty() {
        return "no amounts".to_owned();
    }
    let amounts = totals.iter().map(|(currency, total)| format!("{total} {currency}"));
    amounts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use shared::backup::DataClass;

    use super::*;

    fn saved() -> DataSet {
        DataSet {
            name: "sales".to_owned(),
            class: DataClass::Transactions,
            schema: 1,
            files: 1,
            bytes: 9,
            records: 3,
            totals: BTreeMap::from([("CNY".to_owned(), 1250), ("EUR".to_owned(), 0)]),
            numbers: Some(Numbers { first: 1, last: 3 }),
        }
    }

    fn counted() -> pos::DataSet {
        pos::DataSet {
            name: "sales".to_owned(),
            class: DataClass::Transactions,
            schema: 1,
            files: Vec::new(),
            records: 3,
            totals: BTreeMap::from([("CNY".to_owned(), 1250)]),
            first: Some(1),
            last: Some(3),
        }
    }

    #[test]
    fn equal_is_equal_whatever_else_was_counted() {
        let other = pos::DataSet { name: "stock".to_owned(), ..counted() };
        assert_eq!(difference(&[&saved()], &[other, counted()]), None);
        assert_eq!(summary(&[&saved()]), "1 data sets, 3 records, 1250 CNY");
    }

    #[test]
    fn every_difference_has_its_words() {
        let more = pos::DataSet { records: 4, ..counted() };
        let less = pos::DataSet { totals: BTreeMap::new(), ..counted() };
        let later = pos::DataSet { first: Some(2), ..counted() };
        let unnumbered = pos::DataSet { last: None, ..counted() };
        for (counted, words) in [
            (vec![], "`sales` was not counted"),
            (vec![more], "`sales` was saved with 3 records and has 4"),
            (vec![less], "`sales` was saved with 1250 CNY and has no amounts"),
            (vec![later], "`sales` has other first and last numbers"),
            (vec![unnumbered], "`sales` has other first and last numbers"),
        ] {
            assert_eq!(difference(&[&saved()], &counted).as_deref(), Some(words));
        }
    }
}

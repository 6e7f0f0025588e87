//! The rules of the books, as conversations.

use super::*;

const TERMINAL: &str = "T1";
/// Another terminal of the same merchant, which has T1's data.
const HEIR: &str = "T2";

struct Host {
    ledger: Ledger,
    _dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { ledger: Ledger::open(dir.path(), "a").unwrap(), _dir: dir }
    }

    fn ask(&mut self, ask: &Ask) -> Answer {
        self.ask_as("T0000001", ask)
    }

    fn ask_as(&mut self, tid: &str, ask: &Ask) -> Answer {
        let merchant = Merchant { mid: "M1".into(), tid: tid.into() };
        self.ledger.answer(&Call { merchant, ask: ask.clone() }, 0).unwrap()
    }

    fn refund(&mut self, stan: i64, of: i64, amount_minor: i64, batch: i64) -> Answer {
        self.ask(&Ask::Refund { terminal: TERMINAL.into(), stan, of, amount_minor, batch })
    }

    fn sale(&mut self, stan: i64, amount_minor: i64, batch: i64) -> Answer {
        self.authorise(stan, Authorise::Sale, amount_minor, batch)
    }

    fn preauthorise(&mut self, stan: i64, amount_minor: i64) -> Answer {
        self.authorise(stan, Authorise::Preauthorisation, amount_minor, 1)
    }

    fn authorise(&mut self, stan: i64, kind: Authorise, amount_minor: i64, batch: i64) -> Answer {
        self.ask(&Ask::Authorise { terminal: TERMINAL.into(), stan, kind, amount_minor, batch })
    }

    fn reverse(&mut self, stan: i64) -> Answer {
        self.ask(&Ask::Reverse { terminal: TERMINAL.into(), stan, opened_by: None })
    }

    fn upload(&mut self, stan: i64, kind: Upload, amount_minor: i64, batch: i64) -> Answer {
        let (terminal, opened_by) = (TERMINAL.into(), None);
        self.ask(&Ask::Upload { terminal, stan, kind, amount_minor, batch, opened_by })
    }

    /// A reversal of what T1 opened, by the terminal that has its data.
    fn reverse_elsewhere(&mut self, stan: i64) -> Answer {
        let opened_by = Some(TERMINAL.into());
        self.ask_as("T0000002", &Ask::Reverse { terminal: HEIR.into(), stan, opened_by })
    }

    fn upload_elsewhere(&mut self, stan: i64, kind: Upload, amount_minor: i64) -> Answer {
        let (terminal, opened_by) = (HEIR.into(), Some(TERMINAL.into()));
        let ask = Ask::Upload { terminal, stan, kind, amount_minor, batch: 4, opened_by };
        self.ask_as("T0000002", &ask)
    }

    fn settle(&mut self, batch: i64, count: i64, total_minor: i64) -> Answer {
        self.ask(&Ask::Settle { terminal: TERMINAL.into(), batch, count, total_minor })
    }

    fn books(&self, batch: i64) -> (i64, i64) {
        self.books_of(TERMINAL, batch)
    }

    fn books_of(&self, terminal: &str, batch: i64) -> (i64, i64) {
        let db = &self.ledger.db;
        let books = db.unchecked_transaction().unwrap();
        let figures = taken(&books, terminal, batch).unwrap();
        (figures.count, figures.total_minor)
    }
}

fn is_refused(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused { .. } | Answer::Declined { .. })
}

#[test]
fn a_sale_asked_twice_is_charged_once() {
    let mut host = Host::new();
    assert_eq!(host.sale(1, 500, 1), Answer::Approved);
    assert_eq!(host.sale(1, 500, 1), Answer::Approved);
    assert_eq!(host.books(1), (1, 500));
    assert!(is_refused(&host.sale(1, 501, 1)), "another amount under the same number");
    assert!(is_refused(&host.preauthorise(1, 500)));
    assert_eq!(host.books(1), (1, 500));
}

#[test]
fn an_empty_card_is_declined_however_often_it_is_asked() {
    let mut host = Host::new();
    assert!(is_refused(&host.sale(1, 97, 1)));
    assert!(is_refused(&host.sale(1, 97, 1)));
    assert_eq!(host.books(1), (0, 0));
}

#[test]
fn a_reversal_undoes_once_and_a_sale_that_arrives_later_charges_nothing() {
    let mut host = Host::new();
    host.sale(1, 500, 1);
    assert_eq!(host.reverse(1), Answer::Reversed);
    assert_eq!(host.reverse(1), Answer::Reversed);
    assert_eq!(host.books(1), (0, 0));
    assert_eq!(host.reverse(2), Answer::Reversed);
    assert!(is_refused(&host.sale(2, 500, 1)), "the reversal overtook it");
    assert!(is_refused(&host.upload(2, Upload::OfflineSale, 500, 1)));
    assert_eq!(host.books(1), (0, 0));
}

#[test]
fn an_offline_sale_uploaded_twice_is_charged_once() {
    let mut host = Host::new();
    assert_eq!(host.upload(1, Upload::OfflineSale, 300, 2), Answer::Taken);
    assert_eq!(host.upload(1, Upload::OfflineSale, 300, 2), Answer::Taken);
    assert_eq!(host.books(2), (1, 300));
    assert!(is_refused(&host.upload(1, Upload::OfflineSale, 300, 3)), "in another batch");
}

#[test]
fn a_preauthorisation_charges_only_when_completed_and_no_more_than_was_held() {
    let mut host = Host::new();
    assert_eq!(host.preauthorise(1, 900), Answer::Approved);
    assert_eq!(host.books(1), (0, 0));
    assert!(is_refused(&host.upload(1, Upload::Completion, 901, 1)));
    assert_eq!(host.upload(1, Upload::Completion, 700, 1), Answer::Taken);
    assert_eq!(host.upload(1, Upload::Completion, 700, 1), Answer::Taken);
    assert_eq!(host.books(1), (1, 700));
    assert!(is_refused(&host.upload(2, Upload::Completion, 100, 1)), "nothing is held");
}

#[test]
fn a_cancelled_preauthorisation_cannot_be_completed() {
    let mut host = Host::new();
    host.preauthorise(1, 900);
    assert_eq!(host.reverse(1), Answer::Reversed);
    assert!(is_refused(&host.upload(1, Upload::Completion, 700, 1)));
    assert!(is_refused(&host.preauthorise(1, 900)));
    assert_eq!(host.books(1), (0, 0));
}

#[test]
fn another_terminal_of_the_merchant_completes_what_it_names_once_and_in_its_own_batch() {
    let mut host = Host::new();
    host.preauthorise(1, 900);
    assert!(is_refused(&host.upload_elsewhere(1, Upload::Completion, 901)), "more than is held");
    assert_eq!(host.upload_elsewhere(1, Upload::Completion, 700), Answer::Taken);
    assert_eq!(host.upload_elsewhere(1, Upload::Completion, 700), Answer::Taken, "asked twice");
    assert_eq!((host.books_of(HEIR, 4), host.books(1)), ((1, 700), (0, 0)));
    assert!(is_refused(&host.upload(1, Upload::Completion, 700, 1)), "it is completed");
    assert_eq!(host.reverse(1), Answer::Reversed, "nothing is held any more");
    assert_eq!((host.books_of(HEIR, 4), host.books(1)), ((1, 700), (0, 0)));
}

#[test]
fn another_terminal_of_the_merchant_cancels_what_is_held_and_gives_back_no_completion() {
    let mut host = Host::new();
    host.preauthorise(1, 900);
    assert_eq!(host.reverse_elsewhere(1), Answer::Reversed);
    assert!(is_refused(&host.upload(1, Upload::Completion, 700, 1)), "it is cancelled");
    host.preauthorise(2, 900);
    host.upload(2, Upload::Completion, 700, 1);
    assert!(is_refused(&host.reverse_elsewhere(2)), "its own terminal completed it");
    assert!(is_refused(&host.upload_elsewhere(2, Upload::Completion, 700)));
    assert_eq!((host.books(1), host.books_of(HEIR, 4)), ((1, 700), (0, 0)));
}

#[test]
fn what_two_terminals_have_to_tell_is_taken_from_one_of_them() {
    let mut host = Host::new();
    assert_eq!(host.upload_elsewhere(1, Upload::OfflineSale, 300), Answer::Taken);
    assert!(is_refused(&host.upload(1, Upload::OfflineSale, 300, 1)));
    host.upload(2, Upload::OfflineSale, 400, 1);
    assert!(is_refused(&host.upload_elsewhere(2, Upload::OfflineSale, 400)));
    assert_eq!((host.books(1), host.books_of(HEIR, 4)), ((1, 400), (1, 300)));
    host.sale(3, 500, 1);
    assert_eq!(host.reverse_elsewhere(3), Answer::Reversed, "its answer was lost");
    assert_eq!(host.reverse(3), Answer::Reversed);
    assert_eq!(host.books(1), (1, 400));
}

#[test]
fn another_merchant_finishes_nothing() {
    let mut host = Host::new();
    host.preauthorise(1, 900);
    let opened_by = || Some(TERMINAL.to_owned());
    for ask in [
        Ask::Reverse { terminal: "X1".into(), stan: 1, opened_by: opened_by() },
        Ask::Upload {
            terminal: "X1".into(),
            stan: 1,
            kind: Upload::Completion,
            amount_minor: 700,
            batch: 1,
            opened_by: opened_by(),
        },
    ] {
        let merchant = Merchant { mid: "M2".into(), tid: "T0000001".into() };
        let answer = host.ledger.answer(&Call { merchant, ask }, 0).unwrap();
        assert_eq!(answer, refused(ANOTHER_MERCHANT));
    }
    assert_eq!(host.upload(1, Upload::Completion, 700, 1), Answer::Taken);
}

#[test]
fn a_batch_settles_only_on_equal_figures_and_only_once() {
    let mut host = Host::new();
    host.sale(1, 500, 1);
    host.sale(2, 600, 1);
    host.reverse(2);
    assert_eq!(host.settle(1, 2, 1100), Answer::TotalsDiffer { count: 1, total_minor: 500 });
    let first = host.settle(1, 1, 500);
    assert!(matches!(first, Answer::Settled { count: 1, total_minor: 500, .. }), "{first:?}");
    assert_eq!(host.settle(1, 1, 500), first, "the same reference");
    assert_eq!(host.settle(1, 2, 500), Answer::TotalsDiffer { count: 1, total_minor: 500 });
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        host.ledger.db.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("settlement"), count("settlement_repeat")), (1, 1));
}

#[test]
fn nothing_enters_or_leaves_a_settled_batch() {
    let mut host = Host::new();
    host.sale(1, 500, 1);
    host.settle(1, 1, 500);
    assert!(is_refused(&host.sale(2, 500, 1)));
    assert!(is_refused(&host.upload(3, Upload::OfflineSale, 500, 1)));
    assert!(is_refused(&host.reverse(1)));
    assert_eq!(host.sale(1, 500, 1), Answer::Approved, "a repeat of what was charged before");
    assert_eq!(host.books(1), (1, 500));
}

#[test]
fn books_open_again_under_their_name_only() {
    let dir = tempfile::tempdir().unwrap();
    drop(Ledger::open(dir.path(), "a").unwrap());
    drop(Ledger::open(dir.path(), "a").unwrap());
    assert!(Ledger::open(dir.path(), "b").is_err());
}

#[test]
fn a_refund_gives_back_once_also_what_was_settled() {
    let mut host = Host::new();
    host.sale(1, 500, 1);
    host.settle(1, 1, 500);
    assert!(is_refused(&host.refund(2, 1, 499, 2)), "another amount");
    assert!(is_refused(&host.refund(2, 7, 500, 2)), "no such sale");
    assert!(is_refused(&host.refund(2, 1, 500, 1)), "into a settled batch");
    assert_eq!(host.refund(3, 1, 500, 2), Answer::Approved);
    assert_eq!(host.refund(3, 1, 500, 2), Answer::Approved, "asked twice");
    assert!(is_refused(&host.refund(4, 1, 500, 2)), "given back before");
    assert_eq!(host.books(2), (1, -500));
    assert!(matches!(host.settle(2, 1, -500), Answer::Settled { .. }));
}

#[test]
fn a_refund_that_is_reversed_can_be_made_again_and_a_reversed_sale_cannot_be_refunded() {
    let mut host = Host::new();
    host.sale(1, 500, 1);
    host.refund(2, 1, 500, 1);
    assert_eq!(host.reverse(2), Answer::Reversed);
    assert!(is_refused(&host.refund(2, 1, 500, 1)), "the number is used up");
    assert_eq!(host.books(1), (1, 500));
    assert_eq!(host.refund(3, 1, 500, 1), Answer::Approved);
    assert_eq!(host.books(1), (2, 0));
    host.sale(4, 700, 1);
    host.reverse(4);
    assert!(is_refused(&host.refund(5, 4, 700, 1)));
    assert_eq!(host.reverse(6), Answer::Reversed);
    assert!(is_refused(&host.refund(6, 1, 500, 1)), "its reversal overtook it");
}

#[test]
fn the_books_know_whose_a_sale_is_and_which_batches_are_whose() {
    let mut host = Host::new();
    assert_eq!(host.sale(1, 500, 1), Answer::Approved);
    host.settle(1, 1, 500);
    host.sale(2, 500, 2);
    let other = "T0000002";
    let terminal = || TERMINAL.to_owned();
    for ask in [
        Ask::Reverse { terminal: terminal(), stan: 2, opened_by: None },
        Ask::Refund { terminal: terminal(), stan: 3, of: 1, amount_minor: 500, batch: 2 },
        Ask::Upload {
            terminal: terminal(),
            stan: 2,
            kind: Upload::OfflineSale,
            amount_minor: 500,
            batch: 2,
            opened_by: None,
        },
    ] {
        assert!(is_refused(&host.ask_as(other, &ask)), "{ask:?}");
    }
    let diagnose = Ask::Diagnose { terminal: terminal() };
    let here = |last_batch| Answer::Here { host: "a".into(), last_batch };
    assert_eq!(host.ask(&diagnose), here(Some(1)));
    assert_eq!(host.ask_as(other, &diagnose), here(None));
}

#[test]
fn a_call_without_a_merchant_is_understood() {
    let line = r#"{"do":"reverse","terminal":"T1","stan":7}"#;
    let call: Call = serde_json::from_str(line).unwrap();
    assert_eq!(call.merchant, Merchant::default());
    let line = serde_json::to_string(&call).unwrap();
    assert_eq!(serde_json::from_str::<Call>(&line).unwrap(), call);
}

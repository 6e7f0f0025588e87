//! Tests of a binding. The same key is the same test: it is written down before anything is done,
//! and its answer is written down before it is given. A test sale whose answer never came is
//! reversed at its host before the test is answered; as long as that cannot be done, the test has
//! no answer.

use std::fmt::Write as _;

use anyhow::Context as _;

use super::acquirer::Asked;
use super::binding::no_binding;
use super::journal::{Binding, Sale, State, TestRow, Undone};
use super::settlement::{DESK_PATIENCE, desk_is_taken};
use super::{CURRENCY, Till};
use crate::fault::Fault;
use crate::host::message::{Answer, Ask, Authorise};
use crate::protocol::{Code, Refusal, Test, TestKind, TestResult};
use crate::{clock, file};

/// The last receipt, in the till's data directory: this till's paper.
const RECEIPT: &str = "receipt.txt";

impl Till {
    pub(super) fn test_transaction(&self, test: &Test) -> Result<TestResult, Refusal> {
        let seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        let result = self.test(test)?;
        drop(seat);
        self.hangs_by(Fault::TestHangs);
        Ok(result)
    }

    fn test(&self, test: &Test) -> Result<TestResult, Refusal> {
        let known = self.journal().test(test)?;
        if let Some(TestRow { result: Some(result), .. }) = known {
            return Ok(result);
        }
        let binding =
            self.journal().binding(&test.binding)?.ok_or_else(|| no_binding(&test.binding))?;
        if !self.journal().is_closed(clock::unix_ms())? {
            return Err(Refusal::new(Code::Refused, "trading is open: hold it first"));
        }
        match (test.kind, known) {
            (TestKind::Sale | TestKind::Qr, None) => self.test_sale(test, &binding),
            (TestKind::Refund, None) => self.test_refund(test, &binding),
            (TestKind::Void, None) => self.test_void(test, &binding),
            (
                TestKind::Sale | TestKind::Qr | TestKind::Refund | TestKind::Void,
                Some(TestRow { stan, .. }),
            ) => match stan {
                Some(stan) => self.finish(test, &binding, stan),
                None => self.answer(test, None, nothing_to_undo()),
            },
            (TestKind::Diagnosis, known) => {
                self.note(test, known)?;
                self.answer(test, None, self.diagnose(&binding))
            }
            (TestKind::Receipt, known) => {
                self.note(test, known)?;
                let result = self.print_receipt(test, &binding)?;
                self.answer(test, None, result)
            }
            (TestKind::BatchClose, known) => {
                self.note(test, known)?;
                let result = self.close_batch(&binding)?;
                self.answer(test, None, result)
            }
        }
    }

    /// Writes down a test that makes no sale, unless it stands there already.
    fn note(&self, test: &Test, known: Option<TestRow>) -> Result<(), Refusal> {
        if known.is_none() {
            self.journal().begin_test(test, clock::unix_ms())?;
        }
        Ok(())
    }

    fn test_sale(&self, test: &Test, binding: &Binding) -> Result<TestResult, Refusal> {
        let sale = self.journal().begin_test_sale(test, clock::unix_ms())?;
        if self.faults.strikes(Fault::TestDeclined) {
            let result = failed(binding, &sale, "declined: the fault test-declined is set");
            return self.answer(test, Some((&sale, State::Declined)), result);
        }
        let kind = if test.kind == TestKind::Qr { Authorise::Qr } else { Authorise::Sale };
        let ask = Ask::Authorise {
            terminal: self.terminal.clone(),
            stan: sale.stan,
            kind,
            amount_minor: sale.amount_minor,
            batch: sale.batch,
        };
        self.ask_for_money(test, binding, &sale, &ask)
    }

    fn test_refund(&self, test: &Test, binding: &Binding) -> Result<TestResult, Refusal> {
        let newest = self.journal().tests_to_undo(&binding.name)?.into_iter().next();
        let Some(Undone { sale, .. }) = newest else {
            self.note(test, None)?;
            return self.answer(test, None, nothing_to_undo());
        };
        let refund = self.journal().begin_refund(Some(test), &sale, clock::unix_ms())?;
        let ask = self.refund_of(&sale, &refund);
        self.ask_for_money(test, binding, &refund, &ask)
    }

    fn test_void(&self, test: &Test, binding: &Binding) -> Result<TestResult, Refusal> {
        let newest = self.journal().tests_to_undo(&binding.name)?.into_iter().next();
        let Some(Undone { sale, batch_is_open }) = newest else {
            self.note(test, None)?;
            return self.answer(test, None, nothing_to_undo());
        };
        if !batch_is_open {
            self.note(test, None)?;
            let result = failed(binding, &sale, "its batch is closed: it can only be refunded");
            return self.answer(test, None, result);
        }
        self.journal().begin_void(test, &sale, clock::unix_ms())?;
        self.finish(test, binding, sale.stan)
    }

    /// Asks the host, and writes down what became of it together with the test's answer.
    fn ask_for_money(
        &self,
        test: &Test,
        binding: &Binding,
        sale: &Sale,
        ask: &Ask,
    ) -> Result<TestResult, Refusal> {
        match self.ask_and_lose(&sale.binding, ask) {
            Asked::Answered(Answer::Approved) => {
                let result = passed(binding, sale, "approved");
                self.answer(test, Some((sale, State::Approved)), result)
            }
            Asked::Answered(Answer::Declined { reason }) => {
                let result = failed(binding, sale, &format!("declined: {reason}"));
                self.answer(test, Some((sale, State::Declined)), result)
            }
            Asked::NotSent(error) => {
                let result = failed(binding, sale, &format!("the host was not asked: {error:#}"));
                self.answer(test, Some((sale, State::Declined)), result)
            }
            Asked::Answered(_) | Asked::InDoubt(_) => {
                self.journal().mark(sale, State::Reversing, clock::unix_ms())?;
                self.finish(test, binding, sale.stan)
            }
        }
    }

    /// Asks the host for the money of a test, whose answer a fault may lose.
    fn ask_and_lose(&self, binding: &str, ask: &Ask) -> Asked {
        let asked = self.ask(binding, ask);
        if self.faults.strikes(Fault::TestTimesOut) {
            return Asked::InDoubt(anyhow::anyhow!("the fault test-times-out struck"));
        }
        asked
    }

    /// Answers a test whose sale is to be reversed: once its host knows.
    fn finish(&self, test: &Test, binding: &Binding, stan: i64) -> Result<TestResult, Refusal> {
        let begun = self.journal().sale(stan)?.filter(|sale| sale.state == State::Begun);
        if let Some(begun) = begun {
            // It was asked for before, and how it went could not be written down.
            self.journal().mark(&begun, State::Reversing, clock::unix_ms())?;
        }
        self.forward(&binding.name)?;
        let sale = self.journal().sale(stan)?;
        let Some(sale) = sale else {
            return Err(Refusal::new(Code::Failed, format!("sale {stan} is gone")));
        };
        let result = match (sale.state, test.kind) {
            (State::Reversed, TestKind::Void) => passed(binding, &sale, "voided"),
            (State::Reversed, _) => {
                failed(binding, &sale, "the host's answer was lost; reversed there")
            }
            (State::Approved, _) => passed(binding, &sale, "approved"),
            (State::Declined, _) => failed(binding, &sale, "declined"),
            (State::Begun | State::Held | State::Stored | State::Reversing, _) => {
                let text = format!("sale {stan} is to be reversed, and its host does not answer");
                return Err(Refusal::not_ready(text));
            }
        };
        self.answer(test, None, result)
    }

    fn answer(
        &self,
        test: &Test,
        sale: Option<(&Sale, State)>,
        result: TestResult,
    ) -> Result<TestResult, Refusal> {
        self.journal().answer_test(&test.key, sale, &result, clock::unix_ms())?;
        Ok(result)
    }

    /// Whether the right host answers, and knows this merchant and terminal.
    fn diagnose(&self, binding: &Binding) -> TestResult {
        let ask = Ask::Diagnose { terminal: self.terminal.clone() };
        let (passed, detail) = match self.ask(&binding.name, &ask) {
            Asked::Answered(Answer::Here { host, .. }) if host == binding.provider => {
                (true, format!("{host} knows {} of {}", binding.tid, binding.mid))
            }
            Asked::Answered(Answer::Here { host, .. }) => {
                (false, format!("{host} answers instead of {}", binding.provider))
            }
            Asked::Answered(Answer::Refused { reason }) => (false, reason),
            Asked::Answered(other) => (false, format!("not understood: {other:?}")),
            Asked::NotSent(error) | Asked::InDoubt(error) => (false, format!("{error:#}")),
        };
        TestResult { passed, reference: String::new(), detail }
    }

    fn print_receipt(&self, test: &Test, binding: &Binding) -> Result<TestResult, Refusal> {
        if self.faults.strikes(Fault::SelfTestFails) {
            let detail = "the printer is broken: the fault self-test-fails is set".to_owned();
            return Ok(TestResult { passed: false, reference: String::new(), detail });
        }
        let Binding { merchant, mid, tid, provider, .. } = binding;
        let mut receipt = format!("{merchant}\nMID {mid} TID {tid}\n{provider}\n");
        if let Some(Undone { sale, .. }) = self.journal().tests_to_undo(&binding.name)?.first() {
            let (yuan, fen) = (sale.amount_minor / 100, sale.amount_minor % 100);
            writeln!(receipt, "No {} {yuan}.{fen:02} {CURRENCY}", sale.stan)
                .context("cannot write the receipt")?;
        }
        writeln!(receipt, "*** TEST {} ***", test.key).context("cannot write the receipt")?;
        file::replace(&self.data.join(RECEIPT), receipt.as_bytes())?;
        let detail = format!("printed for {merchant}");
        Ok(TestResult { passed: true, reference: RECEIPT.to_owned(), detail })
    }

    /// Closes the batch with the tests, which may be empty by now: its host has to agree either
    /// way.
    fn close_batch(&self, binding: &Binding) -> Result<TestResult, Refusal> {
        let refusal = self.forward(&binding.name)?;
        self.nothing_is_unsent(&binding.name, refusal)?;
        self.journal().offer_whatever_is_open(&binding.name)?;
        let offered = self.journal().offered_batches(&binding.name)?;
        if offered.is_empty() {
            let closed = self.journal().last_settled_batch(&binding.name)?;
            let (passed, reference) =
                closed.map_or((false, String::new()), |batch| (true, batch.host_reference));
            let detail = "no batch is open".to_owned();
            return Ok(TestResult { passed, reference, detail });
        }
        let mut result =
            TestResult { passed: true, reference: String::new(), detail: String::new() };
        for batch in &offered {
            let settled = self.settle_batch(batch)?;
            let till = (settled.count, settled.total_minor);
            let host = (settled.host_count, settled.host_total_minor);
            result.passed &= till == host && !settled.host_reference.is_empty();
            let number = settled.batch_number;
            result.detail = format!("batch {number}: (count, total) {till:?} here, {host:?} there");
            result.reference = settled.host_reference;
        }
        Ok(result)
    }

    /// Gives back every test sale of a binding; returns of how many the host still has the money.
    pub(super) fn void_tests(&self, name: &str) -> Result<i64, Refusal> {
        let _seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        if self.journal().binding(name)?.is_none() {
            return Err(no_binding(name));
        }
        // What is in doubt first: a refund that is reversed has to be made again.
        self.forward(name)?;
        let to_undo = self.journal().tests_to_undo(name)?;
        for Undone { sale, batch_is_open } in &to_undo {
            if *batch_is_open {
                self.journal().mark(sale, State::Reversing, clock::unix_ms())?;
            } else {
                self.refund(sale)?;
            }
        }
        self.forward(name)?;
        Ok(self.journal().tests_left(name)?)
    }

    fn refund(&self, sale: &Sale) -> Result<(), Refusal> {
        let refund = self.journal().begin_refund(None, sale, clock::unix_ms())?;
        let ask = self.refund_of(sale, &refund);
        let to = match self.ask_and_lose(&refund.binding, &ask) {
            Asked::Answered(Answer::Approved) => State::Approved,
            Asked::Answered(Answer::Declined { .. }) | Asked::NotSent(_) => State::Declined,
            Asked::Answered(_) | Asked::InDoubt(_) => State::Reversing,
        };
        self.journal().mark(&refund, to, clock::unix_ms())?;
        Ok(())
    }

    fn refund_of(&self, sale: &Sale, refund: &Sale) -> Ask {
        Ask::Refund {
            terminal: self.terminal.clone(),
            stan: refund.stan,
            of: sale.stan,
            amount_minor: sale.amount_minor,
            batch: refund.batch,
        }
    }
}

fn nothing_to_undo() -> TestResult {
    let detail = "there is no approved test sale to undo".to_owned();
    TestResult { passed: false, reference: String::new(), detail }
}

fn passed(binding: &Binding, sale: &Sale, detail: &str) -> TestResult {
    TestResult { passed: true, reference: reference(binding, sale), detail: detail.to_owned() }
}

fn failed(binding: &Binding, sale: &Sale, detail: &str) -> TestResult {
    TestResult { passed: false, reference: reference(binding, sale), detail: detail.to_owned() }
}

fn reference(binding: &Binding, sale: &Sale) -> String {
    format!("{}-{:06}", binding.provider, sale.stan)
}

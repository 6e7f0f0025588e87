//! What the demo says, on standard output; errors on standard error.

#[expect(clippy::print_stdout, reason = "the demo's one place that prints")]
pub(crate) fn line(text: &str) {
    anstream::println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the demo's one place that prints errors")]
pub(crate) fn error(error: &anyhow::Error) {
    anstream::eprintln!("demo: {error:#}");
}

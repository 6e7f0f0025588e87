//! What the demo says, on standard output; errors on standard error.

pub(crate) fn line(text: &str) {
    anstream::println!("{text}");
}

pub(crate) fn error(error: &anyhow::Error) {
    anstream::eprintln!("demo: {error:#}");
}

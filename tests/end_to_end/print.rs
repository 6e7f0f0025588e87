//! What a test says about itself, which is shown when it fails.

#[expect(clippy::print_stdout, reason = "what is printed this way is captured with its test")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

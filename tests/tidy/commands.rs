//! What the pages tell an operator to type can be typed: `tillward` has the command, and the
//! command has the option. Its help texts are golden, so the files of them say what there is.

use std::fs;

use super::documents::quotes;
use super::source::{pages, root};
use super::{nobody, offenders};

const HELP: &str = "controller/tests/golden/help";

/// The help of the command that these words name, if there is one.
fn help(words: &[&str]) -> Option<String> {
    fs::read_to_string(root().join(HELP).join(format!("{}.txt", words.join("-")))).ok()
}

/// What somebody would type, without what follows a comment sign.
fn typed(line: &str) -> Option<&str> {
    let line = line.split(" #").next().unwrap_or_default().trim();
    let is_command = line == "tillward" || line.starts_with("tillward ");
    is_command.then_some(line)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_lowercase() || it == b'-')
}

/// `--option` without its value and without what closes a sentence.
fn option(token: &str) -> Option<&str> {
    let named = token.strip_prefix("--")?;
    let end = named.bytes().position(|it| !(it.is_ascii_lowercase() || it == b'-'));
    Some(&token[..2 + end.unwrap_or(named.len())])
}

fn knows(help: &str, option: &str) -> bool {
    help.match_indices(option).any(|(at, _)| {
        let after = help[at + option.len()..].bytes().next();
        !after.is_some_and(|it| it.is_ascii_lowercase() || it == b'-')
    })
}

/// What is wrong with a command, if anything. `a | b` after a group names both of its commands.
fn mistake(command: &str) -> Option<String> {
    let tokens: Vec<_> = command.split_whitespace().collect();
    let mut path = vec!["tillward"];
    let mut rest = tokens[1..].iter().copied().peekable();
    while let Some(word) =
        rest.next_if(|it| is_word(it) && help(&[&path[..], &[it]].concat()).is_some())
    {
        path.push(word);
    }
    let group = &path[..path.len() - 1];
    let mut named = vec![help(&path)?];
    while rest.next_if_eq(&"|").is_some() {
        // A list that a line breaks goes on in the next one.
        let Some(word) = rest.next() else { break };
        match help(&[group, &[word]].concat()) {
            Some(help) => named.push(help),
            None => return Some(format!("`{} {word}` is no command", group.join(" "))),
        }
    }
    let rest: Vec<_> = rest.collect();
    let leads_on = named.iter().any(|help| help.contains("\nCommands:\n"));
    if let Some(word) = rest.first().filter(|it| leads_on && is_word(it) && !it.starts_with('-')) {
        return Some(format!("`{} {word}` is no command", path.join(" ")));
    }
    let mut options = rest.iter().filter_map(|it| option(it));
    let strange = options.find(|option| !named.iter().any(|help| knows(help, option)))?;
    Some(format!("`{}` has no option `{strange}`", path.join(" ")))
}

#[test]
fn commands_that_the_pages_name_can_be_typed() {
    assert!(help(&["tillward"]).is_some(), "{HELP} has no `tillward.txt`");
    let mut wrong = Vec::new();
    for page in pages() {
        let commands = page.text.lines().filter_map(typed);
        let quoted = quotes(&page.text).filter_map(typed);
        let mistakes = commands.chain(quoted).filter_map(mistake);
        wrong.extend(mistakes.map(|what| format!("{}: {what}", page.path)));
    }
    nobody("named by a page, and `tillward` does not know it", &offenders(wrong.into_iter()));
}

#[test]
fn a_command_or_option_that_is_not_there_is_noticed() {
    for right in [
        "tillward",
        "tillward status --json",
        "tillward unit move PX-1 return --why 'over' --condition worn",
        "tillward campaign create | start | watch",
        "tillward provider vouch licence beta",
        "tillward deactivate suspend --delay-settlement=whatever-is-open",
    ] {
        assert_eq!(mistake(right), None, "{right}");
    }
    for wrong in [
        "tillward provider exposure",
        "tillward campaign create | begin",
        "tillward status --jso",
        "tillward restore --onto PX-2",
    ] {
        assert!(mistake(wrong).is_some(), "{wrong}");
    }
}

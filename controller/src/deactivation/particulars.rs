//! What a certificate of sanitisation says beside what the terminal has signed: how confidential
//! its data was, where it goes, who answers for it and who validates it. People write it down with
//! the case, before the wipe: what is not written down by then is *not stated*. Pure.

use serde::{Deserialize, Serialize};
use shared::document::sanitisation::Person;

use crate::request::{RequestKind, RequestState};
use crate::text::is_said;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Particulars {
    /// What is erased; else it is the storage of a payment terminal.
    #[serde(default)]
    pub media_type: Option<String>,
    #[serde(default)]
    pub confidentiality_before: Option<String>,
    #[serde(default)]
    pub confidentiality_after: Option<String>,
    /// Where units go.
    #[serde(default)]
    pub destination: Option<String>,
    /// Who answers for the sanitisation.
    #[serde(default)]
    pub responsible: Option<Person>,
    /// Who says that what was verified is good enough.
    #[serde(default)]
    pub validator: Option<Person>,
}

/// Why they stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("nothing is erased for it: it asks to {}", .0.as_str())]
    OtherKind(RequestKind),
    #[error("it is {0}, and so are its certificates")]
    Over(RequestState),
    #[error("`{0}` is empty, longer than 512 bytes, or more than one line")]
    Unfit(&'static str),
    #[error("who answers for it does not validate it too")]
    SamePerson,
}

impl NotTaken {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OtherKind(_) | Self::Over(_) => "look at it with `tillward request show`",
            Self::Unfit(_) => "say it in a few words, or leave it out",
            Self::SamePerson => "name somebody else: `--validator`",
        }
    }
}

impl Particulars {
    /// Whether they may be written down for such a request.
    pub fn check(&self, kind: RequestKind, state: RequestState) -> Result<(), NotTaken> {
        match kind {
            RequestKind::Decommission if state.is_over() => return Err(NotTaken::Over(state)),
            RequestKind::Decommission => {}
            RequestKind::Rebind
            | RequestKind::Suspend
            | RequestKind::Resume
            | RequestKind::Replace => return Err(NotTaken::OtherKind(kind)),
        }
        let unfit = |(field, text): (_, &String)| (!is_said(text)).then_some(field);
        if let Some(field) = self.texts().into_iter().find_map(unfit) {
            return Err(NotTaken::Unfit(field));
        }
        match (&self.responsible, &self.validator) {
            (Some(one), Some(other)) if crate::request::is_same_person(&one.name, &other.name) => {
                Err(NotTaken::SamePerson)
            }
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    fn texts(&self) -> Vec<(&'static str, &String)> {
        let own = [
            ("media type", &self.media_type),
            ("confidentiality before", &self.confidentiality_before),
            ("confidentiality after", &self.confidentiality_after),
            ("destination", &self.destination),
        ];
        let mut all: Vec<_> =
            own.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?))).collect();
        for (who, person) in [("responsible", &self.responsible), ("validator", &self.validator)] {
            let Some(Person { name, title, location, contact }) = person else { continue };
            all.push((who, name));
            all.extend([title, location, contact].into_iter().flatten().map(|text| (who, text)));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Person {
        Person { name: name.to_owned(), title: None, location: None, contact: None }
    }

    #[test]
    fn they_are_of_decommissionings_that_are_open_and_say_something() {
        let open = RequestState::Accepted;
        let check = |it: &Particulars| it.check(RequestKind::Decommission, open);
        let full = Particulars {
            confidentiality_before: Some("confidential".to_owned()),
            responsible: Some(Person { title: Some("manager".to_owned()), ..person("Cora") }),
            validator: Some(person("Tess")),
            ..Particulars::default()
        };
        assert_eq!(check(&full), Ok(()));
        assert_eq!(check(&Particulars::default()), Ok(()));
        for kind in RequestKind::ALL.into_iter().filter(|it| *it != RequestKind::Decommission) {
            assert_eq!(full.check(kind, open), Err(NotTaken::OtherKind(kind)));
        }
        for state in RequestState::ALL.into_iter().filter(|it| it.is_over()) {
            let refused = full.check(RequestKind::Decommission, state);
            assert_eq!(refused, Err(NotTaken::Over(state)));
        }
        let empty = Particulars { destination: Some(" ".to_owned()), ..full.clone() };
        assert_eq!(check(&empty), Err(NotTaken::Unfit("destination")));
        let lines = Person { contact: Some("a\nb".to_owned()), ..person("Cora") };
        let lines = Particulars { responsible: Some(lines), ..full.clone() };
        assert_eq!(check(&lines), Err(NotTaken::Unfit("responsible")));
        let same = Particulars { validator: Some(person(" cora ")), ..full };
        assert_eq!(check(&same), Err(NotTaken::SamePerson));
    }
}

//! A certificate of sanitisation as people read it: the fields of NIST SP 800-88 Rev. 1 §4.8 and of
//! its Appendix G, on the screen and on a page to be printed. Pure.

use shared::digest::Digest;
use shared::document::SanitisationCertificate;
use shared::document::clearance::Deregistered;
use shared::document::sanitisation::{Method, Verification};

use super::super::super::measure::time_text;
use crate::campaign::words::harmless;
use crate::deactivation::parties::{self, Word};
use crate::sheet::escaped;

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) value: String,
}

const NOT_STATED: &str = "not stated";
const NOT_VERIFIED: &str = "not verified";
const DEVICES: &str = "parts of its devices, evenly spread, read as zeros";
const WHOLE_DEVICES: &str = "its devices read as zeros from end to end";

pub(super) fn fields(of: &SanitisationCertificate, digest: Digest) -> Vec<Field> {
    let saved = match of.saved {
        Some(manifest) => format!("snapshot {manifest} in {}", of.saved_in.join(" and ")),
        None => "nothing was saved".to_owned(),
    };
    let mut all = vec![
        ("certificate", digest.to_string()),
        ("manufacturer", said(of.manufacturer.as_ref())),
        ("model", of.model.clone()),
        ("serial number", of.serial.clone()),
        ("property number", said(of.property_number.as_ref())),
        ("media", of.media_type.clone()),
        ("media source", of.media_source.clone()),
        ("held before", said(of.confidentiality_before.as_ref())),
        ("holds now", said(of.confidentiality_after.as_ref())),
        ("method", method(of.method).to_owned()),
        ("tool", of.tool.clone()),
    ];
    all.extend(of.erased.iter().map(|note| ("erased", note.clone())));
    all.extend(sanitised(of));
    all.extend(verified(of));
    all.extend([
        ("approved by", some(&of.approved_by)),
        ("destination", said(of.destination.as_ref())),
        ("saved before", saved),
    ]);
    all.extend(of.deregistered.iter().map(deregistered));
    all.extend([("order", of.order.to_string()), ("certified at", time_text(of.certified_at))]);
    all.into_iter().map(|(name, value)| Field { name, value: harmless(&value) }).collect()
}

/// What was not deregistered, because somebody says that it need not be, is not claimed to be.
fn deregistered(it: &Deregistered) -> (&'static str, String) {
    match Word::read(&it.reference) {
        Word::Reference(reference) => ("deregistered", format!("{}: {reference}", it.with)),
        Word::NoneNeeded { .. } => ("not deregistered", parties::words(it)),
    }
}

fn said(it: Option<&String>) -> String {
    it.cloned().unwrap_or_else(|| NOT_STATED.to_owned())
}

/// By whom, in which position, where, when, reachable how, and by which signature.
fn sanitised(of: &SanitisationCertificate) -> Vec<(&'static str, String)> {
    let who = of.responsible.as_ref();
    vec![
        ("sanitised by", format!("the terminal, key {}", of.sanitised_by.key)),
        ("sanitised where", of.sanitised_by.store.clone()),
        ("sanitised at", time_text(of.sanitised_at)),
        ("sanitised, signed", format!("receipt {}", of.receipt)),
        ("responsible", said(who.map(|it| &it.name))),
        ("… title", said(who.and_then(|it| it.title.as_ref()))),
        ("… location", said(who.and_then(|it| it.location.as_ref()))),
        ("… contact", said(who.and_then(|it| it.contact.as_ref()))),
    ]
}

fn verified(of: &SanitisationCertificate) -> Vec<(&'static str, String)> {
    let or_not = |it: Option<String>| it.unwrap_or_else(|| NOT_VERIFIED.to_owned());
    let by = of.verified_by.as_ref();
    let who = of.validator.as_ref();
    let signed = by.map(|_| format!("receipt {}", of.receipt));
    vec![
        ("verified", verification(of)),
        ("verified by", or_not(by.map(|it| format!("the terminal, key {}", it.key)))),
        ("verified where", or_not(by.map(|it| it.store.clone()))),
        ("verified at", or_not(of.verified_at.map(time_text))),
        ("verified, signed", or_not(signed)),
        ("to be validated by", said(who.map(|it| &it.name))),
        ("… title", said(who.and_then(|it| it.title.as_ref()))),
        ("… location", said(who.and_then(|it| it.location.as_ref()))),
        ("… contact", said(who.and_then(|it| it.contact.as_ref()))),
    ]
}

fn verification(of: &SanitisationCertificate) -> String {
    let (how, devices) = match of.verification {
        Verification::Full => ("in full: the terminal looked for all of it", WHOLE_DEVICES),
        Verification::Sampled => ("by quick sampling: the terminal looked for it", DEVICES),
        Verification::NotVerified => {
            return "NOT VERIFIED: the terminal could not prove all of it".to_owned();
        }
    };
    let found = looked_for(&of.erased, devices);
    match found.is_empty() {
        true => format!("{how} and found nothing"),
        false => format!("{how}, and {}", found.join("; ")),
    }
}

/// What was looked for of each kind of thing, and so is all that is verified of it: see
/// `deploy/wiping.md`. Kinds are told from the names that the erasing program gives.
fn looked_for(erased: &[String], devices: &'static str) -> Vec<&'static str> {
    let is_any = |is: fn(&str) -> bool| erased.iter().any(|note| is(note));
    let is_key = |note: &str| note.starts_with("luks") || note.starts_with("program");
    let is_device = |note: &str| note.starts_with("/dev/");
    let is_name = |note: &str| {
        note.starts_with("file:") || (note.starts_with('/') && !note.starts_with("/dev/"))
    };
    let kinds = [
        (is_any(is_key), "its keys open nothing any more"),
        (is_any(is_device), devices),
        (is_any(is_name), "the names of its files are gone; nobody tried to read their old blocks"),
    ];
    kinds.into_iter().filter(|(is_there, _)| *is_there).map(|(_, said)| said).collect()
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Clear => "clear (NIST SP 800-88)",
        Method::Purge => "purge by cryptographic erase (NIST SP 800-88)",
        Method::Unknown => "NOT SAID by the terminal",
    }
}

fn some(names: &[String]) -> String {
    if names.is_empty() { NOT_STATED.to_owned() } else { names.join(", ") }
}

/// For a printer; it loads nothing from anywhere.
pub(super) fn html(of: &SanitisationCertificate, digest: Digest) -> String {
    let rows = fields(of, digest).into_iter().map(|Field { name, value }| {
        format!("<tr><th>{name}</th><td>{}</td></tr>\n", escaped(&value))
    });
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Certificate of sanitisation, {serial}</title>\n<style>\n\
         body {{ font: 11pt/1.4 sans-serif; max-width: 46em; margin: 2em auto; }}\n\
         table {{ border-collapse: collapse; width: 100%; }}\n\
         th, td {{ text-align: left; vertical-align: top; padding: .3em .6em; \
         border-bottom: 1px solid #bbb; overflow-wrap: anywhere; }}\n\
         th {{ width: 11em; }}\n</style>\n</head>\n<body>\n\
         <h1>Certificate of sanitisation</h1>\n<table>\n{rows}</table>\n\
         <p>The signed document, not this page, is the certificate: \
         <code>tillward deactivate certificate verify FILE</code> checks it.</p>\n\
         <p>Sanitisation, date and signature of who is responsible: \
         ______________________________________</p>\n\
         <p>Validation, date and signature of {validator}: \
         ______________________________________</p>\n</body>\n</html>\n",
        validator = escaped(of.validator.as_ref().map_or("whoever validates it", |it| &it.name)),
        serial = escaped(&of.serial),
        rows = rows.collect::<String>(),
    )
}

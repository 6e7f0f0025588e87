//! A certificate of sanitisation as people read it: the fields of NIST SP 800-88 Rev. 1 §4.8, in
//! its order, on the screen and on a page to be printed. Pure.

use shared::digest::Digest;
use shared::document::SanitisationCertificate;
use shared::document::sanitisation::Method;

use super::super::super::measure::time_text;
use crate::campaign::words::harmless;
use crate::sheet::escaped;

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) value: String,
}

const NOT_SAID: &str = "not said";

pub(super) fn fields(of: &SanitisationCertificate, digest: Digest) -> Vec<Field> {
    let said = |it: &Option<String>| it.clone().unwrap_or_else(|| NOT_SAID.to_owned());
    let verified = match of.is_verified {
        true => "by the terminal, which tried to read all of it and could not",
        false => "NOT VERIFIED: the terminal could not prove all of it",
    };
    let saved = match of.saved {
        Some(manifest) => format!("snapshot {manifest} in {}", of.saved_in.join(" and ")),
        None => "nothing was saved".to_owned(),
    };
    let mut all = vec![
        ("certificate", digest.to_string()),
        ("manufacturer", said(&of.manufacturer)),
        ("model", of.model.clone()),
        ("serial number", of.serial.clone()),
        ("property number", said(&of.property_number)),
        ("media", of.media_type.clone()),
        ("media source", of.media_source.clone()),
        ("held before", said(&of.confidentiality_before)),
        ("holds now", said(&of.confidentiality_after)),
        ("method", method(of.method).to_owned()),
        ("tool", of.tool.clone()),
        ("verified", verified.to_owned()),
        ("sanitised by", format!("the terminal, key {}", of.sanitised_by.key)),
        ("place", of.sanitised_by.store.clone()),
        ("sanitised at", time_text(of.sanitised_at)),
        ("approved by", some(&of.approved_by)),
        ("destination", said(&of.destination)),
        ("saved before", saved),
        ("order", of.order.to_string()),
        ("receipt", of.receipt.to_string()),
        ("certified at", time_text(of.certified_at)),
    ];
    all.extend(
        of.deregistered.iter().map(|it| ("deregistered", format!("{}: {}", it.with, it.reference))),
    );
    all.extend(of.erased.iter().map(|note| ("erased", note.clone())));
    all.into_iter().map(|(name, value)| Field { name, value: harmless(&value) }).collect()
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Clear => "clear (NIST SP 800-88)",
        Method::Purge => "purge by cryptographic erase (NIST SP 800-88)",
        Method::Unknown => "NOT SAID by the terminal",
    }
}

fn some(names: &[String]) -> String {
    if names.is_empty() { NOT_SAID.to_owned() } else { names.join(", ") }
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
         <p>Validated by (name, title, date, signature): \
         ______________________________________</p>\n</body>\n</html>\n",
        serial = escaped(&of.serial),
        rows = rows.collect::<String>(),
    )
}

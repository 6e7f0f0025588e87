//! What is known of a till by its labels.

use super::*;
use crate::on_record::tests::till;

#[test]
fn an_integration_is_known_by_a_label_of_two_parts() {
    let labelled = |label: &str| integration(&till(&[("integration", label)], None).labels);
    let of = |protocol: &str, version: &str| {
        let (protocol, version) = (protocol.to_owned(), version.to_owned());
        Known::Is(Integration { protocol, version })
    };
    assert_eq!(labelled("OPI/2.0"), of("OPI", "2.0"));
    assert_eq!(labelled("ZVT/13.10/b"), of("ZVT", "13.10/b"), "a protocol has no `/`");
    assert_eq!(integration(&till(&[], None).labels), Known::Unknown);
    for malformed in ["OPI", "/", "OPI/", "/2.0"] {
        assert_eq!(labelled(malformed), Known::Unknown, "{malformed}");
    }
}

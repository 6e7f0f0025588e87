//! Who is asking: operators by token, terminals by certificate.

//! The one file that knows the MQTT client.

#[cfg(test)]
pub(crate) mod probe;

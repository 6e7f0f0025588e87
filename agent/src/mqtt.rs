//! The one file that knows the MQTT client.

//! Puts software in place so that a power cut finds the old or the new version, whole.

//! Being written by the integrator on branch `frame` (lands in main soon): do NOT write this file.
//! Go on with download, enrolment, identity, config, act, event_loop, main; rebase to get it.

//! Every store function on both engines.

mod access;
mod allowances;
mod commits;
mod faults;
mod minute;
mod samples;
mod series;
mod sign_in;
mod tables;
mod webhooks;

//! Every store function on both engines.

mod access;
mod allowances;
mod commits;
mod comparisons;
mod distributor;
mod faults;
mod leases;
mod migrated;
mod minute;
mod retention;
pub(crate) mod samples;
mod series;
mod sign_in;
mod status;
mod tables;
mod webhooks;

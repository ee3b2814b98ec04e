//! Every store function on both engines.

mod commits;
mod faults;
mod samples;
mod series;
mod tables;

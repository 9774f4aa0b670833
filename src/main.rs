//! The guestpass binary: parse, run, exit code.

fn main() {}

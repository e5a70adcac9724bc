//! Whole-system tests: real function processes, real guests.

//! The domain, pure: operating systems, paths, checks, policy, the record, decide.

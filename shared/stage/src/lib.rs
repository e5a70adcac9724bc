//! The harness of every stage: load, lease, act, commit, publish; ports to the cloud.

//! Measures the overhead per migration.

use rig::Error;

/// TBD
pub fn run() -> Result<(), Error> {
    Ok(())
}

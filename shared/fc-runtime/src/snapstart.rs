//! Hooks around a snapshot of the process: accepted, and never called.
//!
//! Lambda's SnapStart starts instances from a snapshot; Function Compute does not. The trait is here
//! so that code with such resources compiles. What must happen once per instance before the first
//! request belongs in [`Runtime::on_initialize`](crate::Runtime::on_initialize).

use crate::{BoxFuture, Error};

/// What a program does around a snapshot on Lambda.
///
/// ```
/// use fc_runtime::{BoxFuture, Error, SnapStartResource};
///
/// struct Pool;
///
/// impl SnapStartResource for Pool {
///     fn after_restore(&self) -> BoxFuture<'_, Result<(), Error>> {
///         Box::pin(async { Ok(()) }) // connect again
///     }
/// }
/// ```
pub trait SnapStartResource: Send + Sync {
    /// Before the snapshot. Never called on FC.
    ///
    /// # Errors
    ///
    /// What the implementation says.
    fn before_snapshot(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    /// After the start from it. Never called on FC.
    ///
    /// # Errors
    ///
    /// What the implementation says.
    fn after_restore(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}

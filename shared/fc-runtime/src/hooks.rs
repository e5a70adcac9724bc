//! What a function does before its first request and after its last.

use std::fmt::Debug;

use tokio::sync::Mutex;

use crate::{BoxFuture, Context, Diagnostic};

/// A lifecycle hook, whatever it is made of.
pub(crate) type Hook = Box<dyn FnMut(Context) -> BoxFuture<'static, Result<(), Diagnostic>> + Send>;

/// The hooks of a runtime; each runs once at a time.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) initialize: Option<Mutex<Hook>>,
    pub(crate) pre_stop: Option<Mutex<Hook>>,
}

/// Makes a hook of a function.
pub(crate) fn hook<F, Fut, E>(mut function: F) -> Option<Mutex<Hook>>
where
    F: FnMut(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Diagnostic> + Debug,
{
    Some(Mutex::new(Box::new(move |context| {
        let running = function(context);
        Box::pin(async move { running.await.map_err(Into::into) })
    })))
}

//! The Function Compute custom-runtime protocol behind the API of lambda_runtime.

//! A small cloud on one machine: Function Compute, EventBridge, Tablestore and ECS whose instances
//! are real root file systems.
//!
//! One process, one loopback port. Each service is a module that answers whole requests; [`front`]
//! picks it by the request's shape, as a name server would by host name. What a service must
//! remember is in [`store`]; a kill -9 loses nothing that was acknowledged.

pub mod admin;
pub mod chaos;
pub mod cloud;
pub mod config;
pub mod credentials;
pub mod ecs;
pub mod endpoint;
pub mod eventbridge;
pub mod fc;
pub mod front;
pub mod guest;
pub mod images;
pub mod mirror;
pub mod operator;
pub mod ram;
pub mod seams;
pub mod store;
pub mod tablestore;

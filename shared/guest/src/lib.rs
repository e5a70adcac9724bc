//! What is run inside an instance, and how its output is read.

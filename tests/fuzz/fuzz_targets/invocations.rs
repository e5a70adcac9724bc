#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_bodies::invocations::run(data));

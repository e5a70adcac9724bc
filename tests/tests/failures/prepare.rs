//! What goes wrong while the tool is brought into the guest. Two engines bring nothing.

use migration::Code::NotPrepared as Code;
use migration::path::Engine::*;

use crate::common::cases::Break::*;
use crate::common::cases::Case;
use crate::common::cases::End::*;
use crate::common::cases::Failure::*;

/// The scripts that the mirror has are not those that somebody looked at.
pub const OTHER_CHECKSUMS: [&str; 2] = ["--env", r#"TOOL_CHECKSUMS={"almalinux-deploy": "00", "migrate2rocky": "00"}"#];

#[rustfmt::skip]
pub const CASES: [Case; 7] = [
    // Packages cannot be unpacked over a directory that is not empty.
    Case::new(Centos2Anolis, NotPrepared, &[Shell("mkdir -p /usr/sbin/centos2anolis.py/mine")], NotBegun(Code), "centos2anolis"),
    Case::new(Leapp, NotPrepared, &[Shell("mkdir -p /usr/bin/leapp/mine")], NotBegun(Code), "leapp"),
    // Its report says no, and nothing may be mended that stands against it.
    Case::new(Leapp, Another, &[], Refused, "guest.root-links").on("m-local-centos79-leapp-inhibitors"),
    Case::new(Convert2Rhel, NotPrepared, &[Shell("mkdir -p /usr/bin/convert2rhel/mine")], NotBegun(Code), "convert2rhel"),
    Case::new(AlmalinuxDeploy, NotPrepared, &[], NotBegun(Code), "is not the one whose checksum"),
    Case::new(Migrate2Rocky, NotPrepared, &[], NotBegun(Code), "is not the one whose checksum"),
    // Its media are those of another language.
    Case::new(WindowsSetup, NotPrepared, &[Windows("language", "en-US")], Refused, "language"),
];

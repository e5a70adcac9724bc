//! The networks of the one machine: the instances' own, and an isolated one for drills. No packet knows of
//! them; what is checked is that they fit together.

use super::errors;
use crate::seams::ServiceError;

/// Where new instances of the operator are.
pub const HOME: VSwitch = VSwitch { id: "vsw-local", vpc: "vpc-local", zone: 'a' };
/// Their security group.
pub const HOME_GROUP: &str = "sg-local";

/// A vSwitch, in its VPC and zone.
#[derive(Clone, Copy)]
pub struct VSwitch {
    /// `vsw-…`
    pub id: &'static str,
    /// `vpc-…`
    pub vpc: &'static str,
    /// Last letter of the zone.
    pub zone: char,
}

const V_SWITCHES: [VSwitch; 3] = [
    HOME,
    VSwitch { id: "vsw-drill", vpc: "vpc-drill", zone: 'a' },
    VSwitch { id: "vsw-drill-b", vpc: "vpc-drill", zone: 'b' },
];
/// Security groups and their VPCs.
const SECURITY_GROUPS: [(&str, &str); 2] = [(HOME_GROUP, HOME.vpc), ("sg-drill", "vpc-drill")];

/// The zones of a region.
pub fn zones(region: &str) -> [String; 2] {
    ['a', 'b'].map(|letter| format!("{region}-{letter}"))
}

/// The vSwitch, if the security group is in its VPC (ECS API reference, RunInstances).
pub fn place(v_switch_id: &str, security_group_id: &str) -> Result<VSwitch, ServiceError> {
    let v_switch = V_SWITCHES.iter().find(|known| known.id == v_switch_id);
    let v_switch = v_switch.ok_or_else(errors::no_v_switch)?;
    let group = SECURITY_GROUPS.iter().find(|(id, _)| *id == security_group_id);
    let (_, vpc) = group.ok_or_else(errors::no_security_group)?;
    if *vpc == v_switch.vpc { Ok(*v_switch) } else { Err(errors::not_one_vpc()) }
}

/// The VPC of a vSwitch.
pub fn vpc_of(v_switch_id: &str) -> &'static str {
    V_SWITCHES.iter().find(|known| known.id == v_switch_id).map_or("", |known| known.vpc)
}

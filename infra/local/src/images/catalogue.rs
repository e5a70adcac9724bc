//! The images there are.

/// One image of the local cloud's catalogue.
#[derive(Debug)]
pub struct Image {
    /// As DescribeImages answers it: `centos_8_5_x64_20G_alibase_20220127.vhd`, `m-…` for custom ones.
    pub id: &'static str,
    /// `system` or `self` (ECS API, ImageOwnerAlias).
    pub owner_alias: &'static str,
    /// OSName, in Chinese as the API answers it.
    pub os_name: &'static str,
    /// OSNameEn.
    pub os_name_en: &'static str,
    /// Platform.
    pub platform: &'static str,
    /// What is special about it, for people.
    pub description: &'static str,
    pub(super) recipe: Recipe,
}

impl Image {
    /// OSType, `linux` or `windows`.
    pub fn os_type(&self) -> &'static str {
        if matches!(self.recipe, Recipe::Windows(_)) { "windows" } else { "linux" }
    }
}

/// How a tree is made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Recipe {
    /// Packages out of a synthetic repository (`el8`, `alinux3`), and what is special about it.
    El { repo: &'static str, extra: &'static [&'static str], quirks: &'static [&'static str] },
    /// A Debian release by its suite, with a small web application or with a shop on MariaDB and nginx.
    Debian { suite: &'static str, shop: bool },
    /// A stand-in for Windows.
    Windows(super::windows::System),
    /// A stand-in for its installation media.
    WindowsMedia(super::windows::System),
}

/// Who an image is: what DescribeImages says of its system.
pub(super) struct Name(pub &'static str, pub &'static str, pub &'static str);

const CENTOS_7: Name = Name("CentOS  7.9 64位", "CentOS  7.9 64 bit", "CentOS");
const CENTOS_8: Name = Name("CentOS  8.5 64位", "CentOS  8.5 64 bit", "CentOS");
const RED_HAT_7: Name = Name("Red Hat Enterprise Linux  7.9 64位", "Red Hat Enterprise Linux  7.9 64 bit", "RedHat");
const RED_HAT_8: Name = Name("Red Hat Enterprise Linux  8.10 64位", "Red Hat Enterprise Linux  8.10 64 bit", "RedHat");
const ALMA_8: Name = Name("AlmaLinux  8.10 64位", "AlmaLinux  8.10 64 bit", "AlmaLinux");
const ALMA_9: Name = Name("AlmaLinux  9.6 64位", "AlmaLinux  9.6 64 bit", "AlmaLinux");
const ALIBABA_2: Name =
    Name("Alibaba Cloud Linux  2.1903 LTS 64位", "Alibaba Cloud Linux  2.1903 LTS 64 bit", "Aliyun");
const ALIBABA_3: Name =
    Name("Alibaba Cloud Linux  3.2104 LTS 64位", "Alibaba Cloud Linux  3.2104 LTS 64 bit", "Aliyun");
const DEBIAN_11: Name = Name("Debian  11.11 64位", "Debian  11.11 64 bit", "Debian");
const DEBIAN_12: Name = Name("Debian  12.12 64位", "Debian  12.12 64 bit", "Debian");
const DEBIAN_13: Name = Name("Debian  13.1 64位", "Debian  13.1 64 bit", "Debian");

pub(super) const fn image(id: &'static str, name: &Name, description: &'static str, recipe: Recipe) -> Image {
    // The names of custom images begin so (ECS API, ImageId).
    let custom = matches!(id.as_bytes(), [b'm', b'-', ..]);
    Image {
        id,
        owner_alias: if custom { "self" } else { "system" },
        os_name: name.0,
        os_name_en: name.1,
        platform: name.2,
        description,
        recipe,
    }
}

const fn el(repo: &'static str, extra: &'static [&'static str], quirks: &'static [&'static str]) -> Recipe {
    Recipe::El { repo, extra, quirks }
}

const fn debian(suite: &'static str) -> Recipe {
    Recipe::Debian { suite, shop: false }
}

static CATALOGUE: [Image; 19] = [
    image(
        "centos_7_9_x64_20G_alibase_20220824.vhd",
        &CENTOS_7,
        "CentOS 7.9 with a web shop",
        el("el7", &[], &["root-login"]),
    ),
    image(
        "m-local-centos79-leapp-inhibitors",
        &CENTOS_7,
        "CentOS 7.9 with what leapp refuses: root's login, an open question, an absolute link",
        el("el7", &[], &["leapp-inhibitors"]),
    ),
    image(
        "m-local-centos79-licensed",
        &CENTOS_7,
        "CentOS 7.9 with a licence of Red Hat Enterprise Linux: RHUI's repositories",
        el("el7", &["rhui-client"], &["root-login"]),
    ),
    image(
        "m-local-rhel79",
        &RED_HAT_7,
        "Red Hat Enterprise Linux 7.9 with a web shop",
        el("rhel7", &[], &["root-login"]),
    ),
    image(
        "m-local-rhel810",
        &RED_HAT_8,
        "Red Hat Enterprise Linux 8.10 with a web shop",
        el("rhel8", &[], &["root-login"]),
    ),
    image(
        "aliyun_2_1903_x64_20G_alibase_20240101.vhd",
        &ALIBABA_2,
        "Alibaba Cloud Linux 2 with a web shop",
        el("alinux2", &[], &["root-login"]),
    ),
    image("centos_8_5_x64_20G_alibase_20220127.vhd", &CENTOS_8, "CentOS 8.5 with a web shop", el("el8", &[], &[])),
    image(
        "m-local-centos85-licensed",
        &CENTOS_8,
        "CentOS 8.5 with a licence of Red Hat Enterprise Linux: RHUI's repositories",
        el("el8", &["rhui-client"], &[]),
    ),
    image(
        "m-local-centos85-vendor-agent",
        &CENTOS_8,
        "CentOS 8.5 with a vendor's agent that takes seconds to upgrade",
        el("el8", &["acme-agent"], &[]),
    ),
    image(
        "m-local-centos85-shop-plugin",
        &CENTOS_8,
        "CentOS 8.5 whose shop does not start on the target system",
        el("el8", &["shop-plugin"], &[]),
    ),
    image(
        "m-local-centos85-i686-full-boot",
        &CENTOS_8,
        "CentOS 8.5 with a 32 bit package and a full /boot",
        el("el8", &["libstdc++.i686"], &["small-boot"]),
    ),
    image(
        "m-local-centos85-no-disk-driver",
        &CENTOS_8,
        "CentOS 8.5 whose next initramfs will not hold the disk's driver",
        el("el8", &[], &["no-disk-driver"]),
    ),
    image(
        "almalinux_8_10_x64_20G_alibase_20240618.vhd",
        &ALMA_8,
        "AlmaLinux 8.10 with a web shop",
        el("alma8", &[], &["root-login"]),
    ),
    image(
        "almalinux_9_6_x64_20G_alibase_20250627.vhd",
        &ALMA_9,
        "AlmaLinux 9.6 with a web shop",
        el("alma9", &[], &["root-login"]),
    ),
    image(
        "aliyun_3_x64_20G_alibase_20240528.vhd",
        &ALIBABA_3,
        "Alibaba Cloud Linux 3 with a web shop",
        el("alinux3", &[], &[]),
    ),
    image(
        "debian_11_11_x64_20G_alibase_20240926.vhd",
        &DEBIAN_11,
        "Debian 11 with a small web application",
        debian("bullseye"),
    ),
    image(
        "m-local-debian11-shop",
        &DEBIAN_11,
        "Debian 11 with a shop on MariaDB and nginx",
        Recipe::Debian { suite: "bullseye", shop: true },
    ),
    image(
        "debian_12_12_x64_20G_alibase_20250915.vhd",
        &DEBIAN_12,
        "Debian 12 with a small web application",
        debian("bookworm"),
    ),
    image(
        "debian_13_1_x64_20G_alibase_20250915.vhd",
        &DEBIAN_13,
        "Debian 13 with a small web application",
        debian("trixie"),
    ),
];

/// Every image that an instance can be made of.
pub fn catalogue() -> impl Iterator<Item = &'static Image> {
    CATALOGUE.iter().chain(&super::windows::IMAGES)
}

/// The image with this id, also if it is only for data disks.
pub fn find(image_id: &str) -> Option<&'static Image> {
    catalogue().chain(&super::windows::MEDIA).find(|image| image.id == image_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_found() {
        for image in catalogue() {
            assert!(std::ptr::eq(find(image.id).unwrap(), image), "{} is there twice", image.id);
            assert_eq!(image.owner_alias == "self", image.id.starts_with("m-"));
        }
        assert!(find("win3").is_none());
    }
}

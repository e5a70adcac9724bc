//! What else distinguishes one Windows Server from another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Edition of a Windows Server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Edition {
    /// Datacenter: what every destination is.
    Datacenter,
    /// Enterprise, of 2008 R2 and before.
    Enterprise,
    /// Standard.
    Standard,
}

impl Edition {
    /// Its English name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Datacenter => "Datacenter",
            Self::Enterprise => "Enterprise",
            Self::Standard => "Standard",
        }
    }

    /// Reads `EditionID` of a guest's registry: `ServerDatacenter`, `ServerStandardCor`, `ServerEnterprise`.
    pub fn from_edition_id(id: &str) -> Option<Self> {
        let id = id.strip_prefix("Server")?;
        [Self::Datacenter, Self::Enterprise, Self::Standard].into_iter().find(|edition| id.starts_with(edition.name()))
    }
}

/// Language of a Windows Server's user interface; install media exist for the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    /// Simplified Chinese.
    #[serde(rename = "zh-cn")]
    Chinese,
    /// English (United States).
    #[serde(rename = "en-us")]
    English,
    /// Any other: nothing is offered for it.
    #[serde(rename = "other")]
    Other,
}

impl Language {
    /// As in image ids and in the names of media: `zh-cn`, `en-us`, `other`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-cn",
            Self::English => "en-us",
            Self::Other => "other",
        }
    }

    /// Reads a language tag as Windows writes it: `zh-CN`, `en-US`, `de-DE`.
    pub fn from_tag(tag: &str) -> Self {
        match tag.trim().to_lowercase().as_str() {
            "zh-cn" | "zh-hans-cn" => Self::Chinese,
            "en-us" => Self::English,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chinese => "Chinese",
            Self::English => "English",
            Self::Other => "another language",
        })
    }
}

/// What is known of a Windows Server besides its release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Windows {
    /// Edition; None when not known.
    pub edition: Option<Edition>,
    /// Language of its user interface; None when not known.
    pub language: Option<Language>,
    /// Whether it is a Server Core, without desktop.
    pub core: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editions_and_languages_as_windows_writes_them() {
        for (id, edition) in [
            ("ServerDatacenter", Some(Edition::Datacenter)),
            ("ServerDatacenterCor", Some(Edition::Datacenter)),
            ("ServerStandard", Some(Edition::Standard)),
            ("ServerEnterprise", Some(Edition::Enterprise)),
            ("Professional", None),
            ("ServerRdsh", None),
        ] {
            assert_eq!(Edition::from_edition_id(id), edition, "{id}");
        }
        assert_eq!(Language::from_tag("zh-CN\r"), Language::Chinese);
        assert_eq!(Language::from_tag("en-US"), Language::English);
        assert_eq!(Language::from_tag("de-DE"), Language::Other);
    }
}

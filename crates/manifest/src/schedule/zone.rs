// SPDX-License-Identifier: Apache-2.0
use std::{fmt, str::FromStr};

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A time zone by its name in the IANA database, of which this program brings its own copy: what a schedule means does
/// not hang on what the machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// Why a text is no time zone: what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("should be a time zone of the IANA database such as Europe/Berlin, or UTC")]
pub struct NotAZone;

impl Zone {
    /// Universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// Its rules.
    #[must_use]
    pub const fn rules(&self) -> &TimeZone {
        &self.zone
    }
}

impl FromStr for Zone {
    type Err = NotAZone;

    fn from_str(text: &str) -> Result<Self, NotAZone> {
        if text == "UTC" {
            return Ok(Self::utc());
        }
        let zone = TimeZoneDatabase::bundled()
            .get(text)
            .map_err(|_| NotAZone)?;
        // As the database writes it, not as it was written.
        let name = zone.iana_name().unwrap_or(text).to_owned();
        Ok(Self { name, zone })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_our_own() {
        for name in [
            "UTC",
            "Europe/Berlin",
            "Asia/Kolkata",
            "Australia/Lord_Howe",
            "Etc/GMT+8",
        ] {
            assert_eq!(name.parse::<Zone>().unwrap().to_string(), name);
        }
        assert_eq!(
            "europe/berlin".parse::<Zone>().unwrap().to_string(),
            "Europe/Berlin"
        );
        for name in [
            "",
            "Berlin",
            "Europe/Berlin ",
            "../etc/localtime",
            "UTC+2",
            "CEST",
        ] {
            assert!(name.parse::<Zone>().is_err(), "{name}");
        }
    }
}

//! Settings from a file, TOML or YAML by its name.

use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Why a file gives no settings.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("{0} cannot be read: {1}")]
    Read(String, std::io::Error),
    #[error("{0}: {1}")]
    Toml(String, toml::de::Error),
    #[error("{0}: {1}")]
    Yaml(String, serde_yaml_ng::Error),
}

/// What a server needs to know.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub listen: SocketAddr,
    pub site: String,
    /// Endings that count as trouble in a report.
    pub trouble: Vec<model::Outcome>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            site: "http://localhost/".to_owned(),
            trouble: vec![model::Outcome::Broken],
        }
    }
}

impl Settings {
    pub fn read(path: &Path) -> Result<Settings, Fault> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|fault| Fault::Read(name.clone(), fault))?;
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("yml" | "yaml") => serde_yaml_ng::from_str(&text).map_err(|fault| Fault::Yaml(name, fault)),
            _ => toml::from_str(&text).map_err(|fault| Fault::Toml(name, fault)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_go_round_through_both_formats() {
        let settings = Settings::default();
        assert_eq!(toml::from_str::<Settings>(&toml::to_string(&settings).unwrap()).unwrap(), settings);
        assert_eq!(serde_yaml_ng::from_str::<Settings>(&serde_yaml_ng::to_string(&settings).unwrap()).unwrap(), settings);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Settings>("lisen = 1").is_err());
    }
}

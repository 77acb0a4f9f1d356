//! A summary as text, CSV or JSON.

use anyhow::Context;
use minijinja::{Environment, context};
use serde::{Deserialize, Serialize};
use store::Summary;

/// How a summary is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Text,
    Csv,
    Json,
}

const TEXT: &str = "\
{% for name, section in sections %}{{ name or '/' }}: {{ section.hits }} hits, {{ section.bytes }} bytes\
{% if section.broken %}, {{ section.broken }} broken{% endif %}
{% endfor %}";

/// The summary in a format.
pub fn write(summary: &Summary, format: Format) -> anyhow::Result<String> {
    match format {
        Format::Text => text(summary),
        Format::Csv => csv(summary),
        Format::Json => serde_json::to_string_pretty(summary).context("summary as JSON"),
    }
}

fn text(summary: &Summary) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    environment.add_template("summary", TEXT)?;
    let sections: Vec<_> = summary.iter().collect();
    Ok(environment.get_template("summary")?.render(context! { sections })?)
}

fn csv(summary: &Summary) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["section", "hits", "bytes", "broken"])?;
    for (name, section) in summary {
        writer.serialize((name, section.hits, section.bytes, section.broken))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Section;

    fn summary() -> Summary {
        Summary::from_iter([("docs".to_owned(), Section { hits: 3, bytes: 70, broken: 1 })])
    }

    #[test]
    fn three_formats() {
        assert_eq!(write(&summary(), Format::Text).unwrap(), "docs: 3 hits, 70 bytes, 1 broken\n");
        assert_eq!(write(&summary(), Format::Csv).unwrap(), "section,hits,bytes,broken\ndocs,3,70,1\n");
        assert!(write(&summary(), Format::Json).unwrap().contains("\"bytes\": 70"));
    }
}

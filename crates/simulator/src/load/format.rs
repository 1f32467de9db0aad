// SPDX-License-Identifier: Apache-2.0
use std::{fmt, str::FromStr};

use super::{
    SpecError, access_log::AccessLog, azure_2019, azure_2021, azure_durations::Durations,
    azure_llm, columns::Columns, periods, recording::Recording, table::names,
};

/// The layout of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An access log: Common or Combined Log Format, with or without the time taken.
    AccessLog,
    /// One JSON object for each request.
    JsonLines,
    /// A table with a line for each request, or for each period with its count.
    Csv,
    /// `period,count`: requests per minute.
    Counts,
    /// Azure Functions 2019: calls, or mean numbers of containers, per minute.
    Azure2019,
    /// Azure Functions 2021: `app,func,end_timestamp,duration`.
    Azure2021,
    /// Azure LLM inference: `TIMESTAMP,ContextTokens,GeneratedTokens`.
    AzureLlm,
    /// A recording of a live autoscaler.
    Recording,
}

impl Format {
    /// All, with the names by which they are asked for.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::AccessLog, "access-log"),
        (Self::JsonLines, "json"),
        (Self::Csv, "csv"),
        (Self::Counts, "counts"),
        (Self::Azure2019, "azure-2019"),
        (Self::Azure2021, "azure-2021"),
        (Self::AzureLlm, "azure-llm"),
        (Self::Recording, "recording"),
    ];

    /// Finds the layout by the first lines of a trace.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn detect(lines: &[Vec<u8>], columns: &Columns) -> Result<Self, String> {
        let first = lines.first().map(Vec::as_slice).unwrap_or_default();
        if first.trim_ascii_start().starts_with(b"{") {
            let recorded = lines.iter().any(|line| Recording::looks_like(line));
            return Ok(if recorded {
                Self::Recording
            } else {
                Self::JsonLines
            });
        }
        if lines.iter().any(|line| AccessLog::looks_like(line)) {
            return Ok(Self::AccessLog);
        }
        if Durations::is_header(first) {
            let what = "these are the durations of the Azure Functions trace of 2019: the trace is the file of calls, \
                        and this one goes with it";
            return Err(what.to_owned());
        }
        if azure_2019::Day::is_header(first) {
            return Ok(Self::Azure2019);
        }
        // Who names columns means those and no layout.
        if *columns != Columns::default() {
            return Ok(Self::Csv);
        }
        let names = names(first);
        let is = |header: &[&str]| names == header;
        if is(&azure_2021::HEADER) {
            Ok(Self::Azure2021)
        } else if is(&azure_llm::HEADER) {
            Ok(Self::AzureLlm)
        } else if is(&periods::HEADER) {
            Ok(Self::Counts)
        } else if names.len() > 1 && is_table(&names) {
            Ok(Self::Csv)
        } else {
            Err(UNKNOWN.to_owned())
        }
    }
}

fn is_table(names: &[String]) -> bool {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Columns::default().guess(&names).time.is_some()
}

const UNKNOWN: &str = "no layout is known that begins so; name its layout, or its columns";

impl FromStr for Format {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let known = Self::NAMES.iter().find(|(_, name)| *name == text);
        known.map(|(format, _)| *format).ok_or_else(|| {
            let names = Self::NAMES.map(|(_, name)| name).join(", ");
            SpecError::new("format", text, format!("should be one of {names}"))
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(format, _)| format == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(lines: &[&str]) -> Result<Format, String> {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        Format::detect(&lines, &Columns::default())
    }

    #[test]
    fn each_layout_is_known_by_its_first_lines() {
        let log = r#"a - - [24/Nov/2026:15:04:05 +0000] "GET / HTTP/1.1" 200 5"#;
        for (lines, format) in [
            (&[log][..], Format::AccessLog),
            (&["broken", log], Format::AccessLog),
            (&[r#"{"time":1,"duration":2}"#], Format::JsonLines),
            (&[r#"{"cheerfulRecording":1}"#], Format::Recording),
            (&[r#"{"cheerfulRecording":99,"new":{}}"#], Format::Recording),
            (
                &[
                    r#"{"at":1.0,"revision":"a","settings":{}}"#,
                    r#"{"at":1.0,"held":1}"#,
                ],
                Format::Recording,
            ),
            (&["period,count"], Format::Counts),
            (&["app,func,end_timestamp,duration"], Format::Azure2021),
            (
                &["TIMESTAMP,ContextTokens,GeneratedTokens"],
                Format::AzureLlm,
            ),
            (
                &["HashOwner,HashApp,HashFunction,Trigger,1,2,3"],
                Format::Azure2019,
            ),
            (&["app,avg_mem_mb,num_invocations,1,2"], Format::Azure2019),
            (&["timestamp;status;latency_ms"], Format::Csv),
        ] {
            assert_eq!(detect(lines), Ok(format), "{lines:?}");
        }
        assert!(detect(&["hello"]).unwrap_err().contains("no layout"));
        assert!(detect(&[]).is_err());
        let durations = "HashOwner,HashApp,HashFunction,Average,percentile_Average_0";
        assert!(detect(&[durations]).unwrap_err().contains("durations"));
    }

    #[test]
    fn each_is_asked_for_by_its_name() {
        for (format, name) in Format::NAMES {
            assert_eq!(name.parse(), Ok(format));
            assert_eq!(format.to_string(), name);
        }
        let wrong = "xml".parse::<Format>().unwrap_err().to_string();
        assert!(wrong.contains("access-log, json"), "{wrong}");
    }
}

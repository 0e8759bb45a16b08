//! ECharts, which draws the charts: its script for pages, from npm, pinned.

use std::fs;

use boot::host::Host;
use boot::host::error::{Result, Tried};
use boot::parts::npm::{pack, unpack};

const VERSION: &str = "6.1.0";
const INTEGRITY: &str =
    "sha512-q0yaFPggC9FUdsWH4blavRWFmxdrIodbkoKNAjJudAI6CA9gNPxHtV2RcZNEepZVlk4yvBYkOkbk6HIVpIyHZA==";

/// The text of the script, including the licence, from the cache or fetched now.
pub fn script(host: &Host) -> Result<String> {
    let file = host.cache.entry("echarts", &format!("{VERSION}.js"), |new| {
        let phase = host.progress.start("report", &format!("fetch ECharts {VERSION}"));
        let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
        let archive = pack("echarts", VERSION, Some(INTEGRITY), folder.path())
            .map_err(|error| error.within(format!("fetch ECharts {VERSION}")))?;
        unpack(&archive, "package/dist/echarts.min.js", new)?;
        phase.done(&format!("ECharts {VERSION}"));
        Ok(())
    })?;
    fs::read_to_string(&file).tried("read", &file)
}

//! ECharts, which draws the charts: its own file for pages, from npm, pinned.

use std::fs;

use boot::host::Host;
use boot::host::error::{Result, Tried};
use boot::host::run::Run;
use boot::parts::npm::pack;

const VERSION: &str = "6.1.0";
const INTEGRITY: &str =
    "sha512-q0yaFPggC9FUdsWH4blavRWFmxdrIodbkoKNAjJudAI6CA9gNPxHtV2RcZNEepZVlk4yvBYkOkbk6HIVpIyHZA==";

/// Its text, licence and all, from the cache or fetched now.
pub fn script(host: &Host) -> Result<String> {
    let file = host.cache.entry("echarts", &format!("{VERSION}.js"), |new| {
        let phase = host.progress.start("report", &format!("fetch ECharts {VERSION}"));
        let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
        let archive = pack("echarts", VERSION, Some(INTEGRITY), folder.path())
            .map_err(|error| error.within(format!("fetch ECharts {VERSION}")))?;
        let file = "package/dist/echarts.min.js";
        Run::new("tar").arg("-xzf").arg(archive).args(["--no-same-owner", file]).within(folder.path()).ok()?;
        fs::copy(folder.path().join(file), new).tried("copy to", new)?;
        phase.done(&format!("ECharts {VERSION}"));
        Ok(())
    })?;
    fs::read_to_string(&file).tried("read", &file)
}

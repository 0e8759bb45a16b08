//! What a report looks like to whoever opens it.

mod a_report_opens_in_a_browser;

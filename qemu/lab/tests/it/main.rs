//! Tests a report in a browser.

mod a_report_opens_in_a_browser;

//! The time of every file on a users partition: the same inputs give the same bytes.

/// Every time stamp, unless SOURCE_DATE_EPOCH says another: 2015-03-22, the day of the post that NodeOS starts from.
/// Not 0, which e2fsprogs takes for "now" and e2fsck for the mark of an orphan.
const EPOCH: u64 = 1_426_982_400;

/// Seconds since 1970, for `E2FSPROGS_FAKE_TIME`.
pub fn epoch() -> String {
    let asked = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok()).filter(|time| *time > 0);
    asked.unwrap_or(EPOCH).to_string()
}

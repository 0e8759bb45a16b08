//! The time of every file on a users partition. It is fixed, so that the same inputs give the same bytes.

/// The time stamp, unless SOURCE_DATE_EPOCH is set: 2015-03-22, the day of the blog post on which NodeOS is based. It
/// is not 0, because for e2fsprogs 0 means "now", and for e2fsck it marks an orphan.
const EPOCH: u64 = 1_426_982_400;

/// Seconds since 1970, for `E2FSPROGS_FAKE_TIME`.
pub fn epoch() -> String {
    let asked = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok()).filter(|time| *time > 0);
    asked.unwrap_or(EPOCH).to_string()
}

//! Lists are read in pages, so that no question costs as much as the fleet is large.

/// The most that one page holds, whatever was asked for.
pub const PAGE_ITEMS_MAX: u32 = 1000;

/// Which part of a list: what comes after `after` in the list's own order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<K> {
    /// The key of the last item of the page before; `None` begins.
    pub after: Option<K>,
    pub limit: u32,
}

impl<K> Page<K> {
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    pub fn after(key: K, limit: u32) -> Self {
        Self { after: Some(key), limit }
    }

    /// As it is used: at least one item, at most [`PAGE_ITEMS_MAX`].
    pub(crate) fn items(&self) -> u32 {
        self.limit.clamp(1, PAGE_ITEMS_MAX)
    }
}

//! Paging, as the reference does it (xmtp spec 2.3.4).

use chancery_xmtp_wire::proto::mls::api::v1::{PagingInfo, SortDirection};

use crate::{
    limits::{PAGE_ROWS, SMALL_ANSWER},
    store::model::{End, Order, Page, Row, Rows},
};

/// What `info` asks for, within `bytes`: newest first unless it says ascending; 100 rows unless it asks for fewer.
pub(super) fn asked(info: Option<&PagingInfo>, bytes: usize) -> Page {
    let ascending = info.is_some_and(|info| info.direction == SortDirection::Ascending as i32);
    let limit = info.and_then(|info| usize::try_from(info.limit).ok()).unwrap_or(0);
    Page {
        order: if ascending { Order::Ascending } else { Order::Descending },
        cursor: info.map_or(0, |info| info.id_cursor),
        rows: if (1..=PAGE_ROWS).contains(&limit) {
            limit
        } else {
            PAGE_ROWS
        },
        bytes,
    }
}

/// Whether the page is a small answer, and no larger one would hold more.
pub(super) fn is_small<R: Row>(found: &Rows<R>) -> bool {
    found.end != End::Bytes && found.rows.iter().map(Row::weight).sum::<usize>() <= SMALL_ANSWER
}

/// What is said about the page: where it ends, when there may be more, else 0. Clients go on until it is 0.
pub(super) fn answered<R: Row>(asked: Option<&PagingInfo>, found: &Rows<R>) -> PagingInfo {
    let page = self::asked(asked, 0);
    let cursor = match found.end {
        End::Exhausted => 0,
        End::Rows | End::Bytes => found.rows.last().map_or(0, Row::id),
    };
    let direction = match page.order {
        Order::Ascending => SortDirection::Ascending,
        Order::Descending => SortDirection::Descending,
    };
    PagingInfo {
        direction: direction as i32,
        limit: u32::try_from(page.rows).unwrap_or(u32::MAX),
        id_cursor: cursor,
    }
}

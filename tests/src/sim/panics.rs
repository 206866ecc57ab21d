//! Panics of tasks, which the runtime would keep to itself.

use std::{cell::RefCell, sync::Once};

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes the panics of this thread.
pub(super) struct Watch;

impl Watch {
    pub(super) fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                SEEN.with_borrow_mut(|seen| seen.push(info.to_string()));
                before(info);
            }));
        });
        SEEN.take();
        Self
    }

    pub(super) fn end(self) -> Vec<String> {
        SEEN.take()
    }
}

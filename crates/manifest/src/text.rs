//! Text that is shown to a person who decides by it.

/// Whether `c` is not seen, or moves what is: control characters, direction marks, zero-width characters, separators of
/// lines, tags and variation selectors of the upper planes.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2800}' | '\u{1d173}'..='\u{1d17a}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// White space in a row.
const MAX_GAP: usize = 8;

/// What is wrong with `text` as one line of at most `max` characters.
pub(crate) fn fault(text: &str, max: usize) -> Option<String> {
    if text.trim().is_empty() {
        Some("blank".to_owned())
    } else if text.chars().count() > max {
        Some(format!("more than {max} characters"))
    } else if text.chars().any(is_hidden) {
        Some("characters that are not seen".to_owned())
    } else if has_gap(text) {
        Some("more white space in a row than anybody needs".to_owned())
    } else {
        None
    }
}

/// White space that pushes what follows onto another line of the terminal, where it looks like a line of ours.
fn has_gap(text: &str) -> bool {
    let mut run = 0;
    text.chars().any(|c| {
        run = if c.is_whitespace() { run + 1 } else { 0 };
        run > MAX_GAP
    })
}

/// `text` with U+FFFD for what is not seen.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if is_hidden(c) { '\u{fffd}' } else { c })
        .collect()
}

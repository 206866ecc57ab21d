//! Tickets as QR images: PNG files, written and read.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use chancery_identity::ticket::Ticket;
use chancery_store::files;
use qrcode::{Color, EcLevel, QrCode};

use crate::{
    code::Code,
    error::{CliError, Result},
    state::{select::State, write},
};

/// Where images are kept, under a state's directory.
const FOLDER: &str = "pairing";
/// Age at which an image is removed: the longest life of a ticket.
const MAX_AGE: Duration = Duration::from_secs(chancery_identity::ticket::MAX_TTL_SECS as u64);
/// Pixels a module: readable from a screen by a phone.
const SCALE: usize = 8;
/// Light modules around the code (ISO/IEC 18004 asks for four).
const QUIET: usize = 4;
/// Largest image that is decoded, pixels a side: a photograph of a screen.
const MAX_SIDE: u32 = 8192;

/// Where the image of a ticket goes by default.
pub(crate) fn default_path(state: &State, agent: &str, unix_secs: i64) -> PathBuf {
    state.dir.join(FOLDER).join(format!("{agent}-pair-{unix_secs}.png"))
}

/// Removes images whose tickets have run out.
pub(crate) fn sweep(state: &State) {
    let Ok(entries) = fs::read_dir(state.dir.join(FOLDER)) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_image = path.extension().is_some_and(|extension| extension == "png");
        let modified = path.metadata().and_then(|found| found.modified()).ok();
        let age = modified.and_then(|at| SystemTime::now().duration_since(at).ok());
        if is_image && age.is_some_and(|age| age > MAX_AGE) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Writes `text` as an image, mode 0600: who sees it can pair.
///
/// # Errors
/// [`Code::PairQrWriteFailed`].
pub(crate) fn write_png(text: &str, path: &Path) -> Result<()> {
    let failed = |reason: String| {
        CliError::new(
            Code::PairQrWriteFailed,
            format!("cannot write {}: {reason}", path.display()),
        )
    };
    let png = encode(text).map_err(failed)?;
    write(path, &png).map_err(|error| failed(error.to_string()))
}

fn encode(text: &str) -> Result<Vec<u8>, String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| error.to_string())?;
    let modules = code.width();
    let side = (modules + 2 * QUIET) * SCALE;
    let colors = code.to_colors();
    let dark = |x: usize, y: usize| {
        let (x, y) = (x / SCALE, y / SCALE);
        let inside = (QUIET..QUIET + modules).contains(&x) && (QUIET..QUIET + modules).contains(&y);
        inside && colors.get((y - QUIET) * modules + (x - QUIET)) == Some(&Color::Dark)
    };
    let pixels: Vec<u8> = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .map(|(x, y)| if dark(x, y) { 0 } else { 255 })
        .collect();
    let side = u32::try_from(side).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer.write_image_data(&pixels).map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(out)
}

/// Reads the ticket in an image.
///
/// # Errors
/// One of the `CLI_PAIR_CONFIRM_` codes.
pub(crate) fn read_ticket(path: &Path) -> Result<String> {
    let shown = path.display();
    if path.as_os_str().is_empty() || path.is_dir() {
        return Err(CliError::new(
            Code::PairConfirmQrFileRequired,
            format!("{shown:?} is not a file"),
        ));
    }
    let bytes = files::read_private(path).map_err(|error| match error.is_not_found() {
        true => CliError::new(Code::PairConfirmQrFileNotFound, format!("no file {shown}")),
        false => CliError::new(Code::PairConfirmQrFileRequired, error.to_string()),
    })?;
    let invalid = |reason: String| {
        CliError::new(
            Code::PairConfirmQrFileInvalid,
            format!("{shown} is not a PNG image that can be read: {reason}"),
        )
    };
    let (width, height, pixels) = decode(&bytes).map_err(invalid)?;
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        pixels.get(y * width + x).copied().unwrap_or(u8::MAX)
    });
    let texts = image
        .detect_grids()
        .into_iter()
        .filter_map(|grid| Some(grid.decode().ok()?.1));
    let not_found = || CliError::new(Code::PairConfirmQrNotFound, format!("no pairing QR code in {shown}"));
    texts
        .into_iter()
        .find(|text| Ticket::parse(text).is_ok())
        .ok_or_else(not_found)
}

/// Width, height and one byte of brightness a pixel.
fn decode(bytes: &[u8]) -> Result<(usize, usize, Vec<u8>), String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let info = reader.info();
    if info.width > MAX_SIDE || info.height > MAX_SIDE {
        return Err(format!("larger than {MAX_SIDE} pixels a side"));
    }
    let size = reader.output_buffer_size().ok_or("too large")?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).map_err(|error| error.to_string())?;
    data.truncate(frame.buffer_size());
    let luma = |rgb: &[u8]| match rgb {
        [r, g, b, ..] => {
            u8::try_from((u32::from(*r) * 299 + u32::from(*g) * 587 + u32::from(*b) * 114) / 1000).unwrap_or(255)
        }
        _ => 255,
    };
    // what is transparent shows the paper behind it
    let over_white =
        |value: u8, alpha: u8| 255 - u8::try_from(u32::from(255 - value) * u32::from(alpha) / 255).unwrap_or(0);
    let pixels = match frame.color_type {
        png::ColorType::Grayscale => data,
        png::ColorType::GrayscaleAlpha => data
            .chunks_exact(2)
            .map(|p| if let [v, a] = p { over_white(*v, *a) } else { 255 })
            .collect(),
        png::ColorType::Rgb => data.chunks_exact(3).map(luma).collect(),
        png::ColorType::Rgba => data
            .chunks_exact(4)
            .map(|p| over_white(luma(p), p.last().copied().unwrap_or(255)))
            .collect(),
        png::ColorType::Indexed => return Err("a palette that could not be resolved".to_owned()),
    };
    let side = |value: u32| usize::try_from(value).map_err(|error| error.to_string());
    Ok((side(frame.width)?, side(frame.height)?, pixels))
}

/// Removes an image that was used, when it is one of ours; other files belong to whoever made them.
pub(crate) fn discard(state: &State, path: &Path) {
    let (Ok(folder), Ok(file)) = (state.dir.join(FOLDER).canonicalize(), path.canonicalize()) else {
        return;
    };
    if file.parent() == Some(&folder) {
        let _ = fs::remove_file(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = "clwpair1_".to_owned() + &"abcDEF012-_".repeat(35);
        let (width, height, pixels) = decode(&encode(&text).unwrap()).unwrap();
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        assert_eq!(grids[0].decode().unwrap().1, text);
    }
}

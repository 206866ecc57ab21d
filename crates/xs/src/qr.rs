//! Links as pictures that a phone scans (signet spec 9.5).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use qrcode::{Color, EcLevel, QrCode};

use crate::{Problem, commands::chat::Format, problem::Result, tree::Tree};

/// Side of the image, pixels.
const SIDE: usize = 256;
/// Light modules around it, on a screen that is light or dark around them anyway.
const MARGIN: usize = 1;

/// The modules of a code, dark or light.
struct Modules {
    side: usize,
    dark: Vec<bool>,
}

impl Modules {
    fn of(text: &str) -> Result<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M)
            .map_err(|error| Problem::internal(format!("the link makes no QR code: {error}")))?;
        Ok(Self {
            side: code.width(),
            dark: code.to_colors().into_iter().map(|color| color == Color::Dark).collect(),
        })
    }

    /// Side with its margin.
    fn outer(&self) -> usize {
        self.side + 2 * MARGIN
    }

    /// Whether the module at these places, counted from the margin's corner, is dark.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(MARGIN).filter(|at| *at < self.side);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.dark.get(y * self.side + x) == Some(&true),
            _ => false,
        }
    }
}

/// Adds the picture of the link in `invite` to it, as the data URL of a PNG, for programs.
pub(crate) fn attach(invite: &mut Tree, for_programs: bool) -> Result<()> {
    let url = match invite.at("inviteUrl") {
        Some(Tree::Text(url)) if for_programs => url.clone(),
        _ => return Ok(()),
    };
    let url = format!("data:image/png;base64,{}", STANDARD.encode(png(&Modules::of(&url)?)?));
    if let Tree::Object(members) = invite {
        members.push(("qrDataUrl".to_owned(), Tree::Text(url)));
    }
    Ok(())
}

/// The picture of the link in `invite` in characters, two modules high each; none where only the link is wanted.
pub(crate) fn lines(invite: &Tree, format: Format) -> Result<Vec<String>> {
    let url = match (invite.at("inviteUrl"), format) {
        (Some(Tree::Text(url)), Format::Qr | Format::Both) => url,
        _ => return Ok(Vec::new()),
    };
    let modules = Modules::of(url)?;
    let side = modules.outer();
    // light is drawn, for terminals that are dark
    let cell = |x: usize, y: usize| match (modules.is_dark(x, y), y + 1 < side && !modules.is_dark(x, y + 1)) {
        (false, true) => '█',
        (false, false) => '▀',
        (true, true) => '▄',
        (true, false) => ' ',
    };
    let line = |y: usize| (0..side).map(|x| cell(x, y)).collect();
    Ok((0..side).step_by(2).map(line).collect())
}

fn png(modules: &Modules) -> Result<Vec<u8>> {
    let scale = (SIDE / modules.outer()).max(1);
    let side = SIDE.max(modules.outer());
    let before = (side - modules.outer() * scale) / 2;
    let shade = |x: usize, y: usize| match (x.checked_sub(before), y.checked_sub(before)) {
        (Some(x), Some(y)) if modules.is_dark(x / scale, y / scale) => 0,
        _ => u8::MAX,
    };
    let pixels: Vec<u8> = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .map(|(x, y)| shade(x, y))
        .collect();
    let failed = |error: png::EncodingError| Problem::internal(format!("the QR code makes no image: {error}"));
    let width = u32::try_from(side).map_err(|error| Problem::internal(error.to_string()))?;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

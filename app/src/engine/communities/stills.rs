//! The stills of the live list: fetched now and then, decoded off the UI thread, small enough for a card.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use backend_lite::api::{self, Client};
use image::imageops::FilterType;
use image::{ImageFormat, ImageReader, Limits};

use crate::engine::{News, Tell};
use crate::state::{BroadcastId, CommunityId, Event, Picture};

/// Stills that are kept fresh: as many as a large window shows.
const MOST: usize = 32;
/// How old a still may become; publishers send one every ten seconds.
const AGE: Duration = Duration::from_secs(15);
/// Width of a still on a card at twice the scale.
const WIDTH: u32 = 640;
/// Largest picture that is decoded: a server's mistake must not cost memory.
const LARGEST: u32 = 4096;

/// When each show's still was last fetched.
#[derive(Default)]
pub(super) struct Stills(HashMap<String, Instant>);

impl Stills {
    /// Fetches what is missing or old.
    pub(super) fn fetch(
        &mut self,
        client: &Client,
        id: &CommunityId,
        items: &[api::LiveItem],
        now: Instant,
        tell: &Tell,
    ) {
        self.0.retain(|broadcast, _| items.iter().any(|item| item.broadcast.to_string() == *broadcast));
        let due: Vec<_> = items
            .iter()
            .take(MOST)
            .filter_map(|item| Some((item.broadcast.to_string(), item.thumbnail_url.clone()?)))
            .filter(|(broadcast, _)| self.0.get(broadcast).is_none_or(|at| now - *at >= AGE))
            .collect();
        if due.is_empty() {
            return;
        }
        self.0.extend(due.iter().map(|(broadcast, _)| (broadcast.clone(), now)));
        let (client, id, tell) = (client.clone(), id.clone(), tell.clone());
        tokio::spawn(async move {
            for (broadcast, url) in due {
                let picture = match client.fetch(&url).await {
                    Ok(bytes) => tokio::task::spawn_blocking(move || decode(&bytes)).await.ok().flatten(),
                    Err(error) => {
                        tracing::debug!(%error, url, "a still did not come");
                        None
                    }
                };
                if let Some(picture) = picture {
                    let event = Event::Thumbnail { community: id.clone(), broadcast: BroadcastId(broadcast), picture };
                    if tell.send(News::Pass(event)).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

/// A JPEG from a server, of bounded size.
fn decode(bytes: &[u8]) -> Option<Picture> {
    let mut reader = ImageReader::with_format(std::io::Cursor::new(bytes), ImageFormat::Jpeg);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST), Some(LARGEST));
    reader.limits(limits);
    let picture = match reader.decode() {
        Ok(picture) => picture,
        Err(error) => {
            tracing::debug!(%error, "a still is damaged");
            return None;
        }
    };
    let small = if picture.width() > WIDTH { picture.resize(WIDTH, WIDTH, FilterType::Triangle) } else { picture };
    let rgb = small.into_rgb8();
    Picture::from_rgb(rgb.width() as usize, rgb.height() as usize, rgb.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stills_are_small_and_damaged_ones_none() {
        let mut jpeg = Vec::new();
        let picture = image::RgbImage::from_pixel(1280, 720, image::Rgb([10, 200, 30]));
        picture.write_to(&mut std::io::Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
        assert_eq!(decode(&jpeg).unwrap().image().size, [640, 360]);
        assert!(decode(&jpeg[..100]).is_none());
        assert!(decode(b"not a picture").is_none());
    }
}

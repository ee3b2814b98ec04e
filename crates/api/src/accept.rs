//! What a caller's headers say of an answer's form: which kinds it takes (`Accept`), and packed how (`Accept-Encoding`).

use axum::http::{HeaderMap, HeaderName, header};

/// How an answer's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Brotli,
}

impl Packing {
    /// The best that the caller takes; plain where it takes none of them.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let quality = |name: &str| {
            let of = |name: &str| wishes(headers, header::ACCEPT_ENCODING).find(|wish| wish.is(name));
            of(name).or_else(|| of("*")).map_or(0, |wish| wish.quality)
        };
        let (brotli, gzip) = (quality("br"), quality("gzip"));
        match () {
            () if brotli > 0 && brotli >= gzip => Self::Brotli,
            () if gzip > 0 => Self::Gzip,
            () => Self::Plain,
        }
    }

    /// Its name in `Content-Encoding`; plain bytes have none.
    pub(crate) fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

/// Whether the caller would rather have a table than JSON.
pub(crate) fn prefers_csv(headers: &HeaderMap) -> bool {
    let csv = quality(headers, "text/csv");
    if csv == 0 {
        return false;
    }
    let json = quality(headers, "application/json");
    let place =
        |kind: &str| wishes(headers, header::ACCEPT).position(|wish| wish.is(kind)).unwrap_or(usize::MAX);
    csv > json || csv == json && place("text/csv") < place("application/json")
}

/// Whether the caller takes answers of this kind. Whoever says nothing that can be read takes all.
pub(crate) fn admits(headers: &HeaderMap, kind: &str) -> bool {
    wishes(headers, header::ACCEPT).next().is_none() || quality(headers, kind) > 0
}

/// One thing that is taken, and how gladly: in thousandths.
struct Wish<'a> {
    what: &'a str,
    quality: u16,
}

impl Wish<'_> {
    fn is(&self, what: &str) -> bool {
        self.what.eq_ignore_ascii_case(what)
    }

    /// Whether it is of all kinds of a family, `text` say.
    fn is_all_of(&self, family: &str) -> bool {
        self.what.strip_suffix("/*").is_some_and(|named| named.eq_ignore_ascii_case(family))
    }
}

/// What the most exact range says of `kind`.
fn quality(headers: &HeaderMap, kind: &str) -> u16 {
    let family = kind.split('/').next().unwrap_or_default();
    let exact = || wishes(headers, header::ACCEPT).find(|wish| wish.is(kind));
    let all_of = |family: &str| wishes(headers, header::ACCEPT).find(|wish| wish.is_all_of(family));
    let said = exact().or_else(|| all_of(family)).or_else(|| all_of("*"));
    said.map_or(0, |wish| wish.quality)
}

fn wishes(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Wish<'_>> {
    let is_kinds = name == header::ACCEPT;
    let texts = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let wish = move |item| {
        let mut parts = str::split(item, ';').map(str::trim);
        let what = parts.next()?;
        if what.is_empty() || is_kinds && !what.contains('/') {
            return None;
        }
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some(Wish { what, quality: quality.map_or(1_000, thousandths) })
    };
    texts.flat_map(|text| text.split(',')).filter_map(wish)
}

/// `0.25` as 250. What is no quality counts as none.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<3}");
    match (whole, fraction.get(..3).and_then(|digits| digits.parse::<u16>().ok())) {
        ("0", Some(fraction)) => fraction,
        ("1", Some(_)) => 1_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, text: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, text.parse().unwrap())])
    }

    #[test]
    fn kinds() {
        let cases = [
            ("", false, true, true),
            ("*/*", false, true, true),
            ("nonsense", false, true, true),
            ("text/csv", true, false, true),
            ("text/csv, */*", true, true, true),
            ("text/csv;q=0.5, application/json", false, true, true),
            ("application/json;q=0.5, TEXT/CSV", true, true, true),
            ("application/json, text/csv", false, true, true),
            ("text/*", true, false, true),
            ("application/xml", false, false, false),
            ("application/xml, */*;q=0.1", false, true, true),
            ("application/json;q=0, */*", true, false, true),
            ("text/csv;q=0, */*", false, true, false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false, true, true),
        ];
        for (text, csv, json_admitted, csv_admitted) in cases {
            let headers = headers(header::ACCEPT, text);
            assert_eq!(prefers_csv(&headers), csv, "{text}");
            assert_eq!(admits(&headers, "application/json"), json_admitted, "{text}");
            assert_eq!(admits(&headers, "text/csv"), csv_admitted, "{text}");
        }
        assert!(admits(&HeaderMap::new(), "text/csv") && !prefers_csv(&HeaderMap::new()));
    }

    #[test]
    fn packings() {
        let cases = [
            ("", Packing::Plain),
            ("identity", Packing::Plain),
            ("gzip", Packing::Gzip),
            ("gzip, deflate, br", Packing::Brotli),
            ("gzip;q=1.0, br;q=0.5", Packing::Gzip),
            ("br;q=0, gzip", Packing::Gzip),
            ("br;q=0, gzip;q=0.000, *", Packing::Plain),
            ("*", Packing::Brotli),
            ("*;q=0", Packing::Plain),
            ("zstd", Packing::Plain),
            ("GZIP;q=0.001", Packing::Gzip),
        ];
        for (text, expected) in cases {
            assert_eq!(Packing::of(&headers(header::ACCEPT_ENCODING, text)), expected, "{text}");
        }
    }
}

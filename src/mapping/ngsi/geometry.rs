//! Geometries: GeoJSON (RFC 7946) and WKT, longitude before latitude, and how two of them lie.
use geo::{
    BoundingRect, Coord, Distance, Geometry, Haversine, Intersects, LineString, MultiLineString,
    MultiPoint, MultiPolygon, Point, Polygon, Relate,
};
use serde_json::{Value as Json, json};

/// Positions of one geometry that are read: more would make a comparison slow.
const POSITIONS: usize = 10_000;

/// A GeoJSON geometry from the text of a literal, WKT or GeoJSON; none of another reference system.
pub fn read(text: &str) -> Option<Json> {
    let text = text.trim();
    if text.starts_with('{') {
        let json: Json = serde_json::from_str(text).ok()?;
        return Some(write(&parse(&json).ok()?));
    }
    // GeoSPARQL puts a reference system in front; CRS84 is ours.
    let text = match text.strip_prefix('<') {
        Some(rest) => {
            let (system, text) = rest.split_once('>')?;
            system.ends_with("CRS84").then_some(text.trim())?
        }
        None => text,
    };
    let geometry: Geometry<f64> = wkt::TryFromWkt::try_from_wkt_str(text).ok()?;
    let geometry = match geometry {
        Geometry::Rect(rect) => Geometry::Polygon(rect.to_polygon()),
        Geometry::GeometryCollection(_) => return None,
        other => other,
    };
    let json = write(&geometry);
    parse(&json).ok().map(|_| json)
}

/// Reads a GeoJSON geometry.
///
/// # Errors
/// Says what of it is wrong.
pub fn parse(json: &Json) -> Result<Geometry<f64>, String> {
    let kind = json["type"].as_str().unwrap_or_default();
    shape(kind, &json["coordinates"])
}

/// Reads coordinates of a type of geometry.
///
/// # Errors
/// Says what of it is wrong.
pub fn shape(kind: &str, coordinates: &Json) -> Result<Geometry<f64>, String> {
    let mut left = POSITIONS;
    let c = coordinates;
    Ok(match kind {
        "Point" => Point(position(c, &mut left)?).into(),
        "MultiPoint" => MultiPoint(line(c, 0, &mut left)?.into_points()).into(),
        "LineString" => line(c, 2, &mut left)?.into(),
        "MultiLineString" => {
            let each = list(c)?.iter().map(|l| line(l, 2, &mut left));
            MultiLineString(each.collect::<Result<_, _>>()?).into()
        }
        "Polygon" => polygon(c, &mut left)?.into(),
        "MultiPolygon" => {
            let each = list(c)?.iter().map(|p| polygon(p, &mut left));
            MultiPolygon(each.collect::<Result<_, _>>()?).into()
        }
        other => {
            return Err(format!(
                "{other:?} is no geometry; Point, MultiPoint, LineString, MultiLineString, Polygon or MultiPolygon is wanted"
            ));
        }
    })
}

fn list(json: &Json) -> Result<&Vec<Json>, String> {
    json.as_array()
        .ok_or_else(|| format!("coordinates hold {json}; a list is wanted"))
}

fn position(json: &Json, left: &mut usize) -> Result<Coord<f64>, String> {
    *left = left
        .checked_sub(1)
        .ok_or_else(|| format!("a geometry has at most {POSITIONS} positions"))?;
    let numbers: Vec<f64> = list(json)?.iter().filter_map(Json::as_f64).collect();
    match numbers[..] {
        [x, y] | [x, y, _] if x.abs() <= 180.0 && y.abs() <= 90.0 => Ok(Coord { x, y }),
        _ => Err(format!(
            "{json} is no position; [longitude, latitude] in degrees is wanted"
        )),
    }
}

fn line(json: &Json, least: usize, left: &mut usize) -> Result<LineString<f64>, String> {
    let each = list(json)?.iter().map(|p| position(p, left));
    let positions: Vec<_> = each.collect::<Result<_, _>>()?;
    if positions.len() < least {
        return Err(format!("a line has at least {least} positions"));
    }
    Ok(LineString(positions))
}

fn polygon(json: &Json, left: &mut usize) -> Result<Polygon<f64>, String> {
    let mut rings = Vec::new();
    for ring in list(json)? {
        let ring = line(ring, 4, left)?;
        if !ring.is_closed() {
            return Err("a ring ends where it begins".into());
        }
        rings.push(ring);
    }
    if rings.is_empty() {
        return Err("a polygon has a ring".into());
    }
    let outer = rings.remove(0);
    Ok(Polygon::new(outer, rings))
}

/// A geometry as GeoJSON.
pub fn write(geometry: &Geometry<f64>) -> Json {
    let at = |c: &Coord<f64>| json!([c.x, c.y]);
    let ring = |l: &LineString<f64>| Json::Array(l.0.iter().map(at).collect());
    let rings = |p: &Polygon<f64>| {
        let all = std::iter::once(p.exterior()).chain(p.interiors());
        Json::Array(all.map(ring).collect())
    };
    let (kind, coordinates) = match geometry {
        Geometry::Point(p) => ("Point", at(&p.0)),
        Geometry::MultiPoint(m) => (
            "MultiPoint",
            Json::Array(m.0.iter().map(|p| at(&p.0)).collect()),
        ),
        Geometry::LineString(l) => ("LineString", ring(l)),
        Geometry::MultiLineString(m) => (
            "MultiLineString",
            Json::Array(m.0.iter().map(ring).collect()),
        ),
        Geometry::MultiPolygon(m) => ("MultiPolygon", Json::Array(m.0.iter().map(rings).collect())),
        Geometry::Polygon(p) => ("Polygon", rings(p)),
        other => match other.bounding_rect() {
            Some(rect) => ("Polygon", rings(&rect.to_polygon())),
            None => ("Point", json!([0.0, 0.0])),
        },
    };
    json!({ "type": kind, "coordinates": coordinates })
}

/// How an entity's geometry is to lie to the one that is asked for (clause 4.10).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Relation {
    /// Metres, at most and at least.
    Near {
        most: Option<f64>,
        least: Option<f64>,
    },
    Within,
    Contains,
    Intersects,
    Equals,
    Disjoint,
    Overlaps,
}

impl Relation {
    /// Reads `georel`.
    ///
    /// # Errors
    /// Says what was found and what is wanted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(';');
        let name = parts.next().unwrap_or_default();
        let relation = match name {
            "near" => {
                let (mut most, mut least) = (None, None);
                for part in parts.by_ref() {
                    let (key, value) = part.split_once("==").unwrap_or((part, ""));
                    let metres = value
                        .parse()
                        .ok()
                        .filter(|m: &f64| m.is_finite() && *m >= 0.0);
                    match (key, metres) {
                        ("maxDistance", Some(m)) => most = Some(m),
                        ("minDistance", Some(m)) => least = Some(m),
                        _ => {
                            return Err(format!(
                                "{part:?} is no distance; maxDistance==METRES or minDistance==METRES is wanted"
                            ));
                        }
                    }
                }
                if most.is_none() && least.is_none() {
                    return Err("near wants ;maxDistance==METRES or ;minDistance==METRES".into());
                }
                Self::Near { most, least }
            }
            "within" => Self::Within,
            "contains" => Self::Contains,
            "intersects" => Self::Intersects,
            "equals" => Self::Equals,
            "disjoint" => Self::Disjoint,
            "overlaps" => Self::Overlaps,
            other => {
                return Err(format!(
                    "{other:?} is no georel; near, within, contains, intersects, equals, disjoint or overlaps is wanted"
                ));
            }
        };
        match parts.next() {
            Some(more) => Err(format!("{more:?} does not belong to the georel {name}")),
            None => Ok(relation),
        }
    }

    /// Whether a target lies so to a reference.
    pub fn holds(self, target: &Geometry<f64>, reference: &Geometry<f64>) -> bool {
        match self {
            Self::Near { most, least } => {
                let metres = distance(target, reference);
                most.is_none_or(|m| metres <= m) && least.is_none_or(|m| metres >= m)
            }
            Self::Intersects => target.intersects(reference),
            Self::Disjoint => !target.intersects(reference),
            Self::Within => target.relate(reference).is_coveredby(),
            Self::Contains => target.relate(reference).is_covers(),
            Self::Equals => target.relate(reference).is_equal_topo(),
            Self::Overlaps => target.relate(reference).is_overlaps(),
        }
    }

    /// The area, west, south, east, north, outside of which nothing lies so.
    pub fn area(self, reference: &Geometry<f64>) -> Option<[f64; 4]> {
        let rect = reference.bounding_rect()?;
        let (min, max) = (rect.min(), rect.max());
        let more = match self {
            Self::Disjoint | Self::Near { most: None, .. } => return None,
            // A degree of latitude is a little more than 110 km.
            Self::Near { most: Some(m), .. } => m / 110_000.0,
            _ => 0.0,
        };
        let latitude = (min.y.abs().max(max.y.abs()) + more).min(89.9);
        let wide = more / latitude.to_radians().cos();
        Some([min.x - wide, min.y - more, max.x + wide, max.y + more])
    }
}

/// Metres between two geometries, 0 where they meet: on the sphere between points, else between the
/// nearest positions of their outlines.
fn distance(a: &Geometry<f64>, b: &Geometry<f64>) -> f64 {
    use geo::{Closest, HaversineClosestPoint};
    let nearest = |to: &Geometry<f64>, from: Point<f64>| match to.haversine_closest_point(&from) {
        Closest::Intersection(_) => 0.0,
        Closest::SinglePoint(p) => Haversine.distance(p, from),
        Closest::Indeterminate => f64::INFINITY,
    };
    if a.intersects(b) {
        return 0.0;
    }
    use geo::CoordsIter;
    let from_b = b.coords_iter().map(|c| nearest(a, Point(c)));
    let from_a = a.coords_iter().map(|c| nearest(b, Point(c)));
    from_b.chain(from_a).fold(f64::INFINITY, f64::min)
}

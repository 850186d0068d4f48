//! The build request as the real server decodes it: fields by their proto name or their JSON name, unknown ones
//! skipped, `null` as absent, a repeated field refused.

use super::protojson::{Kind, Reader};

/// A pair of texts: every nested message of the protocol has this form.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    /// A plugin's module name, a replacement's new path, an excluded module, a platform's operating system.
    pub(super) first: String,
    /// A plugin's tag, a replacement's old path, an excluded version, a platform's architecture.
    pub(super) second: String,
}

/// `api.request.v1.BuildRequest`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BuildRequest {
    pub(super) request_id: String,
    pub(super) rr_version: String,
    pub(super) force_rebuild: bool,
    /// Operating system and architecture in Go's words.
    pub(super) platform: Option<Pair>,
    /// Module name and tag.
    pub(super) plugins: Vec<Pair>,
    /// New and old, in the order of the proto file.
    pub(super) replaces: Vec<Pair>,
    /// Module and version.
    pub(super) excludes: Vec<Pair>,
    pub(super) race: bool,
    pub(super) debug: bool,
}

/// A field's name in the proto file, and the name that JSON prefers.
type Name = (&'static str, &'static str);

/// In the order of their numbers.
const REQUEST: [Name; 9] = [
    ("request_id", "requestId"),
    ("rr_version", "rrVersion"),
    ("force_rebuild", "forceRebuild"),
    ("target_platform", "targetPlatform"),
    ("plugins", "plugins"),
    ("replaces", "replaces"),
    ("excludes", "excludes"),
    ("race", "race"),
    ("debug", "debug"),
];
const PLATFORM: [Name; 2] = [("os", "os"), ("arch", "arch")];
/// Names of the fields of a plugin; the validation rules use them too.
pub(super) const PLUGIN: [Name; 2] = [("module_name", "moduleName"), ("tag", "tag")];
/// Names of the fields of a replacement.
pub(super) const REPLACE: [Name; 2] = [("new", "new"), ("old", "old")];
/// Names of the fields of an exclusion.
pub(super) const EXCLUDE: [Name; 2] = [("module", "module"), ("version", "version")];

impl BuildRequest {
    /// Decodes a JSON body.
    ///
    /// # Errors
    /// The real server's message, from `unmarshal message:` on.
    pub(super) fn from_json(body: &[u8]) -> Result<Self, String> {
        if body.is_empty() {
            return Err("unmarshal message: zero-length payload is not a valid JSON object".into());
        }
        let mut reader = Reader::new(body);
        Self::read(&mut reader).map_err(|error| {
            format!("unmarshal message: unmarshal into *requestV1.BuildRequest: proto: {error}")
        })
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        let mut request = Self::default();
        object(reader, &REQUEST, |reader, index, name| {
            match index {
                0 => request.request_id = text(reader, name)?,
                1 => request.rr_version = text(reader, name)?,
                2 => request.force_rebuild = flag(reader, name)?,
                3 => request.platform = Some(pair(reader, &PLATFORM)?),
                4 => request.plugins = pairs(reader, &PLUGIN)?,
                5 => request.replaces = pairs(reader, &REPLACE)?,
                6 => request.excludes = pairs(reader, &EXCLUDE)?,
                7 => request.race = flag(reader, name)?,
                _ => request.debug = flag(reader, name)?,
            }
            Ok(())
        })?;
        let token = reader.next()?;
        if token.kind == Kind::End {
            Ok(request)
        } else {
            Err(reader.unexpected(&token))
        }
    }
}

/// Reads one message, and calls `set` with the index of each field that is present and not null.
fn object(
    reader: &mut Reader<'_>,
    names: &[Name],
    mut set: impl FnMut(&mut Reader<'_>, usize, &str) -> Result<(), String>,
) -> Result<(), String> {
    let token = reader.next()?;
    if token.kind != Kind::ObjectOpen {
        return Err(reader.unexpected(&token));
    }
    let mut seen = Vec::new();
    loop {
        let token = reader.next()?;
        match token.kind {
            Kind::ObjectClose => return Ok(()),
            Kind::Name => {}
            _ => return Err(reader.unexpected(&token)),
        }
        let field = names
            .iter()
            .position(|(proto, json)| token.text == *proto || token.text == *json);
        let Some(index) = field else {
            skip(reader)?;
            continue;
        };
        if seen.contains(&index) {
            let raw = String::from_utf8_lossy(token.raw);
            return Err(format!(
                "{}: duplicate field {raw}",
                reader.position(token.at)
            ));
        }
        seen.push(index);
        if reader.peek() == Kind::Null {
            reader.next()?;
            continue;
        }
        set(reader, index, names.get(index).map_or("", |name| name.1))?;
    }
}

fn pair(reader: &mut Reader<'_>, names: &[Name; 2]) -> Result<Pair, String> {
    let mut pair = Pair::default();
    object(reader, names, |reader, index, name| {
        let value = text(reader, name)?;
        if index == 0 {
            pair.first = value
        } else {
            pair.second = value
        }
        Ok(())
    })?;
    Ok(pair)
}

fn pairs(reader: &mut Reader<'_>, names: &[Name; 2]) -> Result<Vec<Pair>, String> {
    let token = reader.next()?;
    if token.kind != Kind::ArrayOpen {
        return Err(reader.unexpected(&token));
    }
    let mut list = Vec::new();
    while reader.peek() != Kind::ArrayClose {
        list.push(pair(reader, names)?);
    }
    reader.next()?;
    Ok(list)
}

fn text(reader: &mut Reader<'_>, name: &str) -> Result<String, String> {
    let token = reader.next()?;
    if token.kind == Kind::Text {
        return Ok(token.text);
    }
    Err(wrong_type(reader, &token, "string", name))
}

fn flag(reader: &mut Reader<'_>, name: &str) -> Result<bool, String> {
    let token = reader.next()?;
    if token.kind == Kind::Bool {
        return Ok(token.raw == b"true");
    }
    Err(wrong_type(reader, &token, "bool", name))
}

fn wrong_type(
    reader: &Reader<'_>,
    token: &super::protojson::Token<'_>,
    kind: &str,
    name: &str,
) -> String {
    let (position, raw) = (
        reader.position(token.at),
        String::from_utf8_lossy(token.raw),
    );
    format!("{position}: invalid value for {kind} field {name}: {raw}")
}

fn skip(reader: &mut Reader<'_>) -> Result<(), String> {
    let mut depth = 0_usize;
    loop {
        match reader.next()?.kind {
            Kind::ObjectOpen | Kind::ArrayOpen => depth += 1,
            Kind::ObjectClose | Kind::ArrayClose => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Ok(());
        }
    }
}

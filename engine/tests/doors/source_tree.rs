//! The modules of a crate, read from its sources: which file defines an item, and which items a file names. Code under
//! `#[cfg(test)]` is left out. Methods are not followed: only paths and imports name a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::Peekable,
    path::{Path, PathBuf},
    str::FromStr as _,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream::IntoIter};

/// The texts of a crate's files by path.
pub type Sources = BTreeMap<PathBuf, String>;

/// A path in code, such as `super::file::QueueFile`.
type Names = Vec<String>;

/// The modules of a crate; the first one is its root.
#[derive(Debug, Default)]
pub struct SourceTree {
    modules: Vec<Module>,
    /// Macros that the crate's root exports.
    macros: BTreeMap<String, usize>,
}

#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    imports: Vec<Import>,
    globs: Vec<Names>,
    /// Paths in code, of one segment too.
    paths: BTreeSet<Names>,
}

#[derive(Debug)]
struct Import {
    name: String,
    path: Names,
    is_reexport: bool,
}

/// The target of a path.
enum Target {
    Module(usize),
    File(usize),
}

impl SourceTree {
    /// Reads the crate with this root file.
    pub fn read(sources: &Sources, root: &str) -> Self {
        let mut tree = Self::default();
        tree.read_file(sources, Path::new(root), None);
        tree
    }

    /// For each file, the files that it names, each with the names.
    pub fn edges(&self) -> BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>> {
        let mut edges: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
        for (number, module) in self.modules.iter().enumerate() {
            let is_named = |name: &str| module.paths.iter().any(|path| path[0] == name);
            // A folder's `mod.rs` imports names for its children too; those count where they are used.
            let passes_on = module.file.ends_with("mod.rs") || module.parent.is_none();
            let imports = module
                .imports
                .iter()
                .filter(|import| is_named(&import.name) || !(import.is_reexport || passes_on));
            let paths = imports.map(|import| &import.path).chain(&module.paths);
            for path in paths {
                if let Some(Target::File(target)) = self.resolve(number, path, 0) {
                    let (from, to) = (&module.file, &self.modules[target].file);
                    if from != to {
                        let named = edges.entry(from.clone()).or_default();
                        let names = named.entry(to.clone()).or_default();
                        names.insert(path.last().unwrap().clone());
                    }
                }
            }
        }
        edges
    }

    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Option<Target> {
        if depth > 16 {
            return None;
        }
        let mut module = from;
        for (at, name) in path.iter().enumerate() {
            let rest = &path[at + 1..];
            let current = &self.modules[module];
            match name.as_str() {
                "crate" => module = 0,
                "super" => module = current.parent?,
                "self" => {}
                _ => match current.children.get(name) {
                    Some(child) if !rest.is_empty() || !current.items.contains(name) => {
                        module = *child;
                    }
                    _ if current.items.contains(name) => return Some(Target::File(module)),
                    _ => match self.imported(module, name, depth)? {
                        Target::Module(imported) => module = imported,
                        file => return Some(file),
                    },
                },
            }
        }
        Some(Target::Module(module))
    }

    /// The target of a name that a module imports.
    fn imported(&self, module: usize, name: &str, depth: usize) -> Option<Target> {
        if module == 0
            && let Some(module) = self.macros.get(name)
        {
            return Some(Target::File(*module));
        }
        let current = &self.modules[module];
        let import = current.imports.iter().find(|import| import.name == name);
        if let Some(import) = import {
            return self.resolve(module, &import.path, depth + 1);
        }
        current.globs.iter().find_map(|glob| {
            let path: Names = glob.iter().cloned().chain([name.to_owned()]).collect();
            self.resolve(module, &path, depth + 1)
        })
    }

    fn read_file(&mut self, sources: &Sources, file: &Path, parent: Option<usize>) -> usize {
        let text = sources.get(file);
        let text = text.unwrap_or_else(|| panic!("{} is missing", file.display()));
        let tokens = TokenStream::from_str(text);
        let tokens = tokens.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.read_module(sources, file, parent, tokens)
    }

    fn read_module(
        &mut self,
        sources: &Sources,
        file: &Path,
        parent: Option<usize>,
        tokens: TokenStream,
    ) -> usize {
        let number = self.modules.len();
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            ..Module::default()
        });
        self.read_code(sources, number, tokens, true);
        number
    }

    /// Reads the tokens of a module, or of a group inside one.
    fn read_code(
        &mut self,
        sources: &Sources,
        module: usize,
        tokens: TokenStream,
        are_items: bool,
    ) {
        let mut tokens = tokens.into_iter().peekable();
        let (mut is_public, mut is_exported) = (false, false);
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let attribute = attribute(&mut tokens);
                    is_exported |= attribute.starts_with("macro_export");
                    match attribute.as_str() {
                        "cfg(test)" => skip_item(&mut tokens),
                        _ => continue,
                    }
                }
                // A method or a field: its name is in no module. Two dots are a range, or a rest.
                TokenTree::Punct(punct) if punct.as_char() == '.' => {
                    let second = tokens.next_if(|token| is_punct(Some(token), '.'));
                    second.is_none().then(|| next_ident(&mut tokens));
                }
                TokenTree::Ident(ident) => match ident.to_string().as_str() {
                    "pub" => {
                        is_public = true;
                        if matches!(tokens.peek(), Some(TokenTree::Group(group))
                            if group.delimiter() == Delimiter::Parenthesis)
                        {
                            tokens.next();
                        }
                        continue;
                    }
                    "use" if !is_punct(tokens.peek(), '<') => {
                        let tree = tokens
                            .by_ref()
                            .take_while(|token| !is_punct(Some(token), ';'));
                        self.read_use(module, tree.collect(), &[], is_public);
                    }
                    "mod" if are_items => self.read_child(sources, module, &mut tokens),
                    "macro_rules" => {
                        tokens.next();
                        let name = next_ident(&mut tokens).unwrap();
                        if is_exported {
                            self.macros.insert(name.clone(), module);
                        }
                        self.modules[module].items.insert(name);
                    }
                    "struct" | "enum" | "trait" | "type" | "static" | "const" | "fn" | "union"
                        if are_items =>
                    {
                        if matches!(tokens.peek(), Some(TokenTree::Ident(next)) if next != "fn")
                            && let Some(name) = next_ident(&mut tokens)
                        {
                            self.modules[module].items.insert(name);
                        }
                    }
                    first => {
                        let path = rest_of_path(first, &mut tokens);
                        self.modules[module].paths.insert(path);
                    }
                },
                TokenTree::Group(group) => {
                    self.read_code(sources, module, group.stream(), false);
                }
                _ => {}
            }
            (is_public, is_exported) = (false, false);
        }
    }

    /// Reads `name;` or `name { … }` after `mod`.
    fn read_child(&mut self, sources: &Sources, module: usize, tokens: &mut Peekable<IntoIter>) {
        let Some(name) = next_ident(tokens) else {
            return;
        };
        let file = self.modules[module].file.clone();
        let child = match tokens.next() {
            Some(TokenTree::Group(group)) => {
                self.read_module(sources, &file, Some(module), group.stream())
            }
            _ => {
                let is_folder = ["mod.rs", "lib.rs", "main.rs"].map(Path::new);
                let is_folder = is_folder.contains(&Path::new(file.file_name().unwrap()));
                let folder = match is_folder {
                    true => file.parent().unwrap().to_owned(),
                    false => file.with_extension(""),
                };
                let flat = folder.join(format!("{name}.rs"));
                let path = match sources.contains_key(&flat) {
                    true => flat,
                    false => folder.join(&name).join("mod.rs"),
                };
                self.read_file(sources, &path, Some(module))
            }
        };
        self.modules[module].children.insert(name, child);
    }

    /// Reads a tree behind `use`.
    fn read_use(&mut self, module: usize, tree: TokenStream, prefix: &[String], is_reexport: bool) {
        let mut path = prefix.to_vec();
        let mut alias = None;
        let mut tokens = tree.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) if ident == "as" => alias = next_ident(&mut tokens),
                TokenTree::Ident(ident) if ident == "self" && !path.is_empty() => {}
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => {
                    self.modules[module].globs.push(path);
                    return;
                }
                TokenTree::Group(group) => {
                    for part in split_at_commas(group.stream()) {
                        self.read_use(module, part, &path, is_reexport);
                    }
                    return;
                }
                _ => {}
            }
        }
        if let Some(last) = path.last() {
            let name = alias.unwrap_or_else(|| last.clone());
            self.modules[module].imports.push(Import {
                name,
                path,
                is_reexport,
            });
        }
    }
}

fn is_punct(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

fn next_ident(tokens: &mut Peekable<IntoIter>) -> Option<String> {
    match tokens.next_if(|token| matches!(token, TokenTree::Ident(_)))? {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

/// The segments of a path after its first one.
fn rest_of_path(first: &str, tokens: &mut Peekable<IntoIter>) -> Names {
    let mut path = vec![first.to_owned()];
    while is_punct(tokens.peek(), ':') {
        let mut ahead = tokens.clone();
        ahead.next();
        if !is_punct(ahead.next().as_ref(), ':') {
            break;
        }
        let Some(TokenTree::Ident(next)) = ahead.next() else {
            break;
        };
        path.push(next.to_string());
        *tokens = ahead_of(tokens, 3);
    }
    path
}

fn ahead_of(tokens: &Peekable<IntoIter>, count: usize) -> Peekable<IntoIter> {
    let mut ahead = tokens.clone();
    ahead.by_ref().take(count).for_each(drop);
    ahead
}

/// The text of an attribute, without white space.
fn attribute(tokens: &mut Peekable<IntoIter>) -> String {
    tokens.next_if(|token| is_punct(Some(token), '!'));
    match tokens.next_if(|token| matches!(token, TokenTree::Group(_))) {
        Some(TokenTree::Group(group)) => group.stream().to_string().replace(' ', ""),
        _ => String::new(),
    }
}

/// Skips an item: up to its body, or its semicolon.
fn skip_item(tokens: &mut Peekable<IntoIter>) {
    let mut is_use = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == "use" => is_use = true,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !is_use => return,
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            _ => {}
        }
    }
}

fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let parts = tokens.split(|token| is_punct(Some(token), ','));
    parts.map(|part| part.iter().cloned().collect()).collect()
}

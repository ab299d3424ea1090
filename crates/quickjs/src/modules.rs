//! Where modules come from: `node:` names and the runtime's own are inside, all others are files.

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::{Declarations, Declared, Exports, ModuleDef};
use rquickjs::{Ctx, Error, Module, Object, Value};
use std::path::{Component, Path, PathBuf};

/// The functions that `natives` makes, as a module.
const NATIVE: &str = "forebay:native";
/// A realm's first module.
pub(crate) const START: &str = "forebay:start";
/// Where a realm's natives wait for [`NATIVE`] to be imported.
pub(crate) const NATIVE_GLOBAL: &str = "forebayNative";

macro_rules! inside {
    ($($name:literal: $file:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../js/", $file)))),*]
    };
}

/// Names of modules, with their texts.
pub type Modules = &'static [(&'static str, &'static str)];

/// What is carried inside, by its name.
const OWN: Modules = inside![
    "forebay:start": "start.js",
    "forebay:handles": "handles.js",
    "forebay:copy": "copy.js",
    "forebay:timers": "timers.js",
    "node:child_process": "child_process.js",
    "node:events": "events.js",
    "node:fs": "fs.js",
    "node:module": "module.js",
    "node:net": "net.js",
    "node:os": "os.js",
    "node:path": "path.js",
    "node:process": "process.js",
    "node:url": "url.js",
    "node:worker_threads": "worker_threads.js",
];

/// Our own modules, and those that somebody has added.
pub(crate) struct Inside(pub(crate) Modules);

impl Inside {
    fn text(&self, name: &str) -> Option<&'static str> {
        OWN.iter().chain(self.0).find(|(known, _)| *known == name).map(|(_, text)| *text)
    }
}

impl Resolver for Inside {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        if name == NATIVE || self.text(name).is_some() {
            return Ok(name.to_owned());
        }
        if name.starts_with('.') || name.starts_with('/') {
            return Ok(normal(&Path::new(base).with_file_name(name)).to_string_lossy().into_owned());
        }
        Err(Error::new_resolving(base, name))
    }
}

/// Without `.` and `..`, by the text alone.
fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

impl Loader for Inside {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        if name == NATIVE {
            return Module::declare_def::<Natives, _>(ctx.clone(), name);
        }
        if let Some(text) = self.text(name) {
            return Module::declare(ctx.clone(), name, text);
        }
        let text =
            std::fs::read(name).map_err(|error| Error::new_loading_message(name, error.to_string()))?;
        let module = Module::declare(ctx.clone(), name, text)?;
        module.meta()?.set("url", format!("file://{name}"))?;
        Ok(module)
    }
}

/// The default export of [`NATIVE`].
struct Natives;

impl ModuleDef for Natives {
    fn declare(declarations: &Declarations<'_>) -> rquickjs::Result<()> {
        declarations.declare("default")?;
        Ok(())
    }

    fn evaluate<'js>(ctx: &Ctx<'js>, exports: &Exports<'js>) -> rquickjs::Result<()> {
        let globals: Object<'js> = ctx.globals();
        let natives: Value<'js> = globals.get(NATIVE_GLOBAL)?;
        exports.export("default", natives)?;
        globals.remove(NATIVE_GLOBAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What a file imports is found from where the file is.
    #[test]
    fn paths() {
        let resolved = |base: &str, name: &str| normal(&Path::new(base).with_file_name(name));
        assert_eq!(resolved("/a/b/c.js", "./d.js"), Path::new("/a/b/d.js"));
        assert_eq!(resolved("/a/b/c.js", "../../d.js"), Path::new("/d.js"));
        assert_eq!(resolved("/a/b/c.js", "/e/d.js"), Path::new("/e/d.js"));
    }
}

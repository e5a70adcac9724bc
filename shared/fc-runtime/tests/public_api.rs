//! What the crate offers, as a listing: a change of it shows in a review.
//!
//! The listing is read from the sources, not from rustdoc's JSON: that needs a nightly compiler and a
//! second build of the crate, and changes its format with the compiler. What a derive or a macro
//! expands to is not seen; the derive and the macro's input are.
//!
//! To write it anew: `UPDATE_PUBLIC_API=1 cargo test -p fc_runtime --test public_api`.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::{Attribute, Block, Fields, File, ImplItem, Item, TraitItem, Type, Visibility, parse_quote};

const LISTING: &str = "tests/public-api.txt";

#[test]
fn the_surface_is_as_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut modules = Vec::new();
    read(&root.join("src/lib.rs"), &root.join("src"), "fc_runtime", &mut modules);
    let items = || modules.iter().flat_map(|module| &module.items);
    let public =
        Public { types: items().filter_map(public_type).collect(), traits: items().filter_map(public_trait).collect() };
    let mut found = String::new();
    for module in modules {
        let items: Vec<Item> = module.items.into_iter().filter_map(|item| listed(item, &public)).collect();
        if !items.is_empty() {
            let file = File { shebang: None, attrs: Vec::new(), items };
            found.push_str(&format!("// {}\n{}\n", module.path, prettyplease::unparse(&file)));
        }
    }
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        std::fs::write(root.join(LISTING), &found).unwrap();
    }
    let listed = std::fs::read_to_string(root.join(LISTING)).unwrap_or_default();
    for (number, (found, listed)) in found.lines().zip(listed.lines()).enumerate() {
        assert_eq!(found, listed, "line {} of {LISTING}; the head of this test says how to update it", number + 1);
    }
    assert_eq!(found.lines().count(), listed.lines().count(), "lines of {LISTING}");
}

/// Names of what is public.
struct Public {
    types: BTreeSet<String>,
    traits: BTreeSet<String>,
}

/// One source file.
struct Module {
    path: String,
    items: Vec<Item>,
}

/// Reads a file and the modules that it declares, in the order of their names.
fn read(file: &Path, dir: &Path, path: &str, modules: &mut Vec<Module>) {
    let source = std::fs::read_to_string(file).unwrap();
    let items = syn::parse_file(&source).unwrap().items;
    let mut children: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            Item::Mod(module) if module.content.is_none() && !is_of_tests(&module.attrs) => {
                Some(module.ident.to_string())
            }
            _ => None,
        })
        .collect();
    children.sort();
    modules.push(Module { path: path.to_owned(), items });
    for child in children {
        let inside = dir.join(&child);
        let candidates: [PathBuf; 2] = [dir.join(format!("{child}.rs")), inside.join("mod.rs")];
        let file = candidates.iter().find(|file| file.exists()).unwrap();
        read(file, &inside, &format!("{path}::{child}"), modules);
    }
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn public_type(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) if is_public(&item.vis) => Some(item.ident.to_string()),
        Item::Enum(item) if is_public(&item.vis) => Some(item.ident.to_string()),
        _ => None,
    }
}

fn public_trait(item: &Item) -> Option<String> {
    match item {
        Item::Trait(item) if is_public(&item.vis) => Some(item.ident.to_string()),
        _ => None,
    }
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// The item as it is listed: without docs, bodies and what is private.
fn listed(item: Item, public: &Public) -> Option<Item> {
    let mut item = item;
    match &mut item {
        Item::Use(item) if is_public(&item.vis) => strip(&mut item.attrs),
        Item::Mod(item) if is_public(&item.vis) => strip(&mut item.attrs),
        Item::Type(item) if is_public(&item.vis) => strip(&mut item.attrs),
        Item::Const(item) if is_public(&item.vis) => strip(&mut item.attrs),
        Item::Fn(item) if is_public(&item.vis) => {
            strip(&mut item.attrs);
            *item.block = nothing();
        }
        Item::Struct(item) if is_public(&item.vis) => {
            strip(&mut item.attrs);
            let before = item.fields.len();
            keep_public(&mut item.fields);
            if item.fields.len() < before {
                item.attrs.push(parse_quote!(#[has_private_fields]));
            }
        }
        Item::Enum(item) if is_public(&item.vis) => {
            strip(&mut item.attrs);
            for variant in &mut item.variants {
                strip(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| strip(&mut field.attrs));
            }
        }
        Item::Trait(item) if is_public(&item.vis) => {
            strip(&mut item.attrs);
            for member in &mut item.items {
                match member {
                    TraitItem::Fn(method) => {
                        strip(&mut method.attrs);
                        method.default = method.default.as_ref().map(|_| nothing());
                    }
                    TraitItem::Type(kind) => strip(&mut kind.attrs),
                    TraitItem::Const(constant) => strip(&mut constant.attrs),
                    _ => {}
                }
            }
        }
        Item::Impl(item) => {
            let implemented = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
            let of_trait = implemented.is_some_and(|segment| public.traits.contains(&segment.ident.to_string()));
            let on_type = name_of(&item.self_ty).is_some_and(|name| public.types.contains(&name));
            if !of_trait && !on_type {
                return None;
            }
            strip(&mut item.attrs);
            let inherent = item.trait_.is_none();
            item.items.retain(|member| match member {
                ImplItem::Fn(method) => inherent && is_public(&method.vis),
                ImplItem::Type(_) => true,
                ImplItem::Const(constant) => inherent && is_public(&constant.vis),
                _ => false,
            });
            for member in &mut item.items {
                if let ImplItem::Fn(method) = member {
                    strip(&mut method.attrs);
                    method.block = nothing();
                }
            }
            if inherent && item.items.is_empty() {
                return None;
            }
        }
        Item::Macro(item) if item.mac.path.is_ident("pin_project") => {
            return listed(syn::parse2(item.mac.tokens.clone()).unwrap(), public);
        }
        // Impls that a macro makes: its input is what a reader needs.
        Item::Macro(item) if item.ident.is_none() && !item.mac.path.is_ident("thread_local") => strip(&mut item.attrs),
        _ => return None,
    }
    Some(item)
}

fn name_of(kind: &Type) -> Option<String> {
    match kind {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn nothing() -> Block {
    parse_quote!({})
}

fn keep_public(fields: &mut Fields) {
    let visible = |field: &syn::Field| is_public(&field.vis);
    match fields {
        Fields::Named(named) => named.named = pruned(&named.named, visible),
        Fields::Unnamed(unnamed) => unnamed.unnamed = pruned(&unnamed.unnamed, visible),
        Fields::Unit => {}
    }
    fields.iter_mut().for_each(|field| strip(&mut field.attrs));
}

fn pruned<P: Default>(
    fields: &Punctuated<syn::Field, P>,
    visible: impl Fn(&syn::Field) -> bool,
) -> Punctuated<syn::Field, P> {
    fields.iter().filter(|field| visible(field)).cloned().collect()
}

fn strip(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| !attribute.path().is_ident("doc"));
}

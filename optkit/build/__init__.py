"""Build variants: keys and stages, the store, what a recipe cannot handle, and the builder that walks it all."""

"""Search for the best recipe of a model under a budget: a recipe with holes, a sampler that fills them, a verdict."""

"""Training a configuration once per fold, so that every labelled photo is predicted by a model that never saw it."""

"""An embedded ML-platform API with faults on demand: the default system and the bench of truth."""

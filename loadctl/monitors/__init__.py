"""How the system is watched: sources that yield readings and events, and the sampler that asks them."""

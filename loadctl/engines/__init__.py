"""How load is made: foreign engines behind one seam (base.py)."""

"""hpsearch: from a search space to a model you can ship."""

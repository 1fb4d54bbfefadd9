"""The tormentor: when it strikes, what it strikes, and what must come out."""

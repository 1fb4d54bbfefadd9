"""A study in motion: the session, the loop over events, and the decisions that it stores."""

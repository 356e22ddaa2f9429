"""The same request to the real kubectl and to our actions, on twins: the same end state."""
